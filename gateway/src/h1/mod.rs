//! HTTP/1 codec without I/O: bytes in, head and framing decision out. Serves both directions.
//!
//! Framing is where two parsers can disagree about where a message ends (request smuggling, RFC 9112
//! section 11), so every rule about it lives here, is strict towards clients, and is fuzzed. Towards
//! servers it accepts what Go's client accepts (a bare LF, folded fields) and re-frames what it passes on.
//!
//! - [`HeadParser`] finds and parses heads, incrementally; [`parse_request`] and [`parse_response`] are
//!   its one-call forms for heads that are whole.
//! - [`BodyDecoder`] cuts body bytes out of the read buffer without copying.
//! - [`write_request_head`], [`write_response_head`], [`chunk_start`] and friends write.

mod body;
mod error;
mod fields;
mod head;
mod names;
mod request;
mod response;
#[cfg(test)]
mod tests;
mod write;

pub use body::{BodyDecoder, BodyError, Decoded};
pub use error::HeadError;
pub use fields::imitates_framing;
pub use head::HeadParser;
pub use names::canonical_name;
pub use request::{Expect, RequestHead, parse_request};
pub use response::{ResponseHead, parse_response};
pub use write::{
    CHUNK_END, LAST_CHUNK, Persistence, RequestLine, append_date, chunk_start, last_chunk,
    write_field, write_interim, write_request_head, write_response_head,
};

/// How much of a head is read before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes from the first line to the empty line, both included.
    pub head_bytes: usize,
    /// Number of fields, at most [`Limits::MOST_FIELDS`].
    pub fields: usize,
}

impl Limits {
    /// More fields than this are never taken, whatever a limit says.
    pub const MOST_FIELDS: usize = 10_000;
}

impl Default for Limits {
    /// What Go's server reads: 1 MiB and 4 KiB of slack.
    fn default() -> Self {
        Self {
            head_bytes: (1 << 20) + 4096,
            fields: Self::MOST_FIELDS,
        }
    }
}

/// Where a message ends (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// Right after its head.
    #[default]
    None,
    /// After so many bytes.
    Length(u64),
    /// After the last chunk and its trailers.
    Chunked,
    /// When the sender closes. Answers only.
    UntilClose,
}
