//! The request target as one representation: what rules match is what servers get.
//!
//! Paths are normalised as Go's `net/url` writes them: unreserved characters are decoded, all others that a path
//! may not hold are encoded, escapes are upper-case (RFC 3986 section 6.2.2). With `sanitizePath` dot segments and
//! repeated slashes go too. Queries pass byte for byte.

use bytes::Bytes;

use crate::http::Target;

/// Why a target is refused; each is answered with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// `#` starts a fragment, which is never sent (CVE-2023-47106).
    #[error("the path holds a raw '#'")]
    Fragment,
    /// `%` without two hexadecimal digits.
    #[error("the path holds an invalid percent escape")]
    Escape,
    /// Neither a path, nor `*`, nor an absolute URL.
    #[error("the request target is no path and no URL")]
    Form,
}

/// What an entry point does with targets.
#[derive(Debug, Clone, Copy)]
pub struct TargetRules {
    /// Traefik's `http.sanitizePath`.
    pub sanitize: bool,
    /// Traefik's `http.encodeQuerySemicolons`; else a semicolon separates like `&`.
    pub encode_semicolons: bool,
}

/// A normalised target, and the authority that an absolute URL named (it wins over `Host`, RFC 9112 section 3.2.2).
#[derive(Debug, PartialEq, Eq)]
pub struct Normalized {
    /// Path and query.
    pub target: Target,
    /// Host and port of an absolute-form target.
    pub authority: Option<String>,
}

/// Normalises a request target as it stood on the request line.
pub fn normalize(raw: Bytes, rules: TargetRules) -> Result<Normalized, TargetError> {
    if raw.first() == Some(&b'/') {
        return Ok(Normalized {
            target: origin(raw, rules)?,
            authority: None,
        });
    }
    if &raw[..] == b"*" {
        return Ok(Normalized {
            target: Target::from_bytes(raw, 1),
            authority: None,
        });
    }
    absolute(&raw, rules)
}

fn absolute(raw: &Bytes, rules: TargetRules) -> Result<Normalized, TargetError> {
    let scheme = memchr::memmem::find(raw, b"://").ok_or(TargetError::Form)?;
    let name = raw.get(..scheme).unwrap_or_default();
    if !name.eq_ignore_ascii_case(b"http") && !name.eq_ignore_ascii_case(b"https") {
        return Err(TargetError::Form);
    }
    let start = scheme + 3;
    let rest = raw.get(start..).unwrap_or_default();
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(rest.len());
    let authority = std::str::from_utf8(&rest[..end]).map_err(|_| TargetError::Form)?;
    if authority.is_empty() || authority.contains('%') || !is_authority(authority.as_bytes()) {
        return Err(TargetError::Form);
    }
    let tail = raw.slice(start + end..);
    let target = if tail.first() == Some(&b'/') {
        origin(tail, rules)?
    } else {
        let mut text = Vec::with_capacity(tail.len() + 1);
        text.push(b'/');
        text.extend_from_slice(&tail);
        origin(text.into(), rules)?
    };
    Ok(Normalized {
        target,
        authority: Some(authority.to_owned()),
    })
}

/// Whether this is `host [ ":" port ]` (RFC 3986 section 3.2) without a user: what one program takes for the host and
/// another for the port routes a request past its rules (CVE-2026-88877).
pub(super) fn is_authority(text: &[u8]) -> bool {
    let (host, port) = match text {
        [b'[', rest @ ..] => match memchr::memchr(b']', rest) {
            None => return false,
            Some(end) => (Err(&rest[..end]), &rest[end + 1..]),
        },
        _ => {
            let end = memchr::memchr(b':', text).unwrap_or(text.len());
            (Ok(&text[..end]), &text[end..])
        }
    };
    let host = match host {
        Ok(name) => is_reg_name(name),
        Err(literal) => std::str::from_utf8(literal)
            .is_ok_and(|literal| literal.parse::<std::net::Ipv6Addr>().is_ok()),
    };
    host && match port {
        [] | [b':'] => true,
        [b':', digits @ ..] => {
            digits.len() <= 5
                && digits.iter().all(u8::is_ascii_digit)
                && std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u16>().is_ok())
        }
        _ => false,
    }
}

fn is_reg_name(mut name: &[u8]) -> bool {
    if name.is_empty() {
        return false;
    }
    while let Some((&byte, rest)) = name.split_first() {
        name = match (byte, rest) {
            (b'%', [high, low, rest @ ..]) if hex(*high).is_some() && hex(*low).is_some() => rest,
            _ if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte) => rest,
            _ => return false,
        };
    }
    true
}

fn origin(raw: Bytes, rules: TargetRules) -> Result<Target, TargetError> {
    let path = memchr::memchr(b'?', &raw).unwrap_or(raw.len());
    let query = raw.get(path + 1..);
    let semicolons = query.is_some_and(|query| memchr::memchr(b';', query).is_some());
    if !semicolons && is_normal(&raw[..path], rules.sanitize) {
        return Ok(Target::from_bytes(raw, path));
    }
    let mut text = escape(&raw[..path])?;
    if rules.sanitize {
        text = clean(&text);
    }
    let query = query.map(|query| separate(query, rules.encode_semicolons));
    Ok(Target::new(&text, query.as_deref()))
}

