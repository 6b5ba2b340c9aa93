//! Paths as Go's `net/url` treats them: decoded for comparing, escaped for sending, and the way between the two.
//!
//! A request's path is always held escaped (see [`super::Target`]). What is compared with configured text is decoded first.

use std::borrow::Cow;

/// The bytes that a path stands for. Nothing is copied where nothing is escaped; a `%` without digits stays.
pub fn decode(path: &str) -> Cow<'_, [u8]> {
    if !path.contains('%') {
        return Cow::Borrowed(path.as_bytes());
    }
    percent_encoding::percent_decode_str(path).into()
}

/// The first invalid escape in `text`, at most three characters of it, as Go's `EscapeError` names it.
pub fn invalid_escape(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b'%', rest)) {
        at += found;
        match bytes.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => at += 3,
            _ => {
                let end = (at..=bytes.len().min(at + 3))
                    .rev()
                    .find(|end| text.is_char_boundary(*end))?;
                return text.get(at..end);
            }
        }
    }
    None
}

/// `path` as it is sent: untouched where every character may stand in a path, else decoded and escaped anew
/// (Go's `URL.EscapedPath`).
pub fn escaped(path: &str) -> Cow<'_, str> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@[]%".contains(&byte);
    if path.bytes().all(valid) {
        return Cow::Borrowed(path);
    }
    Cow::Owned(escape(&decode(path)))
}

/// Decoded bytes as Go writes them where nothing says how they were escaped.
pub fn escape(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(bytes.len() + 8);
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"/-._~$&+,;=:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    out
}

/// Go's `url.QueryEscape`.
pub fn query_escape(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(bytes.len() * 2);
    for &byte in bytes {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                out.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
    out
}

/// How many bytes of an escaped path stand for the first `decoded` bytes of the decoded one.
pub fn escaped_len(path: &str, decoded: usize) -> usize {
    let bytes = path.as_bytes();
    let mut at = 0;
    for _ in 0..decoded {
        match bytes.get(at) {
            None => break,
            Some(b'%') if at + 2 < bytes.len() => at += 3,
            Some(_) => at += 1,
        }
    }
    at
}

/// Whether a path has neither dot segments nor repeated slashes. A rewrite that makes such a path is refused: what the
/// router matched and what the server would make of it are then two things.
pub fn is_clean(path: &str) -> bool {
    let inside = path.strip_prefix('/').unwrap_or(path);
    let mut segments = inside.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if matches!(segment, "." | "..") || (segment.is_empty() && !last) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_as_go_does() {
        assert_eq!(escaped("/a%2Fb(1)"), "/a%2Fb(1)");
        assert_eq!(escaped("/a b(1)"), "/a%20b%281%29");
        assert_eq!(escaped("/é?x"), "/%C3%A9%3Fx");
        assert_eq!(escape(b"/50%/[x]"), "/50%25/%5Bx%5D");
        assert_eq!(invalid_escape("/%41%zz1"), Some("%zz"));
        assert_eq!(invalid_escape("/x%4"), Some("%4"));
        assert_eq!(invalid_escape("/%é"), Some("%é"));
        assert_eq!(invalid_escape("/%41"), None);
    }

    #[test]
    fn lengths_and_dots() {
        assert_eq!(escaped_len("/%C3%A9/x", 3), 7);
        assert_eq!(escaped_len("/a", 9), 2);
        for clean in ["/", "", "/a/", "/a.b/..c", "a/b"] {
            assert!(is_clean(clean), "{clean}");
        }
        for unclean in ["//", "/a//", "/.", "/a/../b", "/./", "..", "/a/.."] {
            assert!(!is_clean(unclean), "{unclean}");
        }
    }
}
