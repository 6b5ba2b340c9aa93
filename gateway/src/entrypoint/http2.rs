//! HTTP/2 towards clients: hyper speaks the protocol, requests take the same way as those of HTTP/1.

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use ::http::{HeaderValue, Version, header};
use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming as HyperBody;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::dispatch::{self, Incoming};
use super::{EntryPoint, Worker};
use crate::http::{Body, Connection, Context, ErrorKind, ProxyError};
use crate::net::{Deadline, Rewind, Stream};

/// What a client may send that it takes back again before it is disconnected (Rapid Reset, CVE-2023-39325).
const PENDING_RESETS: usize = 64;

/// Runs hyper's tasks on the worker that they belong to.
#[derive(Clone, Copy)]
struct Local;

impl<F: Future + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async move {
            task.await;
        });
    }
}

/// Serves one connection. `early` are bytes already read.
pub(super) async fn serve(
    worker: Rc<Worker>,
    entry: Arc<EntryPoint>,
    stream: Stream,
    early: BytesMut,
    connection: Rc<Connection>,
) {
    let service = service_fn({
        let (worker, entry) = (Rc::clone(&worker), Arc::clone(&entry));
        move |request| {
            answer(
                Rc::clone(&worker),
                Arc::clone(&entry),
                Rc::clone(&connection),
                request,
            )
        }
    });
    let io = TokioIo::new(Rewind::new(stream, early.freeze()));
    let mut served = std::pin::pin!(
        hyper::server::conn::http2::Builder::new(Local)
            .max_concurrent_streams(entry.max_concurrent_streams)
            .max_header_list_size(u32::try_from(entry.limits.head_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .timer(hyper_util::rt::TokioTimer::new())
            .keep_alive_interval(None)
            .serve_connection(io, service)
    );
    // Off, but woken when the worker is to drain.
    let drain = Deadline::new();
    drain.set_idle(Duration::ZERO, true);
    let mut told = false;
    let ended = std::future::poll_fn(|cx| {
        if !told && (worker.is_draining() || drain.poll_expired(cx).is_ready()) {
            told = true;
            served.as_mut().graceful_shutdown();
        }
        served.as_mut().poll(cx)
    })
    .await;
    if let Err(error) = ended {
        tracing::debug!(%error, "HTTP/2 connection ended");
    }
}

async fn answer(
    worker: Rc<Worker>,
    entry: Arc<EntryPoint>,
    connection: Rc<Connection>,
    request: ::http::Request<HyperBody>,
) -> Result<::http::Response<Recorded>, Infallible> {
    let received = Rc::new(Cell::new(0));
    let incoming = incoming(request, &received);
    let mut cx = Context::new(connection, String::new(), Instant::now());
    let response = dispatch::dispatch(&worker, &entry, &mut cx, incoming).await;
    let (mut parts, body) = response.into_parts();
    // Fields of an HTTP/1 connection are errors here (RFC 9113 section 8.2.2).
    for name in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ] {
        parts.headers.remove(name);
    }
    parts.headers.remove("keep-alive");
    parts.headers.remove("proxy-connection");
    let bytes = 0;
    Ok(::http::Response::from_parts(
        parts,
        Recorded {
            body,
            cx,
            received,
            bytes,
        },
    ))
}

fn incoming(request: ::http::Request<HyperBody>, received: &Rc<Cell<u64>>) -> Incoming {
    let (mut parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or_else(
        || Bytes::from_static(b"/"),
        |target| Bytes::copy_from_slice(target.as_str().as_bytes()),
    );
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::try_from(authority.as_str())
    {
        // `:authority` wins over `Host` (RFC 9113 section 8.3.1).
        parts.headers.insert(header::HOST, host);
    }
    join_cookies(&mut parts.headers);
    let body = if http_body::Body::is_end_stream(&body) {
        Body::Empty
    } else {
        Body::stream(RequestBody {
            body,
            received: Rc::clone(received),
        })
    };
    Incoming {
        method: parts.method,
        target,
        version: Version::HTTP_2,
        headers: parts.headers,
        body,
        unmet: false,
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
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            self.received.set(self.received.get() + bytes);
        }
        frame.map_err(|error| ProxyError::client(ErrorKind::ClientGone).because(error))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer; when it ended, or was dropped because the client went away, the request is recorded.
struct Recorded {
    body: Body,
    cx: Context,
    received: Rc<Cell<u64>>,
    bytes: u64,
}

impl http_body::Body for Recorded {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            if let Some(trailers) = frame.trailers_ref() {
                this.cx.record.trailers(trailers);
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.cx.record.ended(self.bytes, self.received.get());
    }
}
