//! How a connection ends: refused, lingering until the client has read, cut, or joined to another one.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::time::Duration;

use bytes::Bytes;

use super::io::{Io, Out, SharedIo};
use crate::entrypoint::{EntryPoint, Worker};
use crate::h1::HeadError;
use crate::http::Upgraded;
use crate::http::websocket::shorter;
use crate::net::{self, Place};
use crate::observe::Record;

/// How long a closing connection waits for the client to read what it was sent.
const LINGER: Duration = Duration::from_millis(500);

/// Answers a head that breaks HTTP, in Go's words, and says that the connection ends.
pub(super) async fn refuse(io: &SharedIo, error: &HeadError) {
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
pub(super) async fn linger(io: &SharedIo) {
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
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Ends both directions at once, so that the client knows the answer is not whole.
pub(super) fn cut(io: &SharedIo) {
    let io = io.borrow();
    socket2::SockRef::from(io.stream.socket())
        .shutdown(Shutdown::Both)
        .ok();
}

/// Joins the two connections in a task of its own: this one's memory is freed while the tunnel lives.
pub(super) fn tunnel(
    worker: &Worker,
    entry: &EntryPoint,
    io: Io,
    upgraded: Upgraded,
    held: (Box<Record>, Option<Place>),
) {
    let limits = upgraded.limits.into_inner();
    let options = net::TunnelOptions {
        idle_timeout: shorter(entry.tunnel_idle_timeout, limits.idle),
    };
    let open = worker.open(entry);
    let early = io.read.freeze();
    let held = (upgraded.held, held);
    let copied = net::tunnel(
        io.stream,
        upgraded.stream,
        early,
        upgraded.leftover,
        options,
    );
    let copied = match limits.guard() {
        Some(guard) => copied.watched(Box::new(guard), limits.lifetime),
        None => copied,
    };
    tokio::task::spawn_local(async move {
        let tally = copied.await;
        tracing::trace!(?tally, "tunnel ended");
        drop(held);
        drop(open);
    });
}
