//! Keeping something for as long as a body is read.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{Body, ProxyError};

struct Held<T> {
    body: Body,
    _held: T,
}

/// The same body, which drops `held` when it was read or is dropped itself. A body that is here already does so at once.
pub fn hold<T: Unpin + 'static>(body: Body, held: T) -> Body {
    match body {
        Body::Stream(_) => Body::stream(Held { body, _held: held }),
        whole => whole,
    }
}

impl<T: Unpin> http_body::Body for Held<T> {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
