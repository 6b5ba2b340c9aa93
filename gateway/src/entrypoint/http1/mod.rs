//! HTTP/1 towards clients: one connection, its requests one after the other, all inline in one task.
//!
//! The client side is our own rather than hyper's since both ends then share one codec, one opinion on framing, and
//! since interim answers, Go's refusals and the coarse deadlines have no place in hyper's server.

mod body;
mod io;
mod respond;

use std::future::poll_fn;
use std::io::ErrorKind as IoKind;
use std::net::Shutdown;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use ::http::{HeaderMap, Method, StatusCode, Version};
use bytes::{Bytes, BytesMut};

use self::body::RequestBody;
use self::io::{BodyState, Io, Out, SharedIo};
use self::respond::{Asked, Broken, Written};
use super::dispatch::{self, Incoming, Outcome};
use super::{EntryPoint, Worker};
use crate::h1::{self, Expect, Framing, HeadError, RequestHead};
use crate::http::{Body, Connection, Context, Interim, Upgraded};
use crate::net::{self, Stream};
use crate::observe::Record;

/// What is read and thrown away of a body nobody wanted, so that the connection can go on (Go's `maxPostHandlerReadBytes`).
const DRAINED: u64 = 256 * 1024;
/// How long a closing connection waits for the client to read what it was sent.
const LINGER: Duration = Duration::from_millis(500);

/// What becomes of a connection after a request.
enum Next {
    Continue,
    Close,
    /// The answer broke off: cut, so that the client knows.
    Cut,
    /// The request is recorded when its tunnel ends.
    Tunnel(Upgraded, Box<Record>),
}

/// Serves the requests of one connection until it ends. `early` are bytes already read.
pub(super) async fn serve(
    worker: Rc<Worker>,
    entry: Arc<EntryPoint>,
    stream: Stream,
    early: BytesMut,
    connection: Rc<Connection>,
) {
    let io = Io::new(stream, early, entry.read_timeout);
    let opened = Instant::now();
    let mut requests = 0_u64;
    loop {
        let head = match read_head(&io, &entry, requests == 0).await {
            Ok(Some(head)) => head,
            Ok(None) => return,
            Err(error) => {
                refuse(&io, &error).await;
                return linger(&io).await;
            }
        };
        requests += 1;
        let close = !head.keep_alive || worker.is_draining() || entry.is_worn(requests, opened);
        match exchange(&worker, &entry, &connection, &io, head, close).await {
            Next::Continue => {}
            Next::Close => return linger(&io).await,
            Next::Cut => return cut(&io),
            Next::Tunnel(upgraded, record) => {
                if let Ok(io) = Rc::try_unwrap(io) {
                    tunnel(&worker, &entry, io.into_inner(), upgraded, record);
                }
                return;
            }
        }
    }
}

