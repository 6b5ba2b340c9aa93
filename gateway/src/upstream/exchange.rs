//! Sends one request and reads the head of its answer, both at once: a server may answer before it has
//! read everything, and a body may be endless.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::http::{HeaderMap, StatusCode};
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use tokio::io::AsyncWrite;

use crate::h1::{self, HeadError, HeadParser, Limits, ResponseHead};
use crate::http::{Body, ErrorKind, Interim, ProxyError};
use crate::net::{Deadline, Stream, buffer};

/// Interim answers that one request may get.
pub(super) const MOST_INTERIM: u32 = 64;
/// How long a body waits for `100 Continue` before it is sent all the same (Go's figure in Traefik).
pub(super) const CONTINUE: Duration = Duration::from_secs(1);

/// A connection, with what was read and belongs to nobody yet.
pub(super) struct Conn {
    pub(super) stream: Stream,
    pub(super) buf: BytesMut,
}

/// How a request failed, as far as it matters to whether it may be sent again.
pub(super) enum Failure {
    /// The server closed or broke the connection before its first byte. `unsent` says that not a byte
    /// of the request was written.
    Silent { error: io::Error, unsent: bool },
    /// Anything else.
    Final(ProxyError),
}

impl From<ProxyError> for Failure {
    fn from(error: ProxyError) -> Self {
        Self::Final(error)
    }
}

/// What of the body is still to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// It waits for `100 Continue`.
    Held,
    /// There may be more.
    Body,
    /// Everything was handed over.
    Finished,
    /// The server reads no more. What it says may still be worth reading.
    Broken,
}

/// One request on its way.
pub(super) struct Exchange<'a> {
    conn: &'a mut Conn,
    body: &'a mut Body,
    interim: Option<Rc<dyn Interim>>,
    limits: Limits,
    head_request: bool,
    chunked: bool,
    trailers: Option<Box<HeaderMap>>,
    sending: Sending,
    /// Body bytes that the announced length leaves, where there is one.
    left: Option<u64>,
    /// What is written next: a head or a chunk's line, then data, then a chunk's end.
    prefix: Vec<u8>,
    data: Bytes,
    suffix: &'static [u8],
    /// Bytes of these three that were written.
    written: usize,
    /// Bytes of the whole request that were written.
    sent: u64,
    /// Polls of the body while the head waits to go out together with its first bytes.
    tries: u8,
    parser: HeadParser,
    answered: bool,
    interims: u32,
    deadline: Option<Deadline>,
    header_timeout: Option<Duration>,
}

