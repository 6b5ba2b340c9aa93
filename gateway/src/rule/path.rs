//! The path that rules see.

use std::borrow::Cow;

/// An escaped path holds a `%` that two hex digits do not follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid percent-encoding in URL path")]
pub struct InvalidEncoding;

/// RFC 3986 section 2.2, and `%` itself: decoding one of these would change what the path means.
const RESERVED: &[u8] = b":/?#[]@!$&'()*+,;=%";

/// The path that rules are matched against: `escaped` (the request's path as it will be forwarded, without the query) with
/// every escape decoded save those of reserved characters, which stay, in upper case.
///
/// So `/caf%C3%A9` is matched by ``Path(`/café`)``, and `/a%2fb` only by ``Path(`/a%2Fb`)``. The result need not be UTF-8.
pub fn routing_path(escaped: &str) -> Result<Cow<'_, [u8]>, InvalidEncoding> {
    let bytes = escaped.as_bytes();
    let Some(first) = memchr::memchr(b'%', bytes) else {
        return Ok(Cow::Borrowed(bytes));
    };
    let (plain, mut rest) = bytes.split_at(first);
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(plain);
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let [high, low, tail @ ..] = rest else {
            return Err(InvalidEncoding);
        };
        let decoded = hex(*high)
            .zip(hex(*low))
            .map(|(high, low)| high * 16 + low)
            .ok_or(InvalidEncoding)?;
        match RESERVED.contains(&decoded) {
            true => out.extend([b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]),
            false => out.push(decoded),
        }
        rest = tail;
    }
    Ok(Cow::Owned(out))
}

/// The value of one hexadecimal digit.
pub(super) fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_characters_stay_encoded() {
        let cases: [(&str, Result<&[u8], InvalidEncoding>); 8] = [
            ("/plain", Ok(b"/plain")),
            ("/foo%20bar", Ok(b"/foo bar")),
            ("/a%2fb%2Fc", Ok(b"/a%2Fb%2Fc")),
            ("/pct%2525", Ok(b"/pct%2525")),
            ("/caf%C3%a9", Ok("/café".as_bytes())),
            ("/%FF", Ok(b"/\xff")),
            ("/%4", Err(InvalidEncoding)),
            ("/%zz", Err(InvalidEncoding)),
        ];
        for (escaped, path) in cases {
            assert_eq!(
                routing_path(escaped).as_deref(),
                path.as_ref().map(|path| *path),
                "{escaped}"
            );
        }
    }
}
