//! Requests that ask for another protocol, and the 101 that grants it (RFC 9110 section 7.8).

use ::http::header::{CONNECTION, UPGRADE};
use ::http::{HeaderMap, HeaderValue};

use super::exchange::Conn;
use crate::h1::ResponseHead;
use crate::http::{Body, Context, ErrorKind, ProxyError, Response, Upgraded};

/// The protocols that a request asks for: what `Upgrade` holds, if `Connection` names it.
pub(super) fn wanted(headers: &HeaderMap) -> Option<HeaderValue> {
    let protocol = headers.get(UPGRADE)?;
    names_upgrade(headers).then(|| protocol.clone())
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
    });
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    Ok(response)
}
