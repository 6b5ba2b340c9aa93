//! What counts as one client, for limits: an address, a field's value, or the host that is asked for.

use std::net::IpAddr;

use ::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::config::dynamic::SourceCriterion;
use crate::http::{Context, Request};
use crate::types::IpStrategy;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A configured `sourceCriterion`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Address(IpStrategy),
    Field(HeaderName),
    Host,
}

impl Source {
    /// At most one criterion may be set; `default` where none is.
    pub(super) fn new(config: Option<&SourceCriterion>, default: Self) -> Result<Self, String> {
        let Some(config) = config else {
            return Ok(default);
        };
        let field = !config.request_header_name.is_empty();
        match (&config.ip_strategy, field, config.request_host) {
            (Some(_), true, _) => {
                Err("iPStrategy and RequestHeaderName are mutually exclusive".to_owned())
            }
            (Some(_), _, true) => {
                Err("iPStrategy and RequestHost are mutually exclusive".to_owned())
            }
            (_, true, true) => {
                Err("requestHost and RequestHeaderName are mutually exclusive".to_owned())
            }
            (Some(strategy), ..) => {
                let strategy = strategy.strategy().map_err(|error| error.to_string())?;
                Ok(Self::Address(strategy))
            }
            (None, true, _) => HeaderName::from_bytes(config.request_header_name.as_bytes())
                .map(Self::Field)
                .map_err(|_| format!("{:?} is no header name", config.request_header_name)),
            (None, false, true) => Ok(Self::Host),
            (None, false, false) => Ok(default),
        }
    }

    /// Calls `with` with the bytes that tell this request's client from others.
    pub(super) fn with<R>(
        &self,
        cx: &Context,
        request: &Request,
        with: impl FnOnce(&[u8]) -> R,
    ) -> R {
        match self {
            Self::Address(IpStrategy::Peer { ipv6_subnet: None }) => {
                match cx.connection.peer.ip().to_canonical() {
                    IpAddr::V4(address) => with(&address.octets()),
                    IpAddr::V6(address) => with(&address.octets()),
                }
            }
            _ => self.with_text(cx, request, with),
        }
    }

    /// As [`Self::with`], in Traefik's words: an address is text.
    pub(super) fn with_text<R>(
        &self,
        cx: &Context,
        request: &Request,
        with: impl FnOnce(&[u8]) -> R,
    ) -> R {
        let value = |name: &HeaderName| {
            request
                .headers
                .get(name)
                .map_or(&b""[..], HeaderValue::as_bytes)
        };
        match self {
            Self::Address(strategy) => {
                let known = forwarded_for(&request.headers);
                let peer = cx.connection.peer.ip().to_canonical();
                with(strategy.client(peer, &known).as_bytes())
            }
            Self::Field(name) => with(value(name)),
            Self::Host => with(value(&header::HOST)),
        }
    }
}

/// The lines of `X-Forwarded-For` as one.
pub(super) fn forwarded_for(headers: &HeaderMap) -> std::borrow::Cow<'_, str> {
    let mut lines = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .map(|line| String::from_utf8_lossy(line.as_bytes()));
    match (lines.next(), lines.next()) {
        (None, _) => "".into(),
        (Some(line), None) => line,
        (Some(first), Some(second)) => {
            let mut joined = first.into_owned();
            for line in std::iter::once(second).chain(lines) {
                joined.push(',');
                joined.push_str(&line);
            }
            joined.into()
        }
    }
}
