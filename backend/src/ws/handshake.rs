//! Which upgrade requests are accepted, and what the others are told (spec 3.1). Pure.
//!
//! Order of refusals: method, path, upgrade headers, origin, auth, target, limits (the last is `door`'s). The texts of the
//! first three are those of the service before this one.

use std::net::IpAddr;

use http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::recovery::Since;
use crate::auth::{Denied, Guard, Identity, Role};
use crate::hub::Channels;

/// Where sockets are served, and the channel that a path stands for.
pub const PATHS: [(&str, Option<&str>); 4] = [
    ("/api/stream/ws", None),
    ("/stream/ws", None),
    ("/ws", None),
    ("/stream/preview", Some("preview")),
];

/// With debug endpoints: frames are sent back as they are, which is what protocol test suites expect.
pub(super) const ECHO: &str = "/debug/echo";

/// Paths of REST, which say more in a 426.
const REST_PATHS: [&str; 2] = ["/api/stream/ws", "/stream/ws"];

/// A request that may become a socket.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) key: HeaderValue,
    pub(super) protocol: Option<HeaderValue>,
    pub(super) targets: Channels,
    /// What a client that comes back has.
    pub(super) since: Option<Since>,
    pub(super) identity: Identity,
    pub(super) address: IpAddr,
    /// It is for [`ECHO`].
    pub(super) raw: bool,
}

/// A request that may not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) body: Body,
    /// For metrics.
    pub(super) reason: &'static str,
    /// Boxed: refusals are handed up by value, and few have one.
    pub(super) header: Option<Box<(HeaderName, HeaderValue)>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    Text(&'static str),
    /// Code and message of the error envelope.
    Json(&'static str, String),
}

impl Refusal {
    fn text(status: StatusCode, text: &'static str, reason: &'static str) -> Self {
        Self {
            status,
            body: Body::Text(text),
            reason,
            header: None,
        }
    }

    pub(super) fn json(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        reason: &'static str,
    ) -> Self {
        Self {
            status,
            body: Body::Json(code, message.into()),
            reason,
            header: None,
        }
    }

    pub(super) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some(Box::new((name, HeaderValue::from_static(value))));
        self
    }
}

/// Whether a request wants to be upgraded at all.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE) && has_token(headers, &CONNECTION, "upgrade")
}

/// A request without `Upgrade`.
pub(super) fn upgrade_required(path: &str) -> Refusal {
    let text = match REST_PATHS.contains(&path) {
        true => "Expected Upgrade: websocket",
        false => "Upgrade Required",
    };
    Refusal::text(StatusCode::UPGRADE_REQUIRED, text, "no_upgrade").with(UPGRADE, "websocket")
}

/// Looks at an upgrade request. `internal` is the health check's own, which is spared questions; `debug` lets [`ECHO`] be.
pub(super) fn examine(
    parts: &Parts,
    peer: IpAddr,
    guard: &Guard,
    internal: bool,
    debug: bool,
) -> Result<Accepted, Refusal> {
    let headers = &parts.headers;
    if parts.method != Method::GET {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        return Err(
            Refusal::text(status, "Invalid HTTP method", "method").with(http::header::ALLOW, "GET")
        );
    }
    let path = parts.uri.path();
    let raw = debug && path == ECHO;
    let known = PATHS.iter().find(|(known, _)| *known == path);
    let channel = known.map(|(_, channel)| *channel);
    let Some(channel) = channel.or(raw.then_some(None)) else {
        return Err(Refusal::text(
            StatusCode::BAD_REQUEST,
            "Bad Request",
            "path",
        ));
    };
    let key = upgrade_headers(headers)?;
    let address = guard.address(peer, headers);
    let identity = match internal {
        true => Identity {
            internal,
            ..Identity::new("health", Role::Viewer)
        },
        false => {
            guard
                .origin(peer, headers)
                .map_err(|denied| refuse(denied, "origin"))?;
            guard
                .identify(peer, headers)
                .map_err(|denied| refuse(denied, "auth"))?
        }
    };
    let query = parts.uri.query().unwrap_or_default();
    let targets = targets(query, channel)?;
    Ok(Accepted {
        key,
        protocol: protocol(headers),
        targets,
        since: Since::of_query(query),
        identity,
        address,
        raw,
    })
}

fn upgrade_headers(headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
    let bad = |text| Refusal::text(StatusCode::BAD_REQUEST, text, "headers");
    if !has_token(headers, &UPGRADE, "websocket") {
        return Err(bad("Invalid Upgrade header"));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    let key = key.ok_or_else(|| bad("Missing or invalid Sec-WebSocket-Key header"))?;
    let version = headers
        .get(SEC_WEBSOCKET_VERSION)
        .map(HeaderValue::as_bytes);
    if !matches!(version, Some(b"13" | b"8")) {
        let refusal = bad("Missing or invalid Sec-WebSocket-Version header");
        return Err(refusal.with(SEC_WEBSOCKET_VERSION, "13"));
    }
    Ok(key.clone())
}

/// 16 bytes in base64.
fn is_key(key: &HeaderValue) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    matches!(key.as_bytes(), [digits @ .., b'=', b'='] if digits.len() == 22 && digits.iter().all(digit))
}

fn refuse(denied: Denied, reason: &'static str) -> Refusal {
    match denied {
        Denied::Unauthorized(text) => {
            Refusal::json(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", text, reason)
                .with(http::header::WWW_AUTHENTICATE, "Bearer")
        }
        Denied::Forbidden(text) => Refusal::json(StatusCode::FORBIDDEN, "FORBIDDEN", text, reason),
    }
}

/// A parameter of a query, its escapes read.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(known, _)| *known == name)
        .map(|(_, value)| percent_decoded(value))
}

/// `target=…` of a query, or what the path stands for; else what is wrong with it.
pub(super) fn channels(query: &str, channel: Option<&str>) -> Result<Channels, String> {
    let given = parameter(query, "target");
    let list = given.as_deref().or(channel).unwrap_or_default();
    Channels::parse(list).map_err(|name| {
        let name: String = name.chars().take(64).collect();
        let served = crate::hub::Channel::ALL.map(crate::hub::Channel::name);
        format!("Unknown target: {name}; allowed: {}", served.join(", "))
    })
}

fn targets(query: &str, channel: Option<&str>) -> Result<Channels, Refusal> {
    channels(query, channel).map_err(|message| {
        let status = StatusCode::BAD_REQUEST;
        Refusal::json(status, "VALIDATION_ERROR", message, "target")
    })
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = rest
            .get(if escaped.is_some() { 3 } else { 1 }..)
            .unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// `stream.v1` if it is offered, else the first one that is no token.
fn protocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty() && !name.starts_with("bearer."));
    let offered: Vec<&str> = offered.collect();
    let chosen = offered
        .iter()
        .find(|name| **name == "stream.v1")
        .or(offered.first());
    chosen.and_then(|name| HeaderValue::from_str(name).ok())
}

/// Whether a list header holds a token, whatever its case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}
