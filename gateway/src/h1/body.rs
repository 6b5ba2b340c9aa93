//! Cuts body bytes out of the read buffer, without copying, up to the exact end of the message.

use std::fmt;

use ::http::HeaderMap;
use bytes::{Buf, Bytes, BytesMut};

use super::{Framing, fields};

/// Longest chunk-size line with its extensions, and longest trailer part. Go reads lines of 4 KiB.
const LINE: usize = 4096;
const TRAILERS: usize = 16 * 1024;
/// Bytes of chunk heads that may exceed what they frame, before they count as an attack (Go's figure).
const EXCESS: u64 = 16 * 1024;

/// One step of decoding.
#[derive(Debug)]
pub enum Decoded {
    /// Body bytes, never empty.
    Data(Bytes),
    /// The buffer holds nothing more of use: read, and call again.
    NeedMore,
    /// The message has ended; what is left in the buffer belongs to the next one. Trailers are given
    /// once, without those that may not be trailers.
    End {
        /// Fields behind the last chunk.
        trailers: Option<HeaderMap>,
    },
}

/// A body that is not framed as its head promised. The connection is of no use afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// A chunk's size is not `1*HEXDIG` of at most 16 digits, or its line does not end in CR LF.
    ChunkSize,
    /// A chunk's line is too long, or all of them together are much longer than what they frame.
    ChunkOverhead,
    /// No CR LF behind a chunk's bytes.
    ChunkEnd,
    /// A trailer that is not a field, or too many of them.
    Trailer,
    /// The connection ended before the message.
    Truncated,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChunkSize => "malformed chunk size",
            Self::ChunkOverhead => "chunk extensions too long",
            Self::ChunkEnd => "chunk does not end where its size says",
            Self::Trailer => "malformed trailers",
            Self::Truncated => "connection closed before the end of the body",
        })
    }
}

impl std::error::Error for BodyError {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes to come, then the end.
    Length(u64),
    /// At the start of a chunk's line, of which so many bytes hold no LF.
    Size(usize),
    /// So many bytes of a chunk to come.
    Chunk(u64),
    /// At the CR LF behind a chunk.
    ChunkEnd,
    /// Behind the last chunk, of which so many bytes were looked at.
    Trailers(usize),
    UntilClose,
    Done,
    /// Once wrong, always wrong: never resynchronise.
    Failed(BodyError),
}

/// Decodes one body.
#[derive(Debug)]
pub struct BodyDecoder {
    state: State,
    /// Bytes of chunk lines beyond what their data excuses.
    excess: u64,
}

