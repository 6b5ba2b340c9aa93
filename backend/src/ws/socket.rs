//! A client's connection while HTTP is spoken on it: who takes nothing of what is sent for too long loses it.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// See the head of this file. After an upgrade the session looks at its clocks itself.
#[derive(Debug)]
pub struct Socket {
    inner: TcpStream,
    patience: Duration,
    /// Since the kernel took nothing more.
    blocked: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    /// `patience`: how long nothing may be taken.
    pub fn new(inner: TcpStream, patience: Duration) -> Self {
        // What is sent is sent whole; waiting for more only delays it.
        let _ = inner.set_nodelay(true);
        Self {
            inner,
            patience,
            blocked: None,
        }
    }

    /// Waits until there is something to read.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn readable(&self) -> io::Result<()> {
        self.inner.readable().await
    }

    /// The connection alone.
    pub(super) fn into_inner(self) -> TcpStream {
        self.inner
    }

    /// Passes on what writing gave, unless it has been blocked for too long.
    fn written<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.blocked = None;
            return result;
        }
        let patience = self.patience;
        let blocked = self
            .blocked
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        if blocked.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        forget(&self.inner);
        let error = "the client takes nothing";
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, error)))
    }
}

/// Has the kernel drop what the client has not taken as soon as the socket is dropped: it would offer it for minutes.
pub(super) fn forget(socket: &TcpStream) {
    // Where that can't be set, the kernel gives up by itself in the end.
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.written(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(context, pieces);
        self.written(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
