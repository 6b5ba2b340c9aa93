//! The body of a client's request: reads from the connection only when it is asked to, which is the backpressure.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::io::{BodyState, SharedIo};
use crate::http::ProxyError;

/// Dropping it leaves the rest on the connection; the connection's loop decides what becomes of that.
pub(super) struct RequestBody {
    io: SharedIo,
    /// Bytes still to come, where `Content-Length` told; `None` for chunks.
    left: Option<u64>,
}

impl RequestBody {
    pub(super) fn new(io: SharedIo, length: Option<u64>) -> Self {
        Self { io, left: length }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let this = self.get_mut();
        let frame = this.io.borrow_mut().poll_body(cx);
        if let (Poll::Ready(Some(Ok(frame))), Some(left)) = (&frame, &mut this.left)
            && let Some(data) = frame.data_ref()
        {
            *left = left.saturating_sub(data.len() as u64);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.io.borrow().body == BodyState::Done
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
