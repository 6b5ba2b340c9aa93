//! HTTP/2 towards clients: hyper speaks the protocol, requests take the same way as those of HTTP/1.

mod session;

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

use self::session::{Session, Stream as Open, Verdict};
use super::dispatch::{self, Incoming};
use super::{EntryPoint, Worker};
use crate::h1::imitates_framing;
use crate::http::{Body, Connection, Context, ErrorKind, ProxyError};
use crate::net::{Deadline, Rewind, Stream};

/// What a client may send that it takes back again before it is disconnected (Rapid Reset, CVE-2023-39325).
const PENDING_RESETS: usize = 64;
/// How often a client may make us reset a stream over the life of a connection (MadeYouReset, CVE-2025-8671).
const OWN_RESETS: usize = 1024;
/// What waits to be sent on one stream. hyper's 400 KiB would be 100 MiB for a client with 250 streams that reads nothing.
const SEND_BUFFER: usize = 64 * 1024;

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
    let session = Session::new(Arc::clone(&entry));
    let service = service_fn({
        let (worker, entry) = (Rc::clone(&worker), Arc::clone(&entry));
        let session = Rc::clone(&session);
        move |request| {
            answer(
                Rc::clone(&worker),
                Arc::clone(&entry),
                Rc::clone(&connection),
                session.enter(),
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
            .max_local_error_reset_streams(OWN_RESETS)
            .max_send_buf_size(SEND_BUFFER)
            .header_table_size(entry.header_table_size)
            .timer(hyper_util::rt::TokioTimer::new())
            .keep_alive_interval(None)
            .serve_connection(io, service)
    );
    let ended = std::future::poll_fn(|cx| {
        while let Poll::Ready(verdict) = session.poll(cx, worker.is_draining()) {
            match verdict {
                Verdict::Finish => served.as_mut().graceful_shutdown(),
                Verdict::Cut(why) => return Poll::Ready(Err(why.to_owned())),
            }
        }
        let served = served.as_mut().poll(cx);
        served.map_err(|error| error.to_string())
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
    open: Open,
    request: ::http::Request<HyperBody>,
) -> Result<::http::Response<Recorded>, Infallible> {
    let received = Rc::new(Cell::new(0));
    let incoming = incoming(request, &entry, &received);
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
            open,
            received,
            bytes,
        },
    ))
}

fn incoming(
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
        cx: &mut TaskContext<'_>,
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

/// The body of an answer; when it ended, or was dropped because the client went away, the request is recorded.
struct Recorded {
    body: Body,
    cx: Context,
    open: Open,
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
        this.open.taken();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        match &frame {
            Poll::Ready(Some(Ok(_))) => this.open.hand(),
            // An answer that breaks off is no fault of the client's.
            Poll::Ready(_) => this.open.end(),
            Poll::Pending => {}
        }
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
        if self.body.is_empty() {
            self.open.end();
        }
        self.cx.record.ended(self.bytes, self.received.get());
    }
}
