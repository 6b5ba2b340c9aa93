//! An answer's head: its status, and where its body ends.

use std::time::Duration;

use ::http::header::{CONTENT_LENGTH, HeaderName, TRAILER, TRANSFER_ENCODING};
use ::http::{HeaderMap, Method, StatusCode, Version};
use bytes::{Bytes, BytesMut};

use super::fields::{self, Folds, Seen};
use super::head::LineIter;
use super::{Framing, HeadError, HeadParser, Limits};

/// An answer's head. An interim one (1xx) has no body; another head follows it.
#[derive(Debug)]
pub struct ResponseHead {
    /// Status. The reason phrase is not kept: it means nothing, and Go writes its own.
    pub status: StatusCode,
    /// 1.0 or 1.1.
    pub version: Version,
    /// Fields as sent; without `Transfer-Encoding`, and without `Content-Length` where that came with it.
    pub headers: HeaderMap,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether the connection may be used again once the message has ended. False wherever the head
    /// leaves doubt about what the server will send.
    pub keep_alive: bool,
    /// `Keep-Alive: timeout`: how long the server keeps the idle connection.
    pub idle_timeout: Option<Duration>,
}

/// Takes an answer's head off the front of `buf`, if it is complete. Looks from the start each time;
/// a connection keeps a [`HeadParser`].
pub fn parse_response(
    buf: &mut BytesMut,
    request: &Method,
    limits: &Limits,
) -> Result<Option<ResponseHead>, HeadError> {
    HeadParser::new().response(buf, request == Method::HEAD, limits)
}

/// Refuses a malformed first line of an incomplete head.
pub(super) fn check_line(buf: &[u8]) -> Result<(), HeadError> {
    let line = LineIter { rest: buf }.next().ok_or(HeadError::StartLine)?;
    parse_line(line).map(drop)
}

/// Parses a whole head of about `fields` fields.
pub(super) fn parse(
    head: &Bytes,
    fields: usize,
    head_request: bool,
    _limits: &Limits,
) -> Result<ResponseHead, HeadError> {
    let mut lines = LineIter { rest: head };
    let line = lines.next().ok_or(HeadError::StartLine)?;
    let (version, status) = parse_line(line)?;
    // The first field line may not be the continuation of nothing.
    let (mut headers, seen) = fields::parse(head, lines, fields, Folds::Join)?;
    let http10 = version == Version::HTTP_10;
    let (framing, certain) = framing(&mut headers, seen, status, head_request, http10)?;
    Ok(ResponseHead {
        keep_alive: certain
            && framing != Framing::UntilClose
            && fields::keep_alive(&headers, seen, http10),
        idle_timeout: if seen.any(Seen::KEEP_ALIVE) {
            idle_timeout(&headers)
        } else {
            None
        },
        status,
        version,
        headers,
        framing,
    })
}

fn parse_line(line: &[u8]) -> Result<(Version, StatusCode), HeadError> {
    let mut parts = line.splitn(2, |byte| *byte == b' ');
    let (Some(version), Some(rest)) = (parts.next(), parts.next()) else {
        return Err(HeadError::StartLine);
    };
    let version = super::request::parse_version(version)?;
    let rest = fields::trim(rest);
    let code = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
    let status = StatusCode::from_bytes(code).map_err(|_| HeadError::StartLine)?;
    Ok((version, status))
}

/// Where the body ends, and whether there is no doubt about it.
fn framing(
    headers: &mut HeaderMap,
    seen: Seen,
    status: StatusCode,
    head_request: bool,
    http10: bool,
) -> Result<(Framing, bool), HeadError> {
    let length = if seen.any(Seen::CONTENT_LENGTH) {
        fields::content_length(headers)?
    } else {
        None
    };
    let coded = seen.any(Seen::TRANSFER_ENCODING);
    if coded {
        let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
        let chunked = matches!((codings.next(), codings.next()), (Some(coding), None)
            if coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
        headers.remove(TRANSFER_ENCODING);
        // HTTP/1.0 has no transfer codings: Go ignores the field, and so does what stands behind us.
        if http10 {
            let framing = length.map_or(Framing::UntilClose, Framing::Length);
            let bodiless = is_bodiless(status, head_request);
            return Ok((if bodiless { Framing::None } else { framing }, false));
        }
        if !chunked {
            return Err(HeadError::TransferEncoding);
        }
    }
    if is_bodiless(status, head_request) {
        // A body that must not be there may follow all the same, and would be taken for the next answer.
        let announced = coded || length.is_some_and(|length| length > 0);
        let certain = head_request || !announced || (status == 304 && !coded);
        return Ok((Framing::None, certain));
    }
    if coded {
        for name in ["transfer-encoding", "trailer", "content-length"] {
            if fields::has_token(headers, &TRAILER, name) {
                return Err(HeadError::Trailer);
            }
        }
        headers.remove(CONTENT_LENGTH);
        return Ok((Framing::Chunked, length.is_none()));
    }
    Ok((length.map_or(Framing::UntilClose, Framing::Length), true))
}

fn is_bodiless(status: StatusCode, head_request: bool) -> bool {
    head_request || status.is_informational() || status == 204 || status == 304
}

/// `Keep-Alive: timeout=5, max=100`. Seconds.
fn idle_timeout(headers: &HeaderMap) -> Option<Duration> {
    const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
    let value = headers.get(KEEP_ALIVE)?.to_str().ok()?;
    value.split(',').find_map(|element| {
        let (name, seconds) = element.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("timeout") {
            return None;
        }
        let seconds: u32 = seconds.trim().trim_matches('"').parse().ok()?;
        Some(Duration::from_secs(u64::from(seconds)))
    })
}
