//! Finds the end of a head in a growing buffer, looking at each byte once.

use bytes::BytesMut;

use super::request::{self, RequestHead};
use super::response::{self, ResponseHead};
use super::{HeadError, Limits};

/// What one direction of one connection remembers between reads, while a head is incomplete.
///
/// The buffer must hold the head from its first byte, and only grow between calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct HeadParser {
    /// Bytes before this one hold no undiscovered line end.
    scanned: usize,
    /// Start of the line that is being read.
    line: usize,
    /// Complete lines so far.
    lines: usize,
}

/// Whose head it is, and so which line ends are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// CR LF only: a bare LF is a way to smuggle.
    Strict,
    /// LF with or without CR, as Go's client takes from servers.
    Lenient,
}

/// A whole head at the start of the buffer.
struct Found {
    /// Its bytes, the empty line included.
    end: usize,
    /// Its lines, the first and the empty one included.
    lines: usize,
}

impl HeadParser {
    /// A parser at the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a request's head off the front of `buf`, once it is complete. What follows it stays.
    ///
    /// A malformed first line is refused as soon as it is there, so that something that is not HTTP
    /// need not send an empty line to be told.
    pub fn request(
        &mut self,
        buf: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<RequestHead>, HeadError> {
        let first = self.lines == 0;
        let found = self.find(buf, Lines::Strict, limits)?;
        if first && self.lines > 0 && found.is_none() {
            request::check_line(buf)?;
        }
        let Some(found) = found else { return Ok(None) };
        *self = Self::default();
        let head = buf.split_to(found.end).freeze();
        request::parse(&head, found.lines.saturating_sub(2), limits).map(Some)
    }

    /// Takes an answer's head off the front of `buf`, once it is complete. `head_request` says that the
    /// request was `HEAD`, so that its answer has no body.
    pub fn response(
        &mut self,
        buf: &mut BytesMut,
        head_request: bool,
        limits: &Limits,
    ) -> Result<Option<ResponseHead>, HeadError> {
        let first = self.lines == 0;
        let found = self.find(buf, Lines::Lenient, limits)?;
        if first && self.lines > 0 && found.is_none() {
            response::check_line(buf)?;
        }
        let Some(found) = found else { return Ok(None) };
        *self = Self::default();
        let head = buf.split_to(found.end).freeze();
        response::parse(&head, found.lines.saturating_sub(2), head_request, limits).map(Some)
    }

    /// Goes on looking for the empty line.
    fn find(
        &mut self,
        buf: &[u8],
        lines: Lines,
        limits: &Limits,
    ) -> Result<Option<Found>, HeadError> {
        while let Some(rest) = buf.get(self.scanned..) {
            let Some(at) = memchr::memchr(b'\n', rest) else {
                self.scanned = buf.len();
                break;
            };
            let end = self.scanned + at;
            let line = buf.get(self.line..end).unwrap_or_default();
            if lines == Lines::Strict && line.last() != Some(&b'\r') {
                return Err(HeadError::LineEnd);
            }
            self.lines += 1;
            self.scanned = end + 1;
            self.line = end + 1;
            if self.scanned > limits.head_bytes {
                return Err(HeadError::TooLarge);
            }
            if line.is_empty() || line == b"\r" {
                if self.lines == 1 {
                    return Err(HeadError::StartLine);
                }
                return Ok(Some(Found {
                    end: end + 1,
                    lines: self.lines,
                }));
            }
            // The first line and the empty one are not fields.
            if self.lines > limits.fields.min(Limits::MOST_FIELDS) + 1 {
                return Err(HeadError::TooLarge);
            }
        }
        if buf.len() >= limits.head_bytes {
            return Err(HeadError::TooLarge);
        }
        Ok(None)
    }
}

/// The lines of a whole head, without their ends.
pub(super) struct LineIter<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Iterator for LineIter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let at = memchr::memchr(b'\n', self.rest)?;
        let (line, rest) = self.rest.split_at_checked(at)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}
