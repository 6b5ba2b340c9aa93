//! Sends one request on one stream and waits for the head of its answer, both at once.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::http::{Response, StatusCode};
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream};

use super::session::Ticket;
use super::upload::Upload;
use crate::http::{ErrorKind, Interim, ProxyError, Request};
use crate::net::Deadline;
use crate::upstream::exchange::{CONTINUE, MOST_INTERIM};

/// How a request failed, as far as it matters to whether it may be sent again.
pub(super) enum Failure {
    /// The server says that it did not begin with it, or the connection never took it.
    NotBegun(h2::Error),
    /// The connection ended before an answer.
    Lost(h2::Error),
    /// The server answers this only over HTTP/1.1.
    Http1Required,
    /// Anything else.
    Final(ProxyError),
}

impl Failure {
    fn of(error: h2::Error) -> Self {
        let theirs = error.is_remote();
        match error.reason() {
            _ if theirs && error.is_go_away() => Self::NotBegun(error),
            Some(Reason::REFUSED_STREAM) if theirs => Self::NotBegun(error),
            Some(Reason::HTTP_1_1_REQUIRED) if theirs => Self::Http1Required,
            _ if error.is_io() => Self::Lost(error),
            _ => Self::Final(ProxyError::upstream(ErrorKind::UpstreamProtocol).because(error)),
        }
    }

    pub(super) fn into_error(self) -> ProxyError {
        let unreachable = ProxyError::upstream(ErrorKind::Unreachable);
        match self {
            Self::NotBegun(error) => unreachable.because(error).retryable(),
            Self::Lost(error) => unreachable.because(error),
            Self::Http1Required => ProxyError::upstream(ErrorKind::UpstreamProtocol)
                .because("the server answers this over HTTP/1.1 only"),
            Self::Final(error) => error,
        }
    }
}

/// What does not change while a request is sent.
pub(super) struct Plan {
    pub(super) interim: Option<Rc<dyn Interim>>,
    /// The body waits for `100 Continue`.
    pub(super) expects: bool,
    pub(super) header_timeout: Option<Duration>,
}

/// One request on its way.
pub(super) struct Exchange {
    answer: ResponseFuture,
    upload: Upload,
    interim: Option<Rc<dyn Interim>>,
    interims: u32,
    /// The body waits for `100 Continue`.
    held: bool,
    deadline: Option<Deadline>,
    header_timeout: Option<Duration>,
}

impl Exchange {
    /// Opens a stream, hands the head over, and takes the fields and the body of `request`, unless it fails.
    pub(super) fn begin(
        ticket: &Ticket,
        head: ::http::Request<()>,
        request: &mut Request,
        plan: Plan,
    ) -> Result<Self, Failure> {
        let ended = request.body.length() == Some(0);
        let (answer, stream) = match ticket.sender().send_request(head, ended) {
            Ok(opened) => opened,
            // Its end came between the look at it and now: not a byte was sent.
            Err(error) if error.is_io() || error.is_go_away() => {
                return Err(Failure::NotBegun(error));
            }
            Err(error) => return Err(Failure::of(error)),
        };
        let held = plan.expects && !ended;
        Ok(Self {
            answer,
            upload: Upload::new(stream, request, ended),
            interim: plan.interim,
            interims: 0,
            held,
            deadline: held.then(|| Deadline::after(CONTINUE)),
            header_timeout: plan.header_timeout,
        })
    }

    /// What is still to be sent.
    pub(super) fn into_upload(self) -> Upload {
        self.upload
    }

    /// The head of the final answer.
    pub(super) async fn answer(&mut self) -> Result<Response<RecvStream>, Failure> {
        std::future::poll_fn(|cx| self.poll_answer(cx)).await
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<RecvStream>, Failure>> {
        loop {
            if !self.held
                && let Poll::Ready(Err(error)) = self.upload.poll(cx)
            {
                return Poll::Ready(Err(Failure::Final(error)));
            }
            let held = self.held;
            self.poll_interim(cx).map_err(Failure::Final)?;
            if let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(cx) {
                return Poll::Ready(answer.map_err(Failure::of));
            }
            if held != self.held {
                continue;
            }
            ready!(self.poll_deadline(cx));
            if !self.held {
                let error = ProxyError::upstream(ErrorKind::UpstreamTimeout);
                let error = error.because("timeout awaiting response headers");
                return Poll::Ready(Err(Failure::Final(error)));
            }
            self.release();
        }
    }

    /// The body need not wait any longer.
    fn release(&mut self) {
        if self.held {
            self.held = false;
            self.deadline = None;
        }
    }

    /// Ready when a wait has been too long: that for `100 Continue`, or that for the answer.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.deadline.is_none()
            && self.upload.is_finished()
            && let Some(timeout) = self.header_timeout
        {
            self.deadline = Some(Deadline::after(timeout));
        }
        match &self.deadline {
            Some(deadline) => deadline.poll_expired(cx),
            None => Poll::Pending,
        }
    }

    /// Hands on what interim answers have come.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Result<(), ProxyError> {
        let wrong =
            |why: &'static str| Err(ProxyError::upstream(ErrorKind::UpstreamProtocol).because(why));
        while let Poll::Ready(Some(Ok(interim))) = self.answer.poll_informational(cx) {
            self.interims += 1;
            if self.interims > MOST_INTERIM {
                return wrong("too many 1xx answers");
            }
            let (parts, ()) = interim.into_parts();
            if parts.status == StatusCode::SWITCHING_PROTOCOLS {
                return wrong("101 over HTTP/2, which has none");
            }
            if parts.status == StatusCode::CONTINUE {
                self.release();
            }
            if let Some(client) = &self.interim {
                client.send(parts.status, &parts.headers);
            }
        }
        Ok(())
    }
}
