//! Whole bodies: read up to a limit, sent more than once.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use ::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};

use super::{Body, ProxyError};

/// What became of reading a whole body.
#[derive(Debug)]
pub enum Gathered {
    /// All of it.
    Whole(Bytes),
    /// It is longer than the limit. This is the body as it was, nothing lost.
    TooLong(Body),
}

/// Reads `body` to its end, or until it is known to be longer than `limit` bytes (`None`: any length). Trailers are dropped.
pub async fn gather(body: Body, limit: Option<u64>) -> Result<Gathered, ProxyError> {
    gather_noting(body, limit, &mut None).await
}

/// Reads `body` as [`gather`] does, and keeps its trailers.
pub async fn gather_noting(
    mut body: Body,
    limit: Option<u64>,
    trailers: &mut Option<Box<HeaderMap>>,
) -> Result<Gathered, ProxyError> {
    let fits = |length: u64| limit.is_none_or(|limit| length <= limit);
    if body.length().is_some_and(|length| !fits(length)) {
        return Ok(Gathered::TooLong(body));
    }
    let mut pieces = VecDeque::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let data = match frame?.into_data() {
            Ok(data) => data,
            Err(frame) => {
                *trailers = frame.into_trailers().ok().map(Box::new);
                continue;
            }
        };
        length += data.len() as u64;
        pieces.push_back(data);
        if !fits(length) {
            return Ok(Gathered::TooLong(Body::stream(Led { pieces, rest: body })));
        }
    }
    if pieces.len() <= 1 {
        return Ok(Gathered::Whole(pieces.pop_front().unwrap_or_default()));
    }
    let mut whole = BytesMut::with_capacity(usize::try_from(length).unwrap_or_default());
    for piece in pieces {
        whole.extend_from_slice(&piece);
    }
    Ok(Gathered::Whole(whole.freeze()))
}

/// The first bytes of `body` (none where it is empty), and the body as it was.
pub async fn peek(mut body: Body) -> Result<(Bytes, Body), ProxyError> {
    if let Body::Full(bytes) = &body {
        return Ok((bytes.clone(), body));
    }
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data()
            && !data.is_empty()
        {
            let pieces = VecDeque::from([data.clone()]);
            return Ok((data, Body::stream(Led { pieces, rest: body })));
        }
    }
    Ok((Bytes::new(), Body::Empty))
}

/// A body of which the first pieces were read already.
struct Led {
    pieces: VecDeque<Bytes>,
    rest: Body,
}

impl http_body::Body for Led {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let this = self.get_mut();
        match this.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None => Pin::new(&mut this.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read: u64 = self.pieces.iter().map(|piece| piece.len() as u64).sum();
        match self.rest.size_hint().exact() {
            Some(rest) => SizeHint::with_exact(read + rest),
            None => SizeHint::new(),
        }
    }
}

/// A body that outlives the request it is sent with, so that one of which nothing was read can be sent again.
#[derive(Debug, Clone)]
pub enum SharedBody {
    /// Nothing.
    Empty,
    /// All of it: may be sent any number of times.
    Full(Bytes),
    /// As far as it was not read.
    Stream(Rc<RefCell<Body>>),
}

impl SharedBody {
    /// Takes a body to be shared.
    pub fn new(body: Body) -> Self {
        match body {
            Body::Empty => Self::Empty,
            Body::Full(bytes) => Self::Full(bytes),
            stream @ Body::Stream(_) => Self::Stream(Rc::new(RefCell::new(stream))),
        }
    }

    /// A body for one request.
    pub fn body(&self) -> Body {
        match self {
            Self::Empty => Body::Empty,
            Self::Full(bytes) => Body::Full(bytes.clone()),
            Self::Stream(stream) => Body::stream(Handle(Rc::clone(stream))),
        }
    }
}

struct Handle(Rc<RefCell<Body>>);

impl http_body::Body for Handle {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.borrow().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.borrow().size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http_body_util::BodyExt as _;

    use super::*;

    /// A body that comes in pieces.
    fn pieces(pieces: &[&'static str]) -> Body {
        let pieces = pieces
            .iter()
            .map(|piece| Bytes::from_static(piece.as_bytes()));
        Body::stream(Led {
            pieces: pieces.collect(),
            rest: Body::stream(http_body_util::Empty::new().map_err(|never| match never {})),
        })
    }

    #[tokio::test]
    async fn whole_or_untouched() {
        let whole = gather(pieces(&["ab", "", "cd"]), Some(4)).await.unwrap();
        assert!(matches!(whole, Gathered::Whole(bytes) if bytes == "abcd"));
        let Gathered::TooLong(body) = gather(pieces(&["ab", "cd", "ef"]), Some(3)).await.unwrap()
        else {
            panic!("too long");
        };
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abcdef");
        let declared = gather(Body::from("abcd"), Some(3)).await.unwrap();
        assert!(matches!(declared, Gathered::TooLong(Body::Full(_))));
    }
}
