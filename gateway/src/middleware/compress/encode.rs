//! Bodies on their way through an encoder.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body::Frame;

use crate::http::{Body, ErrorKind, ProxyError, Side};

/// Bodies up to this length are encoded at once, so that their answer has a length.
const AT_ONCE: usize = 64 * 1024;

/// Bytes between two looks at the world: other requests of the worker wait for so many at most.
const STRETCH: usize = 32 * 1024;

/// Stretches that may give nothing before others get their turn.
const STRETCHES: usize = 8;

/// Go's level, and about what Traefik's Brotli and Zstandard spend.
const GZIP_LEVEL: u32 = 5;
const BROTLI_QUALITY: u32 = 5;
/// Window of 512 KiB: each answer that is being sent holds one.
const BROTLI_WINDOW_BITS: u32 = 19;
const ZSTD_LEVEL: i32 = 3;

/// A content coding that we make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Encoding {
    /// The one of a name, as configurations write it.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Gzip, Self::Brotli, Self::Zstd]
            .into_iter()
            .find(|encoding| encoding.name() == name)
    }

    /// Its name in fields.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// `body`, encoded; or the body as it was, and why it could not be.
pub(super) fn body(encoding: Encoding, body: Body) -> Result<Body, (io::Error, Body)> {
    let mut encoder = match Encoder::new(encoding) {
        Ok(encoder) => encoder,
        Err(error) => return Err((error, body)),
    };
    match body {
        Body::Full(bytes) if bytes.len() <= AT_ONCE => {
            match encoder.write(&bytes).and_then(|()| encoder.finish()) {
                Ok(encoded) => Ok(Body::Full(encoded)),
                Err(error) => Err((error, Body::Full(bytes))),
            }
        }
        body => Ok(Body::stream(Encoded {
            body,
            input: Bytes::new(),
            encoder: Some(encoder),
            held: false,
            trailers: None,
        })),
    }
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    fn new(encoding: Encoding) -> io::Result<Self> {
        Ok(match encoding {
            Encoding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))),
            Encoding::Brotli => Self::Brotli(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                4096,
                BROTLI_QUALITY,
                BROTLI_WINDOW_BITS,
            ))),
            Encoding::Zstd => Self::Zstd(zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Brotli(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// Makes all that was written readable for the client.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Brotli(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }

    /// What is there to be sent.
    fn take(&mut self) -> Bytes {
        let out = match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        };
        std::mem::take(out).into()
    }

    /// Ends it: the last bytes.
    fn finish(self) -> io::Result<Bytes> {
        let out = match self {
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Brotli(encoder) => encoder.into_inner(),
            Self::Zstd(encoder) => encoder.finish()?,
        };
        Ok(out.into())
    }
}

/// A body that is encoded as it is read. What is there is sent as soon as the server has nothing more to say: events do
/// not wait for each other.
struct Encoded {
    body: Body,
    /// Read, and not encoded yet.
    input: Bytes,
    /// `None` after its end.
    encoder: Option<Encoder>,
    /// The encoder may hold back bytes.
    held: bool,
    /// Come after the end of the encoded bytes.
    trailers: Option<Frame<Bytes>>,
}

impl Encoded {
    /// Encodes a stretch of what was read.
    fn stretch(&mut self) -> io::Result<Bytes> {
        let piece = self.input.split_to(self.input.len().min(STRETCH));
        let Some(encoder) = &mut self.encoder else {
            return Ok(Bytes::new());
        };
        encoder.write(&piece)?;
        self.held = true;
        Ok(encoder.take())
    }

    fn flush(&mut self) -> io::Result<Bytes> {
        let Some(encoder) = self.encoder.as_mut().filter(|_| self.held) else {
            return Ok(Bytes::new());
        };
        encoder.flush()?;
        self.held = false;
        Ok(encoder.take())
    }

    fn finish(&mut self) -> io::Result<Bytes> {
        let encoder = self.encoder.take();
        encoder.map_or_else(|| Ok(Bytes::new()), Encoder::finish)
    }
}

/// Such an answer is cut: what was sent of it has no end.
fn broken(error: io::Error) -> ProxyError {
    ProxyError::new(ErrorKind::Internal, Side::Gateway).because(error)
}

impl http_body::Body for Encoded {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let this = self.get_mut();
        for _ in 0..STRETCHES {
            let out = if !this.input.is_empty() {
                this.stretch()
            } else if this.encoder.is_none() {
                return Poll::Ready(this.trailers.take().map(Ok));
            } else {
                match Pin::new(&mut this.body).poll_frame(cx) {
                    Poll::Pending => match this.flush() {
                        Ok(out) if out.is_empty() => return Poll::Pending,
                        out => out,
                    },
                    Poll::Ready(None) => this.finish(),
                    Poll::Ready(Some(Err(error))) => {
                        this.encoder = None;
                        return Poll::Ready(Some(Err(error)));
                    }
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) => {
                            this.input = data;
                            continue;
                        }
                        Err(trailers) => {
                            this.trailers = Some(trailers);
                            this.finish()
                        }
                    },
                }
            };
            match out {
                Ok(out) if out.is_empty() => {}
                Ok(out) => return Poll::Ready(Some(Ok(Frame::data(out)))),
                Err(error) => {
                    this.encoder = None;
                    return Poll::Ready(Some(Err(broken(error))));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none() && self.trailers.is_none()
    }
}
