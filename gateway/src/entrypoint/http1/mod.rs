//! HTTP/1 towards clients: one connection, its requests one after the other, all inline in one task.
//!
//! The client side is our own rather than hyper's since both ends then share one codec, one opinion on framing, and
//! since interim answers, Go's refusals and the coarse deadlines have no place in hyper's server.

mod body;
mod ending;
mod exchange;
mod io;
mod respond;

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::BytesMut;

use self::ending::{cut, linger, refuse, tunnel};
use self::exchange::exchange;
use self::io::{Io, SharedIo};
use super::{EntryPoint, Worker};
use crate::h1::{Expect, HeadError, RequestHead};
use crate::http::{Connection, Upgraded};
use crate::net::{Place, Stream};
use crate::observe::Record;

/// What becomes of a connection after a request.
enum Next {
    Continue,
    Close,
    /// The answer broke off: cut, so that the client knows.
    Cut,
    /// The request is recorded when its tunnel ends.
    Tunnel(Upgraded, Box<Record>),
}

/// Serves the requests of one connection until it ends. `early` are bytes already read; `place` is
/// kept as long as the connection, or the tunnel that it becomes.
pub(super) async fn serve(
    worker: Rc<Worker>,
    entry: Arc<EntryPoint>,
    stream: Stream,
    early: BytesMut,
    connection: Rc<Connection>,
    place: Option<Place>,
) {
    let io = Io::new(stream, early, entry.read_timeout, entry.write_timeout);
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
        // Whoever expects what nobody knows may send its body or not: where the next request starts is in doubt.
        let close = !head.keep_alive
            || head.expect == Expect::Unknown
            || worker.is_draining()
            || entry.is_worn(requests, opened);
        match exchange(&worker, &entry, &connection, &io, head, close).await {
            Next::Continue => {}
            Next::Close => return linger(&io).await,
            Next::Cut => return cut(&io),
            Next::Tunnel(upgraded, record) => {
                if let Ok(io) = Rc::try_unwrap(io) {
                    let held = (record, place);
                    tunnel(&worker, &entry, io.into_inner(), upgraded, held);
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
