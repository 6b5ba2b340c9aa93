//! What a request is counted as: method, protocol and code, folded into one number.

use http::{HeaderMap, HeaderName, Method, header};

/// Traefik's values of the label `method`; the last stands for every other one.
const METHODS: [&str; 11] = [
    "HEAD",
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "PRI",
    "EXTENSION_METHOD",
];
/// Values of the label `protocol`.
const PROTOCOLS: [&str; 5] = ["http", "websocket", "sse", "grpc-web", "grpc"];
const GRPC_WEB: u8 = 3;
const GRPC: u8 = 4;

/// Method and protocol of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kind {
    method: u8,
    protocol: u8,
}

impl Kind {
    /// Looks at a request's head.
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        Self {
            method: method_index(method),
            protocol: protocol_index(headers),
        }
    }

    /// Whether the status that counts is that of gRPC.
    pub fn is_grpc(self) -> bool {
        matches!(self.protocol, GRPC_WEB | GRPC)
    }

    /// One number for a series: this and the status.
    pub(super) fn key(self, code: u16) -> Key {
        Key(u32::from(code) << 8 | u32::from(self.method) << 4 | u32::from(self.protocol))
    }
}

/// Code, method and protocol of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(pub(super) u32);

impl Key {
    pub(super) fn code(self) -> u32 {
        self.0 >> 8
    }

    pub(super) fn method(self) -> &'static str {
        METHODS
            .get((self.0 >> 4 & 15) as usize)
            .unwrap_or(&METHODS[10])
    }

    pub(super) fn protocol(self) -> &'static str {
        PROTOCOLS
            .get((self.0 & 15) as usize)
            .unwrap_or(&PROTOCOLS[0])
    }
}

fn method_index(method: &Method) -> u8 {
    match *method {
        Method::HEAD => 0,
        Method::GET => 1,
        Method::POST => 2,
        Method::PUT => 3,
        Method::DELETE => 4,
        Method::CONNECT => 5,
        Method::OPTIONS => 6,
        Method::TRACE => 7,
        Method::PATCH => 8,
        ref other if other.as_str() == "PRI" => 9,
        _ => 10,
    }
}

fn protocol_index(headers: &HeaderMap) -> u8 {
    if lists(headers, &header::CONNECTION, "upgrade")
        && lists(headers, &header::UPGRADE, "websocket")
    {
        return 1;
    }
    if lists(headers, &header::ACCEPT, "text/event-stream") {
        return 2;
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map_or(&[][..], |value| value.as_bytes());
    if content_type.starts_with(b"application/grpc-web") {
        GRPC_WEB
    } else if content_type.starts_with(b"application/grpc") {
        GRPC
    } else {
        0
    }
}

/// Whether the first field of that name lists `token`.
fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers.get(name).is_some_and(|value| {
        value
            .as_bytes()
            .split(|&byte| byte == b',')
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn labels(
        method: &str,
        fields: &[(&'static str, &'static str)],
    ) -> (&'static str, &'static str) {
        let headers = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let key = Kind::of(&method.parse().unwrap(), &headers).key(200);
        assert_eq!(key.code(), 200);
        (key.method(), key.protocol())
    }

    #[test]
    fn methods_are_a_closed_set() {
        for method in &METHODS[..10] {
            assert_eq!(labels(method, &[]).0, *method);
        }
        assert_eq!(labels("BREW", &[]).0, "EXTENSION_METHOD");
        assert_eq!(labels("get", &[]).0, "EXTENSION_METHOD");
    }

    #[test]
    fn protocols() {
        let upgrade = ("connection", "keep-alive, Upgrade");
        assert_eq!(
            labels("GET", &[upgrade, ("upgrade", "WebSocket")]).1,
            "websocket"
        );
        assert_eq!(labels("GET", &[("upgrade", "websocket")]).1, "http");
        assert_eq!(labels("GET", &[("accept", "text/event-stream")]).1, "sse");
        assert_eq!(
            labels("POST", &[("content-type", "application/grpc+proto")]).1,
            "grpc"
        );
        assert_eq!(
            labels("POST", &[("content-type", "application/grpc-web")]).1,
            "grpc-web"
        );
        assert_eq!(
            labels("POST", &[("content-type", "application/json")]).1,
            "http"
        );
    }
}