/// What does not change while a request is sent.
pub(super) struct Plan {
    pub(super) head: Vec<u8>,
    pub(super) chunked: bool,
    /// Sent behind a chunked body.
    pub(super) trailers: Option<Box<HeaderMap>>,
    pub(super) expects: bool,
    pub(super) head_request: bool,
    pub(super) limits: Limits,
    pub(super) header_timeout: Option<Duration>,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        conn: &'a mut Conn,
        body: &'a mut Body,
        plan: Plan,
        interim: Option<Rc<dyn Interim>>,
    ) -> Self {
        let sending = match body {
            Body::Empty => Sending::Finished,
            _ if plan.expects => Sending::Held,
            _ => Sending::Body,
        };
        Self {
            left: body.length(),
            conn,
            body,
            interim,
            limits: plan.limits,
            head_request: plan.head_request,
            chunked: plan.chunked,
            trailers: plan.trailers,
            sending,
            prefix: plan.head,
            data: Bytes::new(),
            suffix: b"",
            written: 0,
            sent: 0,
            tries: 0,
            parser: HeadParser::new(),
            answered: false,
            interims: 0,
            deadline: (sending == Sending::Held).then(|| Deadline::after(CONTINUE)),
            header_timeout: plan.header_timeout,
        }
    }

    /// Whether the whole request went out, so that the connection stays in step.
    pub(super) fn is_sent(&self) -> bool {
        self.sending == Sending::Finished && self.is_written()
    }

    /// The buffer that held the head, to be used again.
    pub(super) fn into_scratch(self) -> Vec<u8> {
        self.prefix
    }

    /// The head of the final answer (or of a 101).
    pub(super) async fn answer(&mut self) -> Result<ResponseHead, Failure> {
        std::future::poll_fn(|cx| self.poll_answer(cx)).await
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Failure>> {
        loop {
            let _ = self.poll_send(cx)?;
            let held = self.sending == Sending::Held;
            if let Poll::Ready(head) = self.poll_head(cx) {
                return Poll::Ready(head);
            }
            if held && self.sending != Sending::Held {
                continue;
            }
            ready!(self.poll_deadline(cx));
            if self.sending != Sending::Held {
                let error = ProxyError::upstream(ErrorKind::UpstreamTimeout);
                return Poll::Ready(Err(error
                    .because("timeout awaiting response headers")
                    .into()));
            }
            self.release();
        }
    }

    /// Ready when a wait has been too long: that for `100 Continue`, or that for the answer.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.deadline.is_none()
            && self.is_sent()
            && let Some(timeout) = self.header_timeout
        {
            self.deadline = Some(Deadline::after(timeout));
        }
        match &mut self.deadline {
            Some(deadline) => deadline.poll_expired(cx),
            None => Poll::Pending,
        }
    }

    /// The body need not wait any longer.
    fn release(&mut self) {
        if self.sending == Sending::Held {
            self.sending = Sending::Body;
            self.deadline = None;
        }
    }

    /// Sends what there is to send.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProxyError>> {
        loop {
            // The head waits for the first bytes of the body, but not longer than one turn of the runtime.
            if self.sent == 0
                && self.tries < 2
                && self.sending == Sending::Body
                && self.data.is_empty()
            {
                match self.poll_body(cx)? {
                    Poll::Ready(()) => self.tries = 2,
                    Poll::Pending => {
                        self.tries += 1;
                        if self.tries < 2 {
                            cx.waker().wake_by_ref();
                            return Poll::Pending;
                        }
                    }
                }
            }
            if !self.is_written() {
                ready!(self.poll_write(cx));
                continue;
            }
            match self.sending {
                Sending::Body => match self.poll_body(cx)? {
                    Poll::Ready(()) => continue,
                    Poll::Pending => {
                        let _ = Pin::new(&mut self.conn.stream).poll_flush(cx);
                        return Poll::Pending;
                    }
                },
                Sending::Held => {
                    let _ = Pin::new(&mut self.conn.stream).poll_flush(cx);
                    return Poll::Pending;
                }
                Sending::Finished => {
                    if ready!(Pin::new(&mut self.conn.stream).poll_flush(cx)).is_err() {
                        self.sending = Sending::Broken;
                    }
                    return Poll::Ready(Ok(()));
                }
                Sending::Broken => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Takes the next piece of the body and makes it what is written next. The head, if it is still
    /// there, stays in front.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, ProxyError> {
        let Poll::Ready(frame) = Pin::new(&mut *self.body).poll_frame(cx) else {
            return Ok(Poll::Pending);
        };
        if self.is_written() {
            self.prefix.clear();
            self.data = Bytes::new();
            self.suffix = b"";
            self.written = 0;
        }
        let data = match frame {
            Some(Err(error)) => return Err(error),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if !data.is_empty() => data,
                // Trailers that come after the head went out are read and dropped, as Traefik does.
                _ => return Ok(Poll::Ready(())),
            },
            None => {
                self.finish_body()?;
                return Ok(Poll::Ready(()));
            }
        };
        if self.chunked {
            h1::chunk_start(&mut self.prefix, data.len());
            self.suffix = h1::CHUNK_END;
        } else {
            let left = self.left.unwrap_or_default().checked_sub(data.len() as u64);
            self.left = Some(left.ok_or_else(|| wrong_length("longer"))?);
        }
        self.data = data;
        if self.left == Some(0) && !self.chunked {
            self.sending = Sending::Finished;
        }
        Ok(Poll::Ready(()))
    }

    fn finish_body(&mut self) -> Result<(), ProxyError> {
        if self.chunked {
            h1::last_chunk(&mut self.prefix, self.trailers.as_deref());
        } else if self.left.is_some_and(|left| left > 0) {
            return Err(wrong_length("shorter"));
        }
        self.sending = Sending::Finished;
        Ok(())
    }

    fn is_written(&self) -> bool {
        self.written == self.prefix.len() + self.data.len() + self.suffix.len()
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (mut skip, mut count) = (self.written, 0);
        let mut slices = [IoSlice::new(b""); 3];
        for part in [&self.prefix[..], &self.data[..], self.suffix] {
            let (_, rest) = part.split_at(skip.min(part.len()));
            skip -= skip.min(part.len());
            if !rest.is_empty()
                && let Some(slice) = slices.get_mut(count)
            {
                *slice = IoSlice::new(rest);
                count += 1;
            }
        }
        let stream = Pin::new(&mut self.conn.stream);
        // One piece goes out by the cheaper system call.
        let wrote = match slices.get(..count) {
            Some([only]) => stream.poll_write(cx, only),
            several => stream.poll_write_vectored(cx, several.unwrap_or_default()),
        };
        match ready!(wrote) {
            Ok(0) | Err(_) => {
                // The server's last words may be waiting to be read.
                self.sending = Sending::Broken;
                self.prefix.clear();
                self.data = Bytes::new();
                self.suffix = b"";
                self.written = 0;
            }
            Ok(wrote) => {
                self.written += wrote;
                self.sent += wrote as u64;
            }
        }
        Poll::Ready(())
    }

    /// Reads until the final head is there. Interim answers are handed on as they come.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Failure>> {
        loop {
            let head = self
                .parser
                .response(&mut self.conn.buf, self.head_request, &self.limits)
                .map_err(bad_head)?;
            if let Some(head) = head {
                self.answered = true;
                if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS
                {
                    return Poll::Ready(Ok(head));
                }
                self.interim(head.status, &head.headers)?;
                if head.status == StatusCode::CONTINUE && self.sending == Sending::Held {
                    self.release();
                    return Poll::Pending;
                }
                continue;
            }
            match ready!(buffer::poll_read_into(
                &mut self.conn.stream,
                cx,
                &mut self.conn.buf
            )) {
                Ok(0) => return Poll::Ready(Err(self.ended())),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(self.silent(error))),
            }
        }
    }

    fn interim(&mut self, status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
        self.interims += 1;
        if self.interims > MOST_INTERIM {
            let error = ProxyError::upstream(ErrorKind::UpstreamProtocol);
            return Err(error.because("too many 1xx answers").into());
        }
        if let Some(client) = &self.interim {
            client.send(status, headers);
        }
        Ok(())
    }

    /// The server closed without a whole head.
    fn ended(&self) -> Failure {
        if self.answered || !self.conn.buf.is_empty() {
            let error = ProxyError::upstream(ErrorKind::UpstreamProtocol);
            return error
                .because("connection closed inside the answer's head")
                .into();
        }
        self.silent(io::ErrorKind::UnexpectedEof.into())
    }

    fn silent(&self, error: io::Error) -> Failure {
        if self.answered || !self.conn.buf.is_empty() {
            let broken = ProxyError::upstream(ErrorKind::Unreachable);
            return broken.because(error).into();
        }
        let unsent = self.sent == 0;
        Failure::Silent { error, unsent }
    }
}

fn bad_head(error: HeadError) -> Failure {
    ProxyError::upstream(ErrorKind::UpstreamProtocol)
        .because(error)
        .into()
}

fn wrong_length(how: &str) -> ProxyError {
    ProxyError::client(ErrorKind::BadRequest)
        .because(format!("request body {how} than its Content-Length"))
}
