//! The query string as Go's `url.ParseQuery` reads it, compared without building a map.

use std::borrow::Cow;

use super::path::hex;

/// The values of the parameter `key`, in order, still encoded; each is known to decode.
///
/// Pairs are split at `&`; a pair with a `;` or a bad escape is dropped, as Go drops it.
pub(super) fn values<'q>(query: &'q str, key: &str) -> impl Iterator<Item = &'q str> {
    pairs(query)
        .filter(move |(name, _)| decoded_eq(name, key.as_bytes()))
        .map(|(_, value)| value)
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.contains(';'))
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, value)| decodes(name) && decodes(value))
}

fn decodes(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'%', bytes).all(|at| {
        let digit = |offset| bytes.get(at + offset).copied().and_then(hex).is_some();
        digit(1) && digit(2)
    })
}

/// The bytes that `text`, which decodes, stands for.
fn decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut bytes = text.bytes();
    std::iter::from_fn(move || match bytes.next()? {
        b'+' => Some(b' '),
        b'%' => Some(bytes.next().and_then(hex)? * 16 + bytes.next().and_then(hex)?),
        byte => Some(byte),
    })
}

/// Whether `text`, which decodes, stands for `value`.
pub(super) fn decoded_eq(text: &str, value: &[u8]) -> bool {
    text.len() >= value.len() && decoded(text).eq(value.iter().copied())
}

/// What `text`, which decodes, stands for. Allocates only where something is encoded.
pub(super) fn decode(text: &str) -> Cow<'_, [u8]> {
    match text.bytes().any(|byte| matches!(byte, b'+' | b'%')) {
        true => Cow::Owned(decoded(text).collect()),
        false => Cow::Borrowed(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'q>(query: &'q str, key: &str) -> Vec<Cow<'q, [u8]>> {
        values(query, key).map(decode).collect()
    }

    #[test]
    fn values_in_order_and_decoded() {
        assert_eq!(of("a=2&b=x&a=1", "a"), [&b"2"[..], b"1"]);
        assert_eq!(of("%61=%31+%2B", "a"), [&b"1 +"[..]]);
        assert_eq!(of("flag&x", "flag"), [&b""[..]]);
        assert_eq!(of("=noname", ""), [&b"noname"[..]]);
        assert!(of("&&", "").is_empty());
    }

    #[test]
    fn bad_pairs_are_dropped_alone() {
        assert_eq!(of("a=%zz&a=1&a=%4&a=2;b", "a"), [&b"1"[..]]);
        assert!(of("%zz=1", "%zz").is_empty());
    }
}
