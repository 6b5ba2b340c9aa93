//! One attempt at one server: connection, request, answer.

use std::cell::RefCell;
use std::time::Instant;

use ::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, EXPECT, HOST, TRAILER, UPGRADE, WWW_AUTHENTICATE,
};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use bytes::BytesMut;

use super::connect::{Offer, connect};
use super::exchange::{Conn, Exchange, Failure, Plan};
use super::http2::{self, Went};
use super::target::{Http2, Scheme, Target};
use super::{answer, pool, upgrade};
use crate::h1::{self, Framing, Persistence, RequestLine};
use crate::http::{Body, Context, ErrorKind, ProxyError, Request, Response, hop};
use crate::net::Stream;

/// What Traefik's tests and users look for to know that its fast proxy sent a request.
const FAST_PROXY: HeaderName = HeaderName::from_static("x-traefik-fast-proxy");

thread_local! {
    /// Head buffers of requests that are done, to be used again.
    static SCRATCH: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Sends `request` to `target` and answers what came back. The head is complete then; the body may still
/// be streaming, and an error in it must cut the client's connection, so that no cut answer looks whole.
///
/// Writes `Host` (that of the request, or else the target's), `Connection`, `Upgrade`, `Content-Length`
/// and `Transfer-Encoding` itself, whatever the request's fields say; other fields of the connection are
/// the caller's to remove. A request that still has `Connection: Upgrade` and `Upgrade` asks for that upgrade:
/// after a 101 the connection is in `cx.upgraded`.
///
/// A kept connection that turns out to be closed is replaced once, where Go's transport does it:
/// not a byte of the answer came, and the request has no body and an idempotent method (or an
/// `Idempotency-Key`), or nothing of it was written.
pub async fn forward(
    target: &Target,
    cx: &mut Context,
    mut request: Request,
) -> Result<Response, ProxyError> {
    if target.scheme == Scheme::Unknown {
        return Err(ProxyError::upstream(ErrorKind::Internal)
            .because(format!("unsupported protocol scheme: {}", target.url)));
    }
    let start = Instant::now();
    cx.record.server = Some(target.url.clone());
    let upgrade = upgrade::wanted(&request.headers);
    if let Some(protocol) = &upgrade {
        upgrade::ask_as_go(&mut request.headers, protocol);
    }
    let mut made = None;
    // An upgrade is asked for over HTTP/1.1, whatever the server speaks otherwise, as in Traefik.
    if target.http2 != Http2::Never && upgrade.is_none() && speaks_http2(target) {
        // Boxed, so that requests over HTTP/1.1 don't carry its state.
        match Box::pin(http2::forward(target, cx, &mut request, start)).await? {
            Went::Answered(response) => return Ok(response),
            Went::Http1(stream) => made = stream,
        }
    }
    over_http1(target, cx, &mut request, upgrade.as_ref(), made, start).await
}

/// Sends over HTTP/1.1, first on the connection that was `made` already, if one was.
async fn over_http1(
    target: &Target,
    cx: &mut Context,
    request: &mut Request,
    upgrade: Option<&HeaderValue>,
    mut made: Option<Stream>,
    start: Instant,
) -> Result<Response, ProxyError> {
    if target.transport.tells_servers {
        request
            .headers
            .insert(FAST_PROXY, HeaderValue::from_static("enabled"));
    }
    let mut fresh = false;
    loop {
        let (mut conn, reused) = connection(target, fresh, made.take()).await?;
        let rewind = match &request.body {
            Body::Full(bytes) => Some(bytes.clone()),
            _ => None,
        };
        let plan = plan(target, request, upgrade, cx.request_trailers.as_deref());
        let mut exchange = Exchange::new(&mut conn, &mut request.body, plan, cx.interim.clone());
        let head = exchange.answer().await;
        let sent = exchange.is_sent();
        give_back(exchange.into_scratch());
        match head {
            Ok(head) => {
                cx.record.origin_status = Some(head.status.as_u16());
                cx.record.origin_duration = start.elapsed();
                if head.status == StatusCode::SWITCHING_PROTOCOLS {
                    return upgrade::switch(cx, conn, head, upgrade);
                }
                let bound = binds(&request.headers, &AUTHORIZATION)
                    || binds(&head.headers, &WWW_AUTHENTICATE);
                let keep = sent && upgrade.is_none() && !bound;
                return answer::receive(target, cx, conn, head, keep).await;
            }
            Err(Failure::Silent { unsent, .. })
                if reused && may_repeat(request, rewind.is_some(), unsent) =>
            {
                fresh = true;
                if let Some(bytes) = rewind {
                    request.body = Body::Full(bytes);
                }
            }
            Err(Failure::Silent { error, .. }) => {
                return Err(ProxyError::upstream(ErrorKind::Unreachable).because(error));
            }
            Err(Failure::Final(error)) => return Err(error),
        }
    }
}

/// Whether a field speaks of a scheme that proves who a client is for a whole connection (RFC 4559 section 6). Another client
/// must never get that connection.
fn binds(headers: &HeaderMap, field: &HeaderName) -> bool {
    headers.get_all(field).iter().any(|line| {
        line.as_bytes().split(|byte| *byte == b',').any(|part| {
            let part = part.trim_ascii();
            let scheme = part.split(|byte| *byte == b' ').next().unwrap_or_default();
            scheme.eq_ignore_ascii_case(b"negotiate") || scheme.eq_ignore_ascii_case(b"ntlm")
        })
    })
}

/// Whether HTTP/2 is to be tried. A server that chose HTTP/1.1 is not asked each time.
fn speaks_http2(target: &Target) -> bool {
    let chose_http1 = pool::sessions(&target.slot, |sessions, _| sessions.chose_http1());
    target.http2 == Http2::Always || chose_http1 == Some(false)
}

/// The connection that was `made` already, else a kept one, else a new one, and whether it was kept. With `fresh` always
/// a new one.
async fn connection(
    target: &Target,
    fresh: bool,
    made: Option<Stream>,
) -> Result<(Conn, bool), ProxyError> {
    let kept = if fresh || made.is_some() {
        None
    } else {
        pool::take(&target.slot)
    };
    let reused = kept.is_some();
    let stream = match kept.or(made) {
        Some(stream) => stream,
        None => connect(target, Offer::Http1).await?,
    };
    let buf = BytesMut::new();
    Ok((Conn { stream, buf }, reused))
}

/// Go's rule for a request on a kept connection that the server closed without an answer.
fn may_repeat(request: &Request, whole: bool, unsent: bool) -> bool {
    let empty = !whole && matches!(request.body, Body::Empty);
    if unsent {
        return empty || whole;
    }
    empty && is_idempotent(request)
}

/// Whether doing it twice does what doing it once does: by its method, or because it says so.
pub(super) fn is_idempotent(request: &Request) -> bool {
    matches!(
        request.method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    ) || request.headers.contains_key("idempotency-key")
        || request.headers.contains_key("x-idempotency-key")
}

/// Whether the body is to wait for `100 Continue`.
pub(super) fn expects_continue(headers: &HeaderMap) -> bool {
    headers
        .get(EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// The head as bytes, and what the exchange must know beside it.
fn plan(
    target: &Target,
    request: &Request,
    upgrade: Option<&HeaderValue>,
    trailers: Option<&HeaderMap>,
) -> Plan {
    let framing = match (&request.body, request.body.length()) {
        (Body::Empty, _) => declared_empty(&request.headers),
        // It came in chunks, was kept, and goes on as it came: trailers need chunks.
        (Body::Full(_), _) if request.headers.contains_key(TRAILER) => Framing::Chunked,
        (_, Some(length)) => Framing::Length(length),
        (_, None) => Framing::Chunked,
    };
    let host = request
        .headers
        .get(HOST)
        .map_or(&[][..], HeaderValue::as_bytes);
    let line = RequestLine {
        method: &request.method,
        base: &target.base,
        target: request.target.as_bytes(),
        host: if host.is_empty() {
            target.authority.as_bytes()
        } else {
            host
        },
    };
    let persistence = upgrade.map_or(Persistence::Default, |protocol| {
        Persistence::Upgrade(protocol.as_bytes())
    });
    let mut head = SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default();
    h1::write_request_head(&mut head, &line, &request.headers, framing, persistence);
    Plan {
        head,
        chunked: framing == Framing::Chunked,
        trailers: trailers
            .map(|trailers| Box::new(hop::request_trailers(trailers.clone(), &request.headers))),
        expects: expects_continue(&request.headers),
        head_request: request.method == Method::HEAD,
        limits: target.transport.limits,
        header_timeout: target.transport.response_header_timeout,
    }
}

/// `Content-Length: 0` is passed on where the client wrote it.
fn declared_empty(headers: &HeaderMap) -> Framing {
    match headers.get(CONTENT_LENGTH) {
        Some(length) if length == "0" && !headers.contains_key(UPGRADE) => Framing::Length(0),
        _ => Framing::None,
    }
}

/// Keeps a head's buffer for the next request.
fn give_back(mut scratch: Vec<u8>) {
    const KEPT: usize = 32;
    const LARGEST: usize = 16 * 1024;
    scratch.clear();
    SCRATCH.with_borrow_mut(|kept| {
        if kept.len() < KEPT && scratch.capacity() <= LARGEST {
            kept.push(scratch);
        }
    });
}