impl BodyDecoder {
    /// A decoder for a body that is framed so.
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size(0),
            Framing::UntilClose => State::UntilClose,
        };
        Self { state, excess: 0 }
    }

    /// Whether the message has ended.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Bytes still to come, where that is known.
    pub fn remaining(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left),
            State::Done => Some(0),
            _ => None,
        }
    }

    /// Takes the next piece off the front of `buf`.
    pub fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded, BodyError> {
        loop {
            let step = match self.state {
                State::Length(left) => Ok(Some(self.length(buf, left))),
                State::UntilClose if buf.is_empty() => Ok(Some(Decoded::NeedMore)),
                State::UntilClose => Ok(Some(Decoded::Data(buf.split().freeze()))),
                State::Size(seen) => self.size(buf, seen),
                State::Chunk(left) => Ok(Some(self.chunk(buf, left))),
                State::ChunkEnd => self.chunk_end(buf),
                State::Trailers(seen) => self.trailers(buf, seen),
                State::Done => Ok(Some(Decoded::End { trailers: None })),
                State::Failed(error) => Err(error),
            };
            match step {
                Ok(Some(decoded)) => return Ok(decoded),
                Ok(None) => {}
                Err(error) => {
                    self.state = State::Failed(error);
                    return Err(error);
                }
            }
        }
    }

    /// The connection has ended and the buffer is empty: is that the end of the message?
    pub fn end_of_stream(&mut self) -> Result<(), BodyError> {
        match self.state {
            State::UntilClose | State::Done => {
                self.state = State::Done;
                Ok(())
            }
            State::Failed(error) => Err(error),
            _ => {
                self.state = State::Failed(BodyError::Truncated);
                Err(BodyError::Truncated)
            }
        }
    }

    fn length(&mut self, buf: &mut BytesMut, left: u64) -> Decoded {
        let data = take(buf, left);
        let left = left - data.len() as u64;
        self.state = if left == 0 {
            State::Done
        } else {
            State::Length(left)
        };
        data_or_more(data)
    }

    fn chunk(&mut self, buf: &mut BytesMut, left: u64) -> Decoded {
        let data = take(buf, left);
        let left = left - data.len() as u64;
        self.state = if left == 0 {
            State::ChunkEnd
        } else {
            State::Chunk(left)
        };
        data_or_more(data)
    }

    fn size(&mut self, buf: &mut BytesMut, seen: usize) -> Result<Option<Decoded>, BodyError> {
        let Some(at) = memchr::memchr(b'\n', buf.get(seen..).unwrap_or_default()) else {
            if buf.len() > LINE {
                return Err(BodyError::ChunkOverhead);
            }
            // A size that is wrong already need not wait for its line's end.
            check_size_start(buf)?;
            self.state = State::Size(buf.len());
            return Ok(Some(Decoded::NeedMore));
        };
        let end = seen + at;
        if end > LINE {
            return Err(BodyError::ChunkOverhead);
        }
        let size = parse_size(buf.get(..end).unwrap_or_default())?;
        let line = end as u64 + 1;
        buf.advance(end + 1);
        let excused = size.saturating_mul(2).saturating_add(16);
        self.excess = (self.excess + line + 2).saturating_sub(excused);
        if self.excess > EXCESS {
            return Err(BodyError::ChunkOverhead);
        }
        self.state = if size == 0 {
            State::Trailers(0)
        } else {
            State::Chunk(size)
        };
        Ok(None)
    }

    fn chunk_end(&mut self, buf: &mut BytesMut) -> Result<Option<Decoded>, BodyError> {
        match &buf[..] {
            [b'\r', b'\n', ..] => {
                buf.advance(2);
                self.state = State::Size(0);
                Ok(None)
            }
            [] | [b'\r'] => Ok(Some(Decoded::NeedMore)),
            _ => Err(BodyError::ChunkEnd),
        }
    }

    fn trailers(&mut self, buf: &mut BytesMut, seen: usize) -> Result<Option<Decoded>, BodyError> {
        if buf.starts_with(b"\r\n") {
            buf.advance(2);
            self.state = State::Done;
            return Ok(Some(Decoded::End { trailers: None }));
        }
        let Some(at) = memchr::memmem::find(buf.get(seen..).unwrap_or_default(), b"\r\n\r\n")
        else {
            if buf.len() > TRAILERS {
                return Err(BodyError::Trailer);
            }
            // The four bytes may be split between two reads.
            self.state = State::Trailers(buf.len().saturating_sub(3));
            return Ok(Some(Decoded::NeedMore));
        };
        let end = seen + at + 4;
        if end > TRAILERS {
            return Err(BodyError::Trailer);
        }
        let part = buf.split_to(end).freeze();
        let trailers = parse_trailers(&part)?;
        self.state = State::Done;
        Ok(Some(Decoded::End {
            trailers: (!trailers.is_empty()).then_some(trailers),
        }))
    }
}

/// Up to `left` bytes off the front of `buf`.
fn take(buf: &mut BytesMut, left: u64) -> Bytes {
    let here = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
    buf.split_to(here).freeze()
}

fn data_or_more(data: Bytes) -> Decoded {
    if data.is_empty() {
        Decoded::NeedMore
    } else {
        Decoded::Data(data)
    }
}

fn check_size_start(line: &[u8]) -> Result<(), BodyError> {
    match line.first() {
        None => Ok(()),
        Some(byte) if byte.is_ascii_hexdigit() => Ok(()),
        Some(_) => Err(BodyError::ChunkSize),
    }
}

/// A chunk's line without its LF: size, blanks, extension (dropped), CR.
fn parse_size(line: &[u8]) -> Result<u64, BodyError> {
    let line = line.strip_suffix(b"\r").ok_or(BodyError::ChunkSize)?;
    if memchr::memchr2(b'\r', 0, line).is_some() {
        return Err(BodyError::ChunkSize);
    }
    let digits = match memchr::memchr(b';', line) {
        Some(at) => line.get(..at).unwrap_or_default(),
        None => line,
    };
    // Go takes blanks in front of the extension and of the line's end, never in front of the digits.
    let digits = digits.trim_ascii_end();
    if digits.is_empty() || digits.len() > 16 {
        return Err(BodyError::ChunkSize);
    }
    let mut size: u64 = 0;
    for byte in digits {
        let digit = char::from(*byte).to_digit(16).ok_or(BodyError::ChunkSize)?;
        size = size << 4 | u64::from(digit);
    }
    Ok(size)
}

fn parse_trailers(part: &[u8]) -> Result<HeaderMap, BodyError> {
    let mut map = HeaderMap::new();
    for line in part.split(|byte| *byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\r") else {
            if line.is_empty() {
                continue;
            }
            return Err(BodyError::Trailer);
        };
        if line.is_empty() {
            break;
        }
        let (name, value) = fields::split(line).map_err(|_| BodyError::Trailer)?;
        if fields::may_trail(&name) {
            fields::append(&mut map, name, Bytes::copy_from_slice(value))
                .map_err(|_| BodyError::Trailer)?;
        } else if ::http::HeaderValue::from_bytes(value).is_err() {
            return Err(BodyError::Trailer);
        }
    }
    Ok(map)
}
