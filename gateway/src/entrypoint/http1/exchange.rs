//! One request of a connection: its body on the way in, the answer on the way out, and what then becomes of the
//! connection.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use ::http::{HeaderMap, Method, StatusCode, Version};
use bytes::Bytes;

use super::Next;
use super::body::RequestBody;
use super::io::{BodyState, Io, SharedIo};
use super::respond::{self, Asked, Broken, Written};
use crate::entrypoint::dispatch::{self, Incoming};
use crate::entrypoint::{EntryPoint, Worker};
use crate::h1::{self, Expect, Framing, RequestHead};
use crate::http::{Body, Connection, Context, Interim};

/// What is read and thrown away of a body nobody wanted, so that the connection can go on (Go's `maxPostHandlerReadBytes`).
const DRAINED: u64 = 256 * 1024;

/// An answer with no more body is as good as sent.
const SMALL: u64 = 16 * 1024;

/// Reads one request, has it answered, and writes the answer.
pub(super) async fn exchange(
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
    let mut cx = Context::new(Rc::clone(connection), String::new(), Instant::now());
    cx.interim = interim;
    let answer = {
        let mut answered = pin!(dispatch::dispatch(worker, entry, &mut cx, incoming));
        poll_fn(|cx| match answered.as_mut().poll(cx) {
            Poll::Ready(response) => Poll::Ready(Some(response)),
            Poll::Pending => io.borrow_mut().poll_gone(cx).map(|()| None),
        })
        .await
    };
    let Some(response) = answer else {
        // The record tells of it.
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
    if let Some(bytes) = small(&response, asked.head) {
        // As in Traefik: a client that has a small answer finds it in the log and in the metrics.
        cx.record.ended(bytes, io.borrow().body_bytes);
        cx.record.tell();
    }
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
                    tracing::debug!(%error, "client went away during an answer");
                }
                Broken::Body(error) => tracing::debug!(%error, "answer broke off"),
            }
            cx.record.ended(bytes, received);
            Next::Cut
        }
    }
}

/// How many bytes of body will be sent, where that is all but done: they are here, and the socket's buffer takes them.
fn small(response: &crate::http::Response, head: bool) -> Option<u64> {
    match response.body() {
        _ if head || respond::bodiless(response.status()) => Some(0),
        Body::Empty => Some(0),
        Body::Full(bytes) => Some(bytes.len() as u64).filter(|length| *length <= SMALL),
        Body::Stream(_) => None,
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
        unmet: head.expect == Expect::Unknown,
        // The codec counts them.
        too_many: false,
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
