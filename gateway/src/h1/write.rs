//! Writes heads and chunks, in the shape Go gives them.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::http::header::{self, HeaderMap, HeaderName};
use ::http::{Method, StatusCode};

use super::{Framing, names};

/// Ends a chunk's bytes.
pub const CHUNK_END: &[u8] = b"\r\n";
/// Ends a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What goes on a request's first line, and into its `Host`.
#[derive(Debug, Clone, Copy)]
pub struct RequestLine<'a> {
    /// Method.
    pub method: &'a Method,
    /// Put in front of the target; usually empty.
    pub base: &'a str,
    /// Path and query.
    pub target: &'a [u8],
    /// Value of `Host`.
    pub host: &'a [u8],
}

/// What a head says about its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence<'a> {
    /// Nothing: what the version says by itself.
    Default,
    /// `Connection: close`.
    Close,
    /// `Connection: keep-alive`, for HTTP/1.0.
    KeepAlive,
    /// `Connection: Upgrade` and the protocol (or what the field held).
    Upgrade(&'a [u8]),
}

/// Appends a request's head. The fields of the connection (`Host`, `Connection`, `Upgrade`, `Content-Length`,
/// `Transfer-Encoding`, `Keep-Alive`) are written from the arguments alone, whatever `headers` holds; `Trailer` is kept
/// where the body is chunked.
///
/// A request without a body says `Content-Length: 0` where its method usually has one, as Go does.
pub fn write_request_head(
    out: &mut Vec<u8>,
    line: &RequestLine<'_>,
    headers: &HeaderMap,
    framing: Framing,
    persistence: Persistence<'_>,
) {
    out.extend_from_slice(line.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(line.base.as_bytes());
    out.extend_from_slice(line.target);
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    out.extend_from_slice(line.host);
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        // An empty `User-Agent` says that there is none, and Go's client sends none.
        let void = *name == header::USER_AGENT && value.is_empty();
        let trailer = || framing == Framing::Chunked && *name == header::TRAILER;
        if !void && (!is_of_connection(name) || trailer()) {
            write_field(out, name, value.as_bytes());
        }
    }
    write_persistence(out, persistence);
    match framing {
        Framing::None if matches!(*line.method, Method::POST | Method::PUT | Method::PATCH) => {
            out.extend_from_slice(b"Content-Length: 0\r\n");
        }
        other => write_framing(out, other),
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends an answer's head, with `Date` unless it has one. The fields of the connection are written from
/// the arguments alone, as in [`write_request_head`]; `Trailer` is kept.
///
/// `framing` is what the head says, not whether a body follows: an answer to `HEAD` may say a length.
pub fn write_response_head(
    out: &mut Vec<u8>,
    status: StatusCode,
    headers: &HeaderMap,
    framing: Framing,
    persistence: Persistence<'_>,
) {
    write_status(out, status);
    let mut dated = false;
    for (name, value) in headers {
        if *name == header::DATE {
            dated = true;
        }
        if *name == header::TRAILER || !is_of_connection(name) {
            write_field(out, name, value.as_bytes());
        }
    }
    if !dated {
        out.extend_from_slice(b"Date: ");
        append_date(out);
        out.extend_from_slice(b"\r\n");
    }
    write_persistence(out, persistence);
    write_framing(out, framing);
    out.extend_from_slice(b"\r\n");
}

/// Appends a whole interim answer (1xx other than 101).
pub fn write_interim(out: &mut Vec<u8>, status: StatusCode, headers: &HeaderMap) {
    write_status(out, status);
    for (name, value) in headers {
        if !is_of_connection(name) {
            write_field(out, name, value.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn write_status(out: &mut Vec<u8>, status: StatusCode) {
    if status == StatusCode::OK {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    match status.canonical_reason() {
        Some(reason) => out.extend_from_slice(reason.as_bytes()),
        None => {
            out.extend_from_slice(b"status code ");
            out.extend_from_slice(status.as_str().as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends one field line, the name in its usual case.
pub fn write_field(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    names::start_line(out, name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn write_persistence(out: &mut Vec<u8>, persistence: Persistence<'_>) {
    match persistence {
        Persistence::Default => {}
        Persistence::Close => out.extend_from_slice(b"Connection: close\r\n"),
        Persistence::KeepAlive => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        Persistence::Upgrade(protocol) => {
            out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: ");
            out.extend_from_slice(protocol);
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn write_framing(out: &mut Vec<u8>, framing: Framing) {
    match framing {
        Framing::None | Framing::UntilClose => {}
        Framing::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            write_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
}

/// Fields that say something about one connection or one message's framing, and are written by the
/// codec alone.
fn is_of_connection(name: &HeaderName) -> bool {
    const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
    const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
    // `HeaderName` compares a known name by its number; the two unknown ones go by length first.
    *name == header::HOST
        || *name == header::CONNECTION
        || *name == header::CONTENT_LENGTH
        || *name == header::TRANSFER_ENCODING
        || *name == header::UPGRADE
        || *name == header::TRAILER
        || *name == KEEP_ALIVE
        || *name == PROXY_CONNECTION
}

/// Appends the line in front of a chunk of `length` bytes, which must not be 0.
pub fn chunk_start(out: &mut Vec<u8>, length: usize) {
    debug_assert!(length > 0, "an empty chunk ends the body");
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = (length >> (place * 4)) & 15;
        out.push(b"0123456789abcdef".get(digit).copied().unwrap_or_default());
    }
    out.extend_from_slice(CHUNK_END);
}

/// Appends the end of a chunked body, with its trailers, sorted by name as Go sends them.
pub fn last_chunk(out: &mut Vec<u8>, trailers: Option<&HeaderMap>) {
    out.extend_from_slice(b"0\r\n");
    let mut fields: Vec<_> = trailers
        .into_iter()
        .flatten()
        .filter(|(name, _)| super::fields::may_trail(name))
        .collect();
    fields.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in fields {
        write_field(out, name, value.as_bytes());
    }
    out.extend_from_slice(CHUNK_END);
}

fn write_decimal(out: &mut Vec<u8>, mut number: u64) {
    let start = out.len();
    loop {
        let digit = u8::try_from(number % 10).unwrap_or_default();
        out.push(b'0' + digit);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

/// Appends the time as `Date` has it. Made once a second by each thread.
pub fn append_date(out: &mut Vec<u8>) {
    thread_local! {
        static TEXT: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    TEXT.with_borrow_mut(|(second, text)| {
        if *second != now || text.is_empty() {
            *second = now;
            *text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now));
        }
        out.extend_from_slice(text.as_bytes());
    });
}
