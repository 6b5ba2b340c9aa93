//! The body of a request on its way: taken from the client only as fast as the server takes it.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use ::http::HeaderMap;
use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;
use tokio::task::JoinHandle;

use crate::http::{Body, ErrorKind, ProxyError, Request, hop};

/// See the module. Dropped before its end, the stream is reset.
pub(super) struct Upload {
    stream: SendStream<Bytes>,
    body: Body,
    /// Bytes that the announced length leaves, where there is one.
    left: Option<u64>,
    /// Something of the body was taken.
    touched: bool,
    /// Everything was handed over, or the server wants no more.
    finished: bool,
    /// Fields of the head, which trailers may not say again.
    said: HeaderMap,
}

impl Upload {
    /// Takes the fields and the body of `request`.
    pub(super) fn new(stream: SendStream<Bytes>, request: &mut Request, ended: bool) -> Self {
        Self {
            stream,
            left: request.body.length(),
            body: std::mem::take(&mut request.body),
            touched: false,
            finished: ended,
            said: std::mem::take(&mut request.headers),
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Gives back what was taken of `request`, and says whether a part of the body was sent.
    pub(super) fn give_back(self, request: &mut Request) -> bool {
        request.body = self.body;
        request.headers = self.said;
        self.touched
    }

    /// Sends what there is to send; ready when there will be nothing more. An error is the client's.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProxyError>> {
        while !self.finished {
            if !ready!(self.poll_room(cx)) {
                // The server reads no more, or the connection is gone. What it says may still be worth reading.
                self.finished = true;
                break;
            }
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            if let Err(error) = self.send(frame) {
                self.finished = true;
                self.stream.send_reset(Reason::CANCEL);
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until the server would take a byte; false if it takes none any more.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.stream.poll_reset(cx).is_ready() {
            return Poll::Ready(false);
        }
        self.stream.reserve_capacity(1);
        if self.stream.capacity() > 0 {
            return Poll::Ready(true);
        }
        Poll::Ready(matches!(ready!(self.stream.poll_capacity(cx)), Some(Ok(_))))
    }

    fn send(
        &mut self,
        frame: Option<Result<http_body::Frame<Bytes>, ProxyError>>,
    ) -> Result<(), ProxyError> {
        let Some(frame) = frame else {
            return self.end(Bytes::new());
        };
        self.touched = true;
        match frame?.into_data() {
            Ok(data) if data.is_empty() => Ok(()),
            Ok(data) => {
                if let Some(left) = &mut self.left {
                    let less = left.checked_sub(data.len() as u64);
                    *left = less.ok_or_else(|| wrong_length("longer"))?;
                    if *left == 0 {
                        return self.end(data);
                    }
                }
                self.sent(|stream| stream.send_data(data, false));
                Ok(())
            }
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => {
                    let trailers = hop::request_trailers(trailers, &self.said);
                    if trailers.is_empty() {
                        return self.end(Bytes::new());
                    }
                    self.finished = true;
                    self.sent(|stream| stream.send_trailers(trailers));
                    Ok(())
                }
                Err(_) => Ok(()),
            },
        }
    }

    fn end(&mut self, last: Bytes) -> Result<(), ProxyError> {
        if self.left.is_some_and(|left| left > 0) {
            return Err(wrong_length("shorter"));
        }
        self.finished = true;
        self.sent(|stream| stream.send_data(last, true));
        Ok(())
    }

    /// Hands something to the stream. That it is closed is seen where the answer is awaited.
    fn sent(&mut self, send: impl FnOnce(&mut SendStream<Bytes>) -> Result<(), h2::Error>) {
        if send(&mut self.stream).is_err() {
            self.finished = true;
        }
    }
}

fn wrong_length(how: &str) -> ProxyError {
    ProxyError::client(ErrorKind::BadRequest)
        .because(format!("request body {how} than its Content-Length"))
}

/// An upload that goes on while its answer is read, in a task of its own: a client may first send everything and then
/// read, or the other way round. It ends with this value.
pub(super) struct Pump {
    shared: Rc<RefCell<Shared>>,
    task: JoinHandle<()>,
}

struct Shared {
    upload: Option<Upload>,
    failure: Option<ProxyError>,
    reader: Option<Waker>,
}

impl Pump {
    pub(super) fn start(upload: Upload) -> Self {
        let shared = Rc::new(RefCell::new(Shared {
            upload: Some(upload),
            failure: None,
            reader: None,
        }));
        let pumped = Rc::clone(&shared);
        let task =
            tokio::task::spawn_local(std::future::poll_fn(move |cx| pumped.borrow_mut().poll(cx)));
        Self { shared, task }
    }

    /// Why the upload failed; else `cx` is woken when it does.
    pub(super) fn poll_failure(&self, cx: &mut Context<'_>) -> Poll<ProxyError> {
        let mut shared = self.shared.borrow_mut();
        match shared.failure.take() {
            Some(error) => Poll::Ready(error),
            None => {
                if shared.upload.is_some() {
                    shared.reader = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}

impl Shared {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(upload) = &mut self.upload else {
            return Poll::Ready(());
        };
        if let Err(error) = ready!(upload.poll(cx)) {
            self.failure = Some(error);
        }
        self.upload = None;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(())
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        // The client's connection is free at once, not when the task is next looked at.
        let upload = self.shared.borrow_mut().upload.take();
        drop(upload);
        self.task.abort();
    }
}
