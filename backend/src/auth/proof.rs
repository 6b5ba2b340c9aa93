//! What a request shows to prove who sends it.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL};

/// The cookie of browser sessions.
const SESSION: &str = "__session";

/// One proof; the first of these that a request has is the one that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof<'a> {
    /// `Authorization: Bearer T`, or the subprotocol `bearer.T`, which is all that a page can send with a WebSocket.
    Bearer(&'a str),
    /// `X-API-Key: T`, which is for tokens.
    Key(&'a str),
    /// The cookie `__session`, which is for JWTs. Browsers send it unasked, with what other sites' pages want too.
    Cookie(&'a str),
}

impl<'a> Proof<'a> {
    pub(super) fn of(headers: &'a HeaderMap, keys: bool, cookies: bool) -> Option<Self> {
        let bearer = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| Self::Bearer(token.trim()));
        let key = || {
            let key = headers.get("x-api-key").filter(|_| keys)?;
            Some(Self::Key(key.to_str().ok()?.trim()))
        };
        let subprotocol = || {
            let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
            lines
                .filter_map(|line| line.to_str().ok())
                .flat_map(|line| line.split(','))
                .find_map(|name| name.trim().strip_prefix("bearer."))
                .map(Self::Bearer)
        };
        let cookie = || session(headers).filter(|_| cookies).map(Self::Cookie);
        bearer.or_else(key).or_else(subprotocol).or_else(cookie)
    }
}

fn session(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == SESSION && !value.is_empty())
        .map(|(_, value)| value.trim_matches('"'))
}
