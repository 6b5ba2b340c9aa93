//! A request of HTTP/2 as the rest of the gateway sees one.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::{HeaderValue, Version, header};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming as HyperBody;

use crate::entrypoint::EntryPoint;
use crate::entrypoint::dispatch::Incoming;
use crate::h1::imitates_framing;
use crate::http::{Body, ErrorKind, ProxyError};
use crate::net::Deadline;

/// Takes the request apart.
pub(super) fn incoming(
    request: ::http::Request<HyperBody>,
    entry: &EntryPoint,
    received: &Rc<Cell<u64>>,
) -> Incoming {
    let (mut parts, body) = request.into_parts();
    let mut target = match parts.uri.path_and_query().map(|target| target.as_str()) {
        None => Bytes::from_static(b"/"),
        Some(path) if path.starts_with('/') || path == "*" => {
            Bytes::copy_from_slice(path.as_bytes())
        }
        // No other form stands in `:path` (RFC 9113 section 8.3.1); no target at all is refused.
        Some(_) => Bytes::new(),
    };
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::try_from(authority.as_str())
    {
        // `:authority` wins over `Host` (RFC 9113 section 8.3.1).
        parts.headers.insert(header::HOST, host);
    }
    if parts
        .headers
        .keys()
        .any(|name| imitates_framing(name.as_str()))
    {
        target = Bytes::new();
    }
    let too_many = parts.headers.len() > entry.limits.fields;
    join_cookies(&mut parts.headers);
    let body = if http_body::Body::is_end_stream(&body) {
        Body::Empty
    } else {
        Body::stream(RequestBody {
            body,
            received: Rc::clone(received),
            read_timeout: entry.read_timeout,
            silent: None,
        })
    };
    Incoming {
        method: parts.method,
        target,
        version: Version::HTTP_2,
        headers: parts.headers,
        body,
        unmet: false,
        too_many,
    }
}

/// HTTP/2 may split cookies into several fields; HTTP/1 servers want one (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut ::http::HeaderMap) {
    let mut cookies = headers.get_all(header::COOKIE).into_iter();
    let (Some(first), Some(second)) = (cookies.next(), cookies.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for cookie in std::iter::once(second).chain(cookies) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(cookie.as_bytes());
    }
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(header::COOKIE, joined);
    }
}

/// The body of a request, with our error.
struct RequestBody {
    body: HyperBody,
    /// Bytes that came.
    received: Rc<Cell<u64>>,
    /// Silence allowed; zero is no limit.
    read_timeout: Duration,
    /// Runs while nothing comes.
    silent: Option<Deadline>,
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            let timeout = self.read_timeout;
            let silent = self.silent.get_or_insert_with(|| Deadline::after(timeout));
            return silent.poll_expired(cx).map(|()| {
                let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
                Some(Err(
                    ProxyError::client(ErrorKind::ClientTimeout).because(late)
                ))
            });
        };
        self.silent = None;
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            self.received.set(self.received.get() + bytes);
        }
        let gone = |error| ProxyError::client(ErrorKind::ClientGone).because(error);
        Poll::Ready(frame.map(|frame| frame.map_err(gone)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
