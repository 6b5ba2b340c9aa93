//! HTTP/2 towards clients: hyper speaks the protocol, requests take the same way as those of HTTP/1.

mod recorded;
mod request;
mod session;

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use ::http::header;
use bytes::BytesMut;
use hyper::body::Incoming as HyperBody;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use self::recorded::Recorded;
use self::request::incoming;
use self::session::{Session, Stream as Open, Verdict};
use super::dispatch;
use super::{EntryPoint, Worker};
use crate::http::{Connection, Context};
use crate::net::{Rewind, Stream};

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
