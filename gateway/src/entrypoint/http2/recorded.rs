//! The answer to a request of HTTP/2, and the record of both.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::session::Stream as Open;
use crate::http::{Body, Context, ProxyError};

/// The body of an answer; when it ended, or was dropped because the client went away, the request is recorded.
pub(super) struct Recorded {
    pub(super) body: Body,
    pub(super) cx: Context,
    pub(super) open: Open,
    pub(super) received: Rc<Cell<u64>>,
    pub(super) bytes: u64,
}

impl http_body::Body for Recorded {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let this = self.get_mut();
        this.open.taken();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        match &frame {
            Poll::Ready(Some(Ok(_))) => this.open.hand(),
            // An answer that breaks off is no fault of the client's.
            Poll::Ready(_) => this.open.end(),
            Poll::Pending => {}
        }
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            if let Some(trailers) = frame.trailers_ref() {
                this.cx.record.trailers(trailers);
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if self.body.is_empty() {
            self.open.end();
        }
        self.cx.record.ended(self.bytes, self.received.get());
    }
}
