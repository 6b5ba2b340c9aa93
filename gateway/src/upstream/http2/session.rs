//! One connection that speaks HTTP/2: the handshake, the task that drives it, and who is on it.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::transport::Transport;
use crate::http::{ErrorKind, ProxyError};
use crate::net::{Stream, deadline};

/// Bytes of one answer that may be here unread: what a client that does not read can make us hold.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Requests at once on one connection, whatever the server allows.
const MOST_STREAMS: u32 = 256;
/// All of them may be held up by their clients without holding up another.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MOST_STREAMS;
/// Streams we reset of which late frames are expected, for a second each.
const RESETS: usize = 1024;
/// Requests at once before the server has said how many it takes (Go's figure).
const AT_FIRST: usize = 100;

/// See the module. Its connection ends when nothing holds it any more.
pub(super) struct Session {
    sender: SendRequest<Bytes>,
    active: Cell<u32>,
    served: Cell<bool>,
    idle_since: Cell<Instant>,
    idle_timeout: Option<Duration>,
}

impl Session {
    /// Begins to speak on `stream`.
    pub(super) async fn start(
        stream: Stream,
        transport: &Transport,
    ) -> Result<Rc<Self>, ProxyError> {
        let heard = Rc::new(Cell::new(Instant::now()));
        let watched = Watched {
            stream,
            heard: Rc::clone(&heard),
        };
        let list = u32::try_from(transport.limits.head_bytes).unwrap_or(u32::MAX);
        let shaken = h2::client::Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_max_send_streams(AT_FIRST)
            .max_header_list_size(list)
            // Clients that go away make us reset streams, and frames for these come late. None of that may end a connection
            // that other requests share; the limits are meant for peers that nobody chose.
            .max_concurrent_reset_streams(RESETS)
            .max_local_error_reset_streams(None)
            .handshake(watched)
            .await;
        let (sender, mut connection) = shaken.map_err(|error| {
            ProxyError::upstream(ErrorKind::Unreachable)
                .because(error)
                .retryable()
        })?;
        let watch = match (transport.read_idle_timeout, connection.ping_pong()) {
            (Some(silence), Some(pings)) => Some(Watch {
                heard,
                silence,
                patience: transport.ping_timeout,
                pings,
            }),
            _ => None,
        };
        tokio::task::spawn_local(drive(connection, watch));
        Ok(Rc::new(Self {
            sender,
            active: Cell::new(0),
            served: Cell::new(false),
            idle_since: Cell::new(deadline::coarse_now()),
            idle_timeout: transport.idle_timeout,
        }))
    }

    /// Whether the connection lives and its server takes new requests.
    pub(super) fn is_usable(&self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        !matches!(self.sender.clone().poll_ready(&mut cx), Poll::Ready(Err(_)))
    }

    /// Whether one more request would be begun at once.
    pub(super) fn has_room(&self) -> bool {
        let theirs = self.sender.current_max_send_streams();
        self.active.get() < u32::try_from(theirs).unwrap_or(u32::MAX).min(MOST_STREAMS)
    }

    /// Requests that are on it.
    pub(super) fn active(&self) -> u32 {
        self.active.get()
    }

    /// Whether it was of no use for so long that it is to be closed.
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.active.get() == 0
            && self
                .idle_timeout
                .is_some_and(|most| now.saturating_duration_since(self.idle_since.get()) >= most)
    }
}

/// A request's place on a connection.
pub(super) struct Ticket {
    session: Rc<Session>,
    reused: bool,
}

impl Ticket {
    pub(super) fn new(session: &Rc<Session>) -> Self {
        session.active.set(session.active.get() + 1);
        Self {
            reused: session.served.replace(true),
            session: Rc::clone(session),
        }
    }

    /// Whether the connection had a request before this one.
    pub(super) fn reused(&self) -> bool {
        self.reused
    }

    /// What opens a stream.
    pub(super) fn sender(&self) -> SendRequest<Bytes> {
        self.session.sender.clone()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let session = &self.session;
        session.active.set(session.active.get().saturating_sub(1));
        session.idle_since.set(deadline::coarse_now());
    }
}

/// Reads and writes frames until the connection ends, or its server is found dead.
async fn drive(connection: Connection<Watched, Bytes>, watch: Option<Watch>) {
    let ended = match watch {
        None => connection.await,
        Some(watch) => tokio::select! {
            ended = connection => ended,
            () = watch.until_dead() => {
                tracing::debug!("an HTTP/2 server answers no ping: the connection is closed");
                return;
            }
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to an HTTP/2 server ended");
    }
}

/// Asks a silent server whether it is there (`readIdleTimeout`, `pingTimeout`).
struct Watch {
    heard: Rc<Cell<Instant>>,
    silence: Duration,
    /// `None` waits for ever.
    patience: Option<Duration>,
    pings: PingPong,
}

impl Watch {
    async fn until_dead(mut self) {
        loop {
            let quiet = self.heard.get().elapsed();
            if quiet < self.silence {
                tokio::time::sleep(self.silence - quiet).await;
                continue;
            }
            let answered = self.pings.ping(Ping::opaque());
            let answered = match self.patience {
                Some(patience) => tokio::time::timeout(patience, answered).await,
                None => Ok(answered.await),
            };
            if !matches!(answered, Ok(Ok(_))) {
                return;
            }
            self.heard.set(Instant::now());
        }
    }
}

/// A stream that notes when its peer was last heard.
struct Watched {
    stream: Stream,
    heard: Rc<Cell<Instant>>,
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if read.is_ready() {
            this.heard.set(deadline::coarse_now());
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
