//! The body of a request or an answer. Boxed only where it streams.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::ProxyError;

/// A streaming body. Bodies never leave their worker's thread, so it need not be `Send`.
pub type BoxBody = Pin<Box<dyn http_body::Body<Data = Bytes, Error = ProxyError>>>;

/// What follows a head.
#[derive(Default)]
pub enum Body {
    /// Nothing, and the framing says so.
    #[default]
    Empty,
    /// All of it, in memory: most answers came whole with their head.
    Full(Bytes),
    /// Bytes that arrive while it is read.
    Stream(BoxBody),
}

impl Body {
    /// Boxes a streaming body.
    pub fn stream(body: impl http_body::Body<Data = Bytes, Error = ProxyError> + 'static) -> Self {
        Self::Stream(Box::pin(body))
    }

    /// The exact number of bytes, where it is known before they came.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::Stream(body) => body.size_hint().exact(),
        }
    }

    /// Whether there is certainly nothing to read.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    /// The next frame: data or, last, trailers.
    pub async fn frame(&mut self) -> Option<Result<Frame<Bytes>, ProxyError>> {
        std::future::poll_fn(|cx| http_body::Body::poll_frame(Pin::new(self), cx)).await
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::Full(Bytes::from_static(text.as_bytes()))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Full(Bytes::from(text))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Full(bytes)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let this = self.get_mut();
        match this {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *this = Self::Empty;
                if bytes.is_empty() {
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Stream(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}
