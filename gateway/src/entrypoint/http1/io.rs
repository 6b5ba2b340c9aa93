//! A client's connection as its requests share it: bytes that came too early, the body being read, what waits to
//! be written, and the one deadline that holds now.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::http::HeaderMap;
use bytes::{Buf, Bytes, BytesMut};
use http_body::Frame;
use tokio::io::AsyncWrite;

use crate::h1::{BodyDecoder, Decoded, Framing, HeadParser};
use crate::http::{ErrorKind, ProxyError};
use crate::net::{Deadline, Stream, buffer};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// One connection. Shared by its loop and the body of its current request, never across threads.
pub(super) type SharedIo = Rc<RefCell<Io>>;

/// Where the client stands with the body of its current request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyState {
    /// All of it was read.
    Done,
    /// The client waits for 100 before it sends any (RFC 9110 section 10.1.1).
    Expected,
    /// It is on its way.
    Reading,
    /// It broke off or breaks the framing: nothing after it can be trusted.
    Broken,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Io {
    pub(super) stream: Stream,
    /// What was read and not yet used: the rest of a head, a body, the next request.
    pub(super) read: BytesMut,
    /// What is to be written before anything else: interim answers.
    pub(super) queue: Out,
    pub(super) body: BodyState,
    /// Body bytes of the current request that were handed on.
    pub(super) body_bytes: u64,
    /// Whether an interim answer went out; Go then guesses the type of the final one.
    pub(super) interim: bool,
    /// Fires when the client is too slow; what it covers depends on what is awaited.
    pub(super) deadline: Deadline,
    /// Silence allowed while a body is read. An idle time, not Traefik's total, so that slow uploads live.
    read_timeout: Duration,
    /// Time in which the client has to take something of what is written; zero is no limit.
    write_timeout: Duration,
    /// Runs while the client takes nothing, where that is limited.
    stalled: Option<Box<Deadline>>,
    /// Finds the next head.
    pub(super) parser: HeadParser,
    decoder: BodyDecoder,
}

impl Io {
    pub(super) fn new(
        stream: Stream,
        read: BytesMut,
        read_timeout: Duration,
        write_timeout: Duration,
    ) -> SharedIo {
        Rc::new(RefCell::new(Self {
            stream,
            read,
            queue: Out::default(),
            body: BodyState::Done,
            body_bytes: 0,
            interim: false,
            deadline: Deadline::new(),
            read_timeout,
            write_timeout,
            stalled: None,
            parser: HeadParser::new(),
            decoder: BodyDecoder::new(Framing::None),
        }))
    }

    /// Begins the body of a request whose head was read.
    pub(super) fn begin_body(&mut self, framing: Framing, expect_continue: bool) {
        self.body_bytes = 0;
        self.interim = false;
        self.body = match framing {
            Framing::None | Framing::Length(0) => BodyState::Done,
            _ if expect_continue && self.read.is_empty() => BodyState::Expected,
            _ => BodyState::Reading,
        };
        self.decoder = BodyDecoder::new(framing);
    }