/// The next head; `None` where the connection ended, or was idle too long, between two requests.
async fn read_head(
    io: &SharedIo,
    entry: &EntryPoint,
    first: bool,
) -> Result<Option<RequestHead>, HeadError> {
    {
        let mut io = io.borrow_mut();
        if io.read.is_empty() {
            // Nothing is kept for an idle connection.
            io.read = BytesMut::new();
        }
        let wait = if first {
            entry.read_timeout
        } else {
            entry.idle_timeout
        };
        io.deadline.set_idle(wait, io.read.is_empty());
    }
    poll_fn(|cx| {
        let mut io = io.borrow_mut();
        loop {
            let Io { parser, read, .. } = &mut *io;
            if let Some(head) = parser.request(read, &entry.limits)? {
                io.deadline.clear();
                return Poll::Ready(Ok(Some(head)));
            }
            let begun = !io.read.is_empty();
            match io.poll_fill(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Ok(None)),
                Poll::Ready(Ok(_)) if !begun => io.deadline.set_idle(entry.read_timeout, false),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

async fn exchange(
    worker: &Worker,
    entry: &EntryPoint,
    connection: &Rc<Connection>,
    io: &SharedIo,
    head: RequestHead,
    close: bool,
) -> Next {
    let asked = Asked {
        head: head.method == Method::HEAD,
        version: head.version,
    };
    let incoming = incoming(io, head);
    let interim = (asked.version >= Version::HTTP_11).then(|| Rc::clone(io) as Rc<dyn Interim>);
    let outcome = {
        let mut answered = pin!(dispatch::dispatch(
            worker, entry, connection, incoming, interim
        ));
        poll_fn(|cx| match answered.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => io.borrow_mut().poll_gone(cx).map(|()| None),
        })
        .await
    };
    let Some(Outcome { response, mut cx }) = outcome else {
        // The record inside the dropped future has told of it.
        return Next::Cut;
    };
    let status = response.status();
    if status == StatusCode::SWITCHING_PROTOCOLS
        && let Some(upgraded) = cx.upgraded.take()
    {
        let written = respond::write(io, response, asked, false).await;
        cx.record.ended(0, io.borrow().body_bytes);
        return match written {
            Written::Whole { .. } => Next::Tunnel(upgraded, Box::new(cx.record)),
            Written::Broken { .. } => Next::Cut,
        };
    }
    finish(worker, io, response, asked, close, &cx).await
}

async fn finish(
    worker: &Worker,
    io: &SharedIo,
    mut response: crate::http::Response,
    asked: Asked,
    close: bool,
    cx: &Context,
) -> Next {
    if io.borrow().interim {
        crate::http::sniff::guess_type(&mut response);
    }
    let close = close || worker.is_draining() || !may_drain(&io.borrow());
    let written = respond::write(io, response, asked, close).await;
    let received = io.borrow().body_bytes;
    match written {
        Written::Whole { bytes, close } => {
            cx.record.ended(bytes, received);
            if close || !drain(io).await {
                Next::Close
            } else {
                Next::Continue
            }
        }
        Written::Broken { bytes, error } => {
            match error {
                Broken::Client(error) => {
                    tracing::debug!(%error, "client went away during an answer")
                }
                Broken::Body(error) => tracing::debug!(%error, "answer broke off"),
            }
            cx.record.ended(bytes, received);
            Next::Cut
        }
    }
}

fn incoming(io: &SharedIo, head: RequestHead) -> Incoming {
    io.borrow_mut()
        .begin_body(head.framing, head.expect == Expect::Continue);
    let body = match head.framing {
        Framing::None | Framing::UntilClose => Body::Empty,
        Framing::Length(0) => Body::Full(Bytes::new()),
        Framing::Length(length) => Body::stream(RequestBody::new(Rc::clone(io), Some(length))),
        Framing::Chunked => Body::stream(RequestBody::new(Rc::clone(io), None)),
    };
    Incoming {
        method: head.method,
        target: head.target,
        version: head.version,
        headers: head.headers,
        body,
    }
}

/// Whether the rest of the request's body may be read and thrown away.
fn may_drain(io: &Io) -> bool {
    match io.body {
        BodyState::Done => true,
        BodyState::Reading => io.body_left().is_none_or(|left| left <= DRAINED),
        BodyState::Expected | BodyState::Broken => false,
    }
}

/// Reads what is left of the request's body; false where the next request cannot be found behind it.
async fn drain(io: &SharedIo) -> bool {
    let mut drained = 0;
    while io.borrow().body != BodyState::Done {
        match poll_fn(|cx| io.borrow_mut().poll_body(cx)).await {
            Some(Ok(frame)) => drained += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => return false,
            None => {}
        }
        if drained > DRAINED {
            return false;
        }
    }
    true
}

/// Answers a head that breaks HTTP, in Go's words, and says that the connection ends.
async fn refuse(io: &SharedIo, error: &HeadError) {
    tracing::debug!(%error, "request refused");
    let mut out = Out::default();
    error.write_answer(&mut out.bytes);
    let mut none = Bytes::new();
    poll_fn(|cx| io.borrow_mut().poll_write(cx, &mut out, &mut none))
        .await
        .ok();
}

/// Ends writing and reads on for a moment: closing with unread bytes would reset the connection, and the client
/// might lose the answer.
async fn linger(io: &SharedIo) {
    {
        let io = io.borrow();
        io.deadline.set_idle(LINGER, false);
    }
    let shut = poll_fn(|cx| {
        let mut io = io.borrow_mut();
        tokio::io::AsyncWrite::poll_shutdown(std::pin::Pin::new(&mut io.stream), cx)
    });
    if shut.await.is_err() {
        return;
    }
    loop {
        let read = poll_fn(|cx| {
            let mut io = io.borrow_mut();
            io.read.clear();
            io.poll_fill(cx)
        });
        match read.await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == IoKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn cut(io: &SharedIo) {
    let io = io.borrow();
    socket2::SockRef::from(io.stream.socket())
        .shutdown(Shutdown::Both)
        .ok();
}

/// Joins the two connections in a task of its own: this one's memory is freed while the tunnel lives.
fn tunnel(worker: &Worker, entry: &EntryPoint, io: Io, upgraded: Upgraded, record: Box<Record>) {
    let options = net::TunnelOptions {
        idle_timeout: entry.tunnel_idle_timeout,
    };
    let open = worker.open(entry);
    let early = io.read.freeze();
    let copied = net::tunnel(
        io.stream,
        upgraded.stream,
        early,
        upgraded.leftover,
        options,
    );
    tokio::task::spawn_local(async move {
        let tally = copied.await;
        tracing::trace!(?tally, "tunnel ended");
        drop(record);
        drop(open);
    });
}

impl Interim for std::cell::RefCell<Io> {
    fn send(&self, status: StatusCode, headers: &HeaderMap) {
        let mut io = self.borrow_mut();
        if status == StatusCode::CONTINUE && io.body == BodyState::Expected {
            io.body = BodyState::Reading;
        }
        io.interim = true;
        h1::write_interim(&mut io.queue.bytes, status, headers);
    }
}
