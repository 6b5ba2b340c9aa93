//! Field lines into a `HeaderMap`, and what the framing fields say.

use ::http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use bytes::{Bytes, BytesMut};

use super::head::LineIter;
use super::{HeadError, names};

/// Whether a folded field is joined (answers) or refused (requests).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Folds {
    Join,
    Refuse,
}

/// Which fields that say something about the message itself are there, so that none of them is looked up in vain.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen(u8);

impl Seen {
    pub(super) const CONNECTION: u8 = 1;
    pub(super) const CONTENT_LENGTH: u8 = 1 << 1;
    pub(super) const TRANSFER_ENCODING: u8 = 1 << 2;
    pub(super) const UPGRADE: u8 = 1 << 3;
    pub(super) const EXPECT: u8 = 1 << 4;
    pub(super) const KEEP_ALIVE: u8 = 1 << 5;

    fn note(&mut self, name: &HeaderName) {
        self.0 |= match name.as_str() {
            "connection" => Self::CONNECTION,
            "content-length" => Self::CONTENT_LENGTH,
            "transfer-encoding" => Self::TRANSFER_ENCODING,
            "upgrade" => Self::UPGRADE,
            "expect" => Self::EXPECT,
            "keep-alive" => Self::KEEP_ALIVE,
            _ => 0,
        };
    }

    /// Whether one of these is there.
    pub(super) fn any(self, fields: u8) -> bool {
        self.0 & fields != 0
    }
}

/// Parses the field lines `lines` of `head`, of which there are about `count`. Values are slices of `head`.
pub(super) fn parse(
    head: &Bytes,
    lines: LineIter<'_>,
    count: usize,
    folds: Folds,
) -> Result<(HeaderMap, Seen), HeadError> {
    // Rooms after this one add about half a dozen fields (`X-Forwarded-…`); the map then need not grow.
    let mut map = HeaderMap::with_capacity(count + 8);
    let mut seen = Seen::default();
    let mut lines = lines.peekable();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            break;
        }
        let (name, value) = split(line)?;
        if folds == Folds::Refuse && imitates_framing(name.as_str()) {
            return Err(HeadError::FieldName);
        }
        seen.note(&name);
        if lines.peek().is_some_and(|next| is_fold(next)) {
            if folds == Folds::Refuse {
                return Err(HeadError::Folded);
            }
            let mut joined = BytesMut::from(value);
            while let Some(more) = lines.next_if(|next| is_fold(next)) {
                joined.extend_from_slice(b" ");
                joined.extend_from_slice(more.trim_ascii());
            }
            append(&mut map, name, joined.freeze())?;
        } else {
            append(&mut map, name, head.slice_ref(value))?;
        }
    }
    Ok((map, seen))
}

/// A name that servers which take `_` or `.` for `-` may read as one that frames the message.
pub fn imitates_framing(name: &str) -> bool {
    matches!(
        name,
        "transfer_encoding" | "transfer.encoding" | "content_length" | "content.length"
    )
}

fn is_fold(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

/// Name and value of a field line, the value without the blanks around it.
pub(super) fn split(line: &[u8]) -> Result<(HeaderName, &[u8]), HeadError> {
    if is_fold(line) {
        return Err(HeadError::Folded);
    }
    let colon = memchr::memchr(b':', line).ok_or(HeadError::FieldName)?;
    let (name, value) = line.split_at_checked(colon).ok_or(HeadError::FieldName)?;
    let name = names::parse(name).ok_or(HeadError::FieldName)?;
    Ok((name, trim(value.get(1..).unwrap_or_default())))
}

/// Without spaces and tabs around it; other blanks are control characters and stay to be refused.
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

pub(super) fn append(map: &mut HeaderMap, name: HeaderName, value: Bytes) -> Result<(), HeadError> {
    let value = HeaderValue::from_maybe_shared(value).map_err(|_| HeadError::FieldValue)?;
    map.try_append(name, value)
        .map(drop)
        .map_err(|_| HeadError::TooLarge)
}

/// What `Content-Length` says. Equal repetitions become one (as Go does); `5, 5` is not a number.
pub(super) fn content_length(map: &mut HeaderMap) -> Result<Option<u64>, HeadError> {
    let mut values = map.get_all(CONTENT_LENGTH).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    let length = decimal(first.as_bytes()).ok_or(HeadError::ContentLength)?;
    let mut repeated = false;
    for other in values {
        if other != first {
            return Err(HeadError::ContentLength);
        }
        repeated = true;
    }
    if repeated {
        let first = first.clone();
        map.insert(CONTENT_LENGTH, first);
    }
    Ok(Some(length))
}

/// `1*DIGIT` up to 2^63 - 1, as Go reads it. No sign, no blanks, no underscore.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut number: u64 = 0;
    for byte in text {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (number <= i64::MAX as u64).then_some(number)
}

/// Whether one of the comma-separated elements of the fields `name` is `token`, in any case.
pub(super) fn has_token(map: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    map.get_all(name).iter().any(|value| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .any(|element| trim(element).eq_ignore_ascii_case(token.as_bytes()))
    })
}

/// Whether a message of these fields leaves its connection open (RFC 9112 section 9.3).
pub(super) fn keep_alive(map: &HeaderMap, seen: Seen, http10: bool) -> bool {
    let name = &::http::header::CONNECTION;
    if !seen.any(Seen::CONNECTION) {
        return !http10;
    }
    !has_token(map, name, "close") && (!http10 || has_token(map, name, "keep-alive"))
}

/// Whether a field may be a trailer: not one that frames, routes, authenticates or describes the
/// content (RFC 9110 section 6.5.1).
pub(super) fn may_trail(name: &HeaderName) -> bool {
    !matches!(
        name.as_str(),
        "authorization"
            | "connection"
            | "content-encoding"
            | "content-length"
            | "content-range"
            | "content-type"
            | "expect"
            | "host"
            | "keep-alive"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}