    /// Reads more into `read`; `Ok(0)` is the end. Overdue is `TimedOut`.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match buffer::poll_read_into(&mut self.stream, cx, &mut self.read) {
            Poll::Ready(read) => Poll::Ready(read),
            Poll::Pending => {
                ready!(self.deadline.poll_expired(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    /// The next piece of the request's body.
    pub(super) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        match self.body {
            BodyState::Done => return Poll::Ready(None),
            BodyState::Broken => {
                return Poll::Ready(Some(Err(ProxyError::client(ErrorKind::ClientGone))));
            }
            BodyState::Expected => {
                self.queue.bytes.extend_from_slice(CONTINUE);
                self.body = BodyState::Reading;
            }
            BodyState::Reading => {}
        }
        if let Poll::Ready(Err(error)) = self.poll_queue(cx) {
            return Poll::Ready(Some(Err(self.broken(ErrorKind::ClientGone, error))));
        }
        loop {
            match self.decoder.decode(&mut self.read) {
                Ok(Decoded::Data(data)) => {
                    self.body_bytes += data.len() as u64;
                    self.deadline.clear();
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Ok(Decoded::End { trailers }) => {
                    self.body = BodyState::Done;
                    self.deadline.clear();
                    return Poll::Ready(
                        trailers.map(|fields: HeaderMap| Ok(Frame::trailers(fields))),
                    );
                }
                Ok(Decoded::NeedMore) => {}
                Err(error) => {
                    return Poll::Ready(Some(Err(self.broken(ErrorKind::BadRequest, error))));
                }
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0)) => {
                    let end = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Poll::Ready(Some(Err(self.broken(ErrorKind::ClientGone, end))));
                }
                Poll::Ready(Ok(_)) => self.deadline.clear(),
                Poll::Ready(Err(error)) => {
                    let kind = match error.kind() {
                        io::ErrorKind::TimedOut => ErrorKind::ClientTimeout,
                        _ => ErrorKind::ClientGone,
                    };
                    return Poll::Ready(Some(Err(self.broken(kind, error))));
                }
                Poll::Pending => {
                    self.deadline.set_if_clear(self.read_timeout);
                    return self.deadline.poll_expired(cx).map(|()| {
                        let late = io::Error::from(io::ErrorKind::TimedOut);
                        Some(Err(self.broken(ErrorKind::ClientTimeout, late)))
                    });
                }
            }
        }
    }

    fn broken(
        &mut self,
        kind: ErrorKind,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> ProxyError {
        self.body = BodyState::Broken;
        ProxyError::client(kind).because(source)
    }

    /// Bytes of the body still to come, as far as its head told.
    pub(super) fn body_left(&self) -> Option<u64> {
        self.decoder.remaining()
    }

    /// Writes what is queued.
    pub(super) fn poll_queue(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.queue.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(cx, self.queue.left());
            let written = ready!(self.taken(cx, written))?;
            self.queue.advance(written)?;
        }
        Poll::Ready(Ok(()))
    }

    /// While a request is being answered: sends interim answers, and watches for the client to go away.
    /// Ready means that it did.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.queue.is_empty()
            && let Poll::Ready(Err(_)) = self.poll_queue(cx)
        {
            return Poll::Ready(());
        }
        // Only once the body was read, and only until a pipelined request came: that one waits for its turn.
        if self.body != BodyState::Done || !self.read.is_empty() {
            return Poll::Pending;
        }
        if self.stream.is_plain() {
            // Asks the runtime, not the kernel: no system call while nothing came.
            ready!(self.stream.socket().poll_read_ready(cx)).ok();
        }
        match buffer::poll_read_into(&mut self.stream, cx, &mut self.read) {
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(()),
            Poll::Ready(Ok(_)) | Poll::Pending => Poll::Pending,
        }
    }

    /// Writes `head`, then `data`, both from where they stand, in as few system calls as the socket allows.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut Out,
        data: &mut Bytes,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_queue(cx))?;
        while !head.is_empty() || !data.is_empty() {
            let stream = Pin::new(&mut self.stream);
            let left = head.left();
            let written = if data.is_empty() {
                stream.poll_write(cx, left)
            } else if left.is_empty() {
                stream.poll_write(cx, data)
            } else {
                let slices = [IoSlice::new(left), IoSlice::new(data)];
                stream.poll_write_vectored(cx, &slices)
            };
            let written = ready!(self.taken(cx, written))?;
            let of_head = written.min(left.len());
            if written == 0 || of_head > 0 {
                head.advance(of_head)?;
            }
            data.advance(written - of_head);
        }
        // rustls keeps records back until it is told; a plain socket does nothing here.
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.taken(cx, flushed)
    }

    /// A write as it went, or an error where the client has taken nothing for too long.
    fn taken<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        if self.write_timeout.is_zero() {
            return Poll::Pending;
        }
        let timeout = self.write_timeout;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::new(Deadline::after(timeout)));
        ready!(stalled.poll_expired(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client took nothing of the answer for writeTimeout",
        )))
    }
}

/// Bytes on their way out.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) bytes: Vec<u8>,
    pub(super) written: usize,
}

impl Out {
    pub(super) fn is_empty(&self) -> bool {
        self.left().is_empty()
    }

    fn left(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    fn advance(&mut self, written: usize) -> io::Result<()> {
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.written += written;
        if self.is_empty() {
            self.bytes.clear();
            self.written = 0;
        }
        Ok(())
    }
}
