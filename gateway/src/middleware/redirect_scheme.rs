//! `redirectScheme`: sends clients to the same URL with another scheme or port.

use ::http::{HeaderName, header};

use super::filter::{Act, Step};
use crate::config::dynamic::RedirectScheme as Config;
use crate::http::{Context, Request, redirect};

const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// See the module.
#[derive(Debug)]
pub struct RedirectScheme {
    scheme: String,
    /// Empty for the scheme's own.
    port: String,
    permanent: bool,
}

impl RedirectScheme {
    /// The scheme must be named.
    pub fn new(config: &Config) -> Result<Self, String> {
        if config.scheme.is_empty() {
            return Err("you must provide a target scheme".to_owned());
        }
        let default = is_default(&config.scheme, &config.port);
        Ok(Self {
            scheme: config.scheme.clone(),
            port: if default {
                String::new()
            } else {
                config.port.clone()
            },
            permanent: config.permanent,
        })
    }
}

fn is_default(scheme: &str, port: &str) -> bool {
    matches!((scheme, port), ("http", "80") | ("https", "443"))
}

/// The scheme that the client used: what a trusted proxy says of it (others were not let through), else ours.
/// A WebSocket's handshake is HTTP.
fn client_scheme(cx: &Context, request: &Request) -> &'static str {
    let said = request
        .headers
        .get(PROTO)
        .map_or(&b""[..], |value| value.as_bytes());
    for (name, scheme) in [
        ("http", "http"),
        ("ws", "http"),
        ("https", "https"),
        ("wss", "https"),
    ] {
        if said.eq_ignore_ascii_case(name.as_bytes()) {
            return scheme;
        }
    }
    if cx.connection.tls.is_some() {
        "https"
    } else {
        "http"
    }
}

/// Host and port of a `Host` field; the host keeps its brackets.
fn split(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        Some((name, port))
            if (!name.contains(':') || name.ends_with(']'))
                && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (name, port)
        }
        _ => (host, ""),
    }
}

impl Act for RedirectScheme {
    type Memo = ();

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        let scheme = client_scheme(cx, request);
        let host = request.headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        let (host, port) = split(host);
        let port = if is_default(scheme, port) { "" } else { port };
        if scheme == self.scheme && port == self.port {
            return Step::NEXT;
        }
        let colon = if self.port.is_empty() { "" } else { ":" };
        let slash = if request.target.path().is_empty() {
            "/"
        } else {
            ""
        };
        let target = String::from_utf8_lossy(request.target.as_bytes());
        let url = [&self.scheme, "://", host, colon, &self.port, slash, &target].concat();
        Step::answer(redirect(&url, &request.method, self.permanent))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::Response;
    use crate::middleware::filter::Outcome;
    use crate::middleware::testing::{context, decide, request_with, secure_context};

    fn go(
        scheme: &str,
        port: &str,
        tls: bool,
        fields: &[(&'static str, &'static str)],
    ) -> Option<Response> {
        let filter = RedirectScheme::new(&Config {
            scheme: scheme.to_owned(),
            port: port.to_owned(),
            permanent: false,
        })
        .unwrap();
        let mut request = request_with("/x?y", &[]);
        for &(name, value) in fields {
            request
                .headers
                .insert(name, ::http::HeaderValue::from_static(value));
        }
        let mut cx = if tls { secure_context() } else { context() };
        match decide(&filter, &mut cx, &mut request) {
            Outcome::Answer(response) => Some(*response),
            _ => None,
        }
    }

    #[test]
    fn scheme_and_port() {
        for (scheme, port, tls, host, location) in [
            (
                "https",
                "",
                false,
                "a.test:8080",
                Some("https://a.test/x?y"),
            ),
            ("https", "443", false, "a.test", Some("https://a.test/x?y")),
            (
                "https",
                "8443",
                false,
                "a.test",
                Some("https://a.test:8443/x?y"),
            ),
            ("https", "8443", true, "a.test:8443", None),
            ("https", "", true, "a.test:443", None),
            ("https", "", true, "a.test", None),
            ("https", "", false, "[::1]:80", Some("https://[::1]/x?y")),
            ("http", "", true, "a.test", Some("http://a.test/x?y")),
        ] {
            let response = go(scheme, port, tls, &[("host", host)]);
            let found = response
                .as_ref()
                .map(|response| &response.headers()["location"]);
            assert_eq!(
                found.map(|value| value.to_str().unwrap()),
                location,
                "{host}"
            );
        }
    }

    #[test]
    fn a_proxy_may_say_the_scheme() {
        for (said, redirected) in [
            ("https", false),
            ("WSS", false),
            ("ws", true),
            ("bogus", true),
        ] {
            let response = go("https", "", false, &[("x-forwarded-proto", said)]);
            assert_eq!(response.is_some(), redirected, "{said}");
        }
        assert!(go("https", "", true, &[("x-forwarded-proto", "http")]).is_some());
    }
}