/// Whether a path stands as it will be written: nearly every path does.
fn is_normal(path: &[u8], sanitize: bool) -> bool {
    let mut last = 0;
    for &byte in path {
        if !is_plain(byte) || (sanitize && last == b'/' && matches!(byte, b'/' | b'.')) {
            return false;
        }
        last = byte;
    }
    true
}

/// Characters that Go leaves in a path as they are; `%` is not one of them.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@[]".contains(&byte)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn escape(path: &[u8]) -> Result<String, TargetError> {
    let mut out = String::with_capacity(path.len() + 16);
    let mut rest = path;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'#' => return Err(TargetError::Fragment),
            b'%' => {
                let [high, low, tail @ ..] = rest else {
                    return Err(TargetError::Escape);
                };
                let decoded = hex(*high).zip(hex(*low)).ok_or(TargetError::Escape)?;
                let decoded = decoded.0 << 4 | decoded.1;
                rest = tail;
                if is_unreserved(decoded) {
                    out.push(char::from(decoded));
                } else {
                    push_escaped(&mut out, decoded);
                }
            }
            plain if is_plain(plain) => out.push(char::from(plain)),
            other => push_escaped(&mut out, other),
        }
    }
    Ok(out)
}

fn push_escaped(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Removes dot segments and repeated slashes; a slash at the end stays (Go's `path.Clean` and `URL.JoinPath`).
pub fn clean(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in &segments {
        out.push('/');
        out.push_str(segment);
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    out
}

fn separate(query: &[u8], encode: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(query.len() + 8);
    for &byte in query {
        match (byte, encode) {
            (b';', true) => out.extend_from_slice(b"%3B"),
            (b';', false) => out.push(b'&'),
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const RULES: TargetRules = TargetRules {
        sanitize: true,
        encode_semicolons: false,
    };

    fn path(raw: &'static str) -> Result<String, TargetError> {
        normalize(Bytes::from_static(raw.as_bytes()), RULES)
            .map(|n| String::from_utf8(n.target.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn paths_are_written_as_go_writes_them() {
        for (raw, normal) in [
            ("/%61%7e%2f%C3%a9", "/a~%2F%C3%A9"),
            ("/a\"<{|^`\\}>", "/a%22%3C%7B%7C%5E%60%5C%7D%3E"),
            ("/a[b]!$&'()*+,;=:@", "/a[b]!$&'()*+,;=:@"),
            ("/a/%2e%2E/b//c/./", "/b/c/"),
            ("/a/..%2fb", "/a/..%2Fb"),
            ("/../../x", "/x"),
            ("/a/..", "/"),
            ("//", "/"),
            ("/.well-known/x", "/.well-known/x"),
            ("/x?a;b#c%zz", "/x?a&b#c%zz"),
            ("http://h.test/x/../y?q", "/y?q"),
            ("HTTP://h.test?q", "/?q"),
        ] {
            assert_eq!(path(raw).as_deref(), Ok(normal), "{raw}");
        }
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        for (raw, error) in [
            ("/a#b", TargetError::Fragment),
            ("/%", TargetError::Escape),
            ("/%a", TargetError::Escape),
            ("/%zz", TargetError::Escape),
            ("/%+1", TargetError::Escape),
            ("a.test:443", TargetError::Form),
            ("ftp://a/b", TargetError::Form),
            ("http:///x", TargetError::Form),
            ("http://a@b/", TargetError::Form),
            ("http://a:b/", TargetError::Form),
            ("http://[::1/", TargetError::Form),
            ("http://a%20b/", TargetError::Form),
            ("", TargetError::Form),
        ] {
            assert_eq!(path(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn authorities() {
        for good in [
            "a",
            "a.test",
            "a.test:",
            "a.test:80",
            "a.test.",
            "a_b",
            "a,b",
            "*.a",
            "127.0.0.1:65535",
            "[::1]",
            "[2001:db8::1]:443",
            "a%C3%A9",
            "A-b~c!$&'()*+,;=",
        ] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":", ":80", "a:b", "a:80:80", "a:-1", "a:+1", "a:65536", "a:000080", "a@b", "a/b",
            "a b", "[::1", "::1", "[::1]x", "[a.test]", "[::1%lo]", "[::1]:x", "a%", "a%2", "a%zz",
            "a\\b", "a<b", "a\u{e9}",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn normalising_twice_changes_nothing() {
        let mut seed = 7_u64;
        let alphabet = b"/../%2e%2F%61ab;:#?[]\\%c3\xc3 \"";
        for _ in 0..20_000 {
            let mut raw = vec![b'/'];
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                raw.push(alphabet[(seed >> 33) as usize % alphabet.len()]);
            }
            if let Ok(once) = normalize(raw.into(), RULES) {
                let again = Bytes::copy_from_slice(once.target.as_bytes());
                let twice = normalize(again, RULES).unwrap();
                assert_eq!(once.target, twice.target);
                assert!(!twice.target.path().split('/').any(|s| s == ".."));
            }
        }
    }
}
