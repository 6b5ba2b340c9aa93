//! Bodies of gRPC-Web: base64 for those who cannot read bytes, and trailers as the last message.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body::Frame;

use crate::http::{Body, ErrorKind, ProxyError};

/// Marks the message that holds the trailers.
const TRAILERS: u8 = 1 << 7;

/// `body` without its base64. It may be several texts in a row, each with its padding.
pub(super) fn decoded(body: Body) -> Body {
    Body::stream(Decoded {
        body,
        rest: BytesMut::new(),
        ended: false,
    })
}

struct Decoded {
    body: Body,
    /// Characters of a group that is not whole yet.
    rest: BytesMut,
    ended: bool,
}

fn broken() -> ProxyError {
    ProxyError::client(ErrorKind::BadRequest).because("a body of gRPC-Web text is not base64")
}

impl Decoded {
    /// Decodes the whole groups of what is there.
    fn decode(&mut self) -> Result<Bytes, ProxyError> {
        let whole = self.rest.len() / 4 * 4;
        let groups = self.rest.split_to(whole);
        let mut out = Vec::with_capacity(whole / 4 * 3);
        let mut groups = &groups[..];
        while !groups.is_empty() {
            let padded = groups.chunks(4).position(|group| group.contains(&b'='));
            let end = padded.map_or(groups.len(), |at| (at + 1) * 4);
            let (text, rest) = groups.split_at(end.min(groups.len()));
            STANDARD.decode_vec(text, &mut out).map_err(|_| broken())?;
            groups = rest;
        }
        Ok(out.into())
    }
}

impl http_body::Body for Decoded {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let this = self.get_mut();
        while !this.ended {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    let lines = data.iter().filter(|byte| !matches!(byte, b'\r' | b'\n'));
                    this.rest.extend(lines);
                    let out = this.decode();
                    if !matches!(&out, Ok(out) if out.is_empty()) {
                        this.ended = out.is_err();
                        return Poll::Ready(Some(out.map(Frame::data)));
                    }
                }
                Some(Err(error)) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    this.ended = true;
                    if !this.rest.is_empty() {
                        return Poll::Ready(Some(Err(broken())));
                    }
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

/// `body` with its trailers as the last message; `text` makes base64 of all.
pub(super) fn with_trailers(body: Body, text: bool) -> Body {
    Body::stream(Web {
        body,
        text,
        ended: false,
    })
}

struct Web {
    body: Body,
    text: bool,
    ended: bool,
}

impl Web {
    fn frame(&self, data: Bytes) -> Frame<Bytes> {
        Frame::data(match self.text {
            true => STANDARD.encode(&data).into(),
            false => data,
        })
    }

    fn end(&mut self, trailers: &HeaderMap) -> Frame<Bytes> {
        self.ended = true;
        self.frame(message(trailers))
    }
}

/// Trailers as a message: its mark, its length, its lines.
fn message(trailers: &HeaderMap) -> Bytes {
    let mut message = vec![TRAILERS, 0, 0, 0, 0];
    for (name, value) in trailers {
        message.extend_from_slice(name.as_str().as_bytes());
        message.extend_from_slice(b": ");
        message.extend_from_slice(value.as_bytes());
        message.extend_from_slice(b"\r\n");
    }
    let length = u32::try_from(message.len() - 5).unwrap_or(u32::MAX);
    if let Some(place) = message.get_mut(1..5) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    message.into()
}

impl http_body::Body for Web {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let frame = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => this.frame(data),
                Err(frame) => this.end(&frame.into_trailers().unwrap_or_default()),
            },
            Some(Err(error)) => {
                this.ended = true;
                return Poll::Ready(Some(Err(error)));
            }
            None => this.end(&HeaderMap::new()),
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
