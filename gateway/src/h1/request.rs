//! A request's head: what it asks, and where its body ends.

use ::http::header::{CONTENT_LENGTH, EXPECT, HOST, TRAILER, TRANSFER_ENCODING};
use ::http::{HeaderMap, Method, Version};
use bytes::{Bytes, BytesMut};

use super::fields::{self, Folds, Seen};
use super::head::LineIter;
use super::{Framing, HeadError, HeadParser, Limits};

/// What a request's `Expect` says (RFC 9110 section 10.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expect {
    /// Nothing.
    #[default]
    Nothing,
    /// `100-continue`: the client may wait with its body.
    Continue,
    /// Something that nobody knows: answer 417 and close.
    Unknown,
}

/// A request's head.
#[derive(Debug)]
pub struct RequestHead {
    /// Method, as sent. `CONNECT` is left to the caller to refuse.
    pub method: Method,
    /// Target, as sent, in whichever form (RFC 9112 section 3.2). Need not be UTF-8.
    pub target: Bytes,
    /// 1.0 or 1.1 (which stands for any other 1.x).
    pub version: Version,
    /// Fields as sent, `Host` and `Content-Length` among them (at most one of each), without
    /// `Transfer-Encoding`.
    pub headers: HeaderMap,
    /// Where the body ends; never [`Framing::UntilClose`].
    pub framing: Framing,
    /// Whether the client wants to send another request.
    pub keep_alive: bool,
    /// What it expects before its body.
    pub expect: Expect,
    /// It asks for another protocol: HTTP/1.1 with `Upgrade` and `Connection: upgrade`.
    pub upgrade: bool,
}

/// Takes a request's head off the front of `buf`, if it is complete. Looks from the start each time;
/// a connection keeps a [`HeadParser`].
pub fn parse_request(
    buf: &mut BytesMut,
    limits: &Limits,
) -> Result<Option<RequestHead>, HeadError> {
    HeadParser::new().request(buf, limits)
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
    _limits: &Limits,
) -> Result<RequestHead, HeadError> {
    let mut lines = LineIter { rest: head };
    let line = lines.next().ok_or(HeadError::StartLine)?;
    let (method, target, version) = parse_line(line)?;
    let (mut headers, seen) = fields::parse(head, lines, fields, Folds::Refuse)?;
    check_host(&headers, version)?;
    let framing = if seen.any(Seen::CONTENT_LENGTH | Seen::TRANSFER_ENCODING) {
        framing(&mut headers, version)?
    } else {
        Framing::None
    };
    let http10 = version == Version::HTTP_10;
    let upgrade = !http10
        && seen.any(Seen::UPGRADE)
        && fields::has_token(&headers, &::http::header::CONNECTION, "upgrade");
    Ok(RequestHead {
        keep_alive: fields::keep_alive(&headers, seen, http10),
        expect: if seen.any(Seen::EXPECT) {
            expect(&headers)
        } else {
            Expect::Nothing
        },
        method,
        target: head.slice_ref(target),
        version,
        headers,
        framing,
        upgrade,
    })
}

fn parse_line(line: &[u8]) -> Result<(Method, &[u8], Version), HeadError> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let (Some(method), Some(target), Some(version)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(HeadError::StartLine);
    };
    let method = Method::from_bytes(method).map_err(|_| HeadError::StartLine)?;
    if target.is_empty()
        || target
            .iter()
            .any(|byte| byte.is_ascii_control() || *byte == b' ')
    {
        return Err(HeadError::StartLine);
    }
    Ok((method, target, parse_version(version)?))
}

/// `HTTP/d.d` with major version 1.
pub(super) fn parse_version(text: &[u8]) -> Result<Version, HeadError> {
    match text {
        b"HTTP/1.1" => Ok(Version::HTTP_11),
        b"HTTP/1.0" => Ok(Version::HTTP_10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            if *major == b'1' {
                Ok(Version::HTTP_11)
            } else {
                Err(HeadError::Version)
            }
        }
        _ => Err(HeadError::StartLine),
    }
}

fn check_host(headers: &HeaderMap, version: Version) -> Result<(), HeadError> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(HeadError::RepeatedHost),
        (None, None) if version == Version::HTTP_10 => Ok(()),
        (None, None) => Err(HeadError::MissingHost),
        (Some(host), None) if host.as_bytes().iter().all(|byte| is_host_byte(*byte)) => Ok(()),
        (Some(_), None) => Err(HeadError::MalformedHost),
    }
}

/// A byte of `uri-host [":" port]` (RFC 3986 section 3.2.2). Which hosts mean anything is the caller's to say.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!$%&()*+,-.:;=['_]~".contains(&byte)
}

fn framing(headers: &mut HeaderMap, version: Version) -> Result<Framing, HeadError> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        let length = fields::content_length(headers)?;
        return Ok(length.map_or(Framing::None, Framing::Length));
    };
    let only = codings.next().is_none();
    if !only || !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Err(HeadError::TransferEncoding);
    }
    // Go ignores the field on HTTP/1.0 and drops the length on 1.1; what is in front of us may not.
    if version == Version::HTTP_10 || headers.contains_key(CONTENT_LENGTH) {
        return Err(HeadError::AmbiguousLength);
    }
    headers.remove(TRANSFER_ENCODING);
    for name in ["transfer-encoding", "trailer", "content-length"] {
        if fields::has_token(headers, &TRAILER, name) {
            return Err(HeadError::Trailer);
        }
    }
    Ok(Framing::Chunked)
}

fn expect(headers: &HeaderMap) -> Expect {
    let mut values = headers.get_all(EXPECT).iter();
    match (values.next(), values.next()) {
        (None, _) => Expect::Nothing,
        (Some(value), None) if value.is_empty() => Expect::Nothing,
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Expect::Continue
        }
        _ => Expect::Unknown,
    }
}
