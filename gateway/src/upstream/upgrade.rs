//! Requests that ask for another protocol, and the 101 that grants it (RFC 9110 section 7.8).

use std::cell::RefCell;

use ::http::header::{ACCEPT_ENCODING, CONNECTION, UPGRADE};
use ::http::{HeaderMap, HeaderValue};

use super::exchange::Conn;
use crate::h1::ResponseHead;
use crate::http::{Body, Context, ErrorKind, Held, ProxyError, Response, Upgraded};

/// The protocols that a request asks for: what `Upgrade` holds, if `Connection` names it.
pub(super) fn wanted(headers: &HeaderMap) -> Option<HeaderValue> {
    let protocol = headers.get(UPGRADE)?;
    names_upgrade(headers).then(|| protocol.clone())
}

/// Go's client asks for gzip where nobody else did, on a WebSocket's handshake too; servers that look at the field
/// see here what they saw behind Traefik. Frames are never compressed that way.
pub(super) fn ask_as_go(headers: &mut HeaderMap, protocol: &HeaderValue) {
    let websocket = protocol.as_bytes().eq_ignore_ascii_case(b"websocket");
    if websocket && !headers.contains_key(ACCEPT_ENCODING) {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
}

fn names_upgrade(headers: &HeaderMap) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    })
}

/// A 101: hands the connection over, if the server switches to what was asked for.
pub(super) fn switch(
    cx: &mut Context,
    conn: Conn,
    head: ResponseHead,
    wanted: Option<&HeaderValue>,
) -> Result<Response, ProxyError> {
    let refuse =
        |why: &'static str| Err(ProxyError::upstream(ErrorKind::UpstreamProtocol).because(why));
    let Some(wanted) = wanted else {
        return refuse("101 without a request to switch");
    };
    let granted = head.headers.get(UPGRADE).map(HeaderValue::as_bytes);
    if !granted.is_some_and(|granted| granted.eq_ignore_ascii_case(wanted.as_bytes())) {
        return refuse("101 to a protocol that was not asked for");
    }
    cx.upgraded = Some(Upgraded {
        stream: conn.stream,
        leftover: conn.buf.freeze(),
        held: Held::default(),
        limits: RefCell::default(),
    });
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    Ok(response)
}
