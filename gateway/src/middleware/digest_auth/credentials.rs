//! The `Authorization` field of a Digest client (RFC 7616 section 3.4).

use std::borrow::Cow;

use crate::http::{Request, path};

/// What a client gave. What it did not give is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Credentials<'a> {
    pub(super) username: Cow<'a, str>,
    pub(super) nonce: Cow<'a, str>,
    pub(super) uri: Cow<'a, str>,
    pub(super) response: Cow<'a, str>,
    pub(super) algorithm: Cow<'a, str>,
    pub(super) cnonce: Cow<'a, str>,
    pub(super) opaque: Cow<'a, str>,
    pub(super) qop: Cow<'a, str>,
    pub(super) nc: Cow<'a, str>,
}

impl<'a> Credentials<'a> {
    /// Reads a field; `None` where it is not one of Digest.
    pub(super) fn parse(field: &'a str) -> Option<Self> {
        let (scheme, mut rest) = field.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let mut found = Self::default();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return Some(found);
            }
            let (name, after) = rest.split_once('=')?;
            let (value, after) = value(after.trim_start())?;
            rest = after;
            let place = match name.trim() {
                "username" => &mut found.username,
                "nonce" => &mut found.nonce,
                "uri" => &mut found.uri,
                "response" => &mut found.response,
                "algorithm" => &mut found.algorithm,
                "cnonce" => &mut found.cnonce,
                "opaque" => &mut found.opaque,
                "qop" => &mut found.qop,
                "nc" => &mut found.nc,
                _ => continue,
            };
            *place = value;
        }
    }
}

/// A token or a quoted text at the front of `text`, and what follows.
fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(',').unwrap_or(text.len()));
        return Some((value.trim_end().into(), rest));
    };
    let end = quoted.find(['"', '\\'])?;
    if quoted[end..].starts_with('"') {
        return Some((quoted[..end].into(), &quoted[end + 1..]));
    }
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value.into(), &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

/// Whether credentials for `uri` are for this request. Traefik also takes those for a path above it: some proxies
/// lengthen what clients asked for.
pub(super) fn is_for(request: &Request, uri: &str) -> bool {
    if uri.as_bytes() == request.target.as_bytes() {
        return true;
    }
    let above = match uri.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |start| &rest[start..]),
        None => uri,
    };
    let above = above.split(['?', '#']).next().unwrap_or_default();
    path::decode(request.target.path()).starts_with(&path::decode(above))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_or_not() {
        let field = "Digest username=\"a, \\\"b\", nc=00000001,qop=auth ,uri=\"/x?y=1,2\", other=z";
        let Some(found) = Credentials::parse(field) else {
            panic!("{field}");
        };
        assert_eq!(found.username, "a, \"b");
        assert_eq!((&*found.nc, &*found.qop), ("00000001", "auth"));
        assert_eq!(found.uri, "/x?y=1,2");
        for broken in [
            "Digest",
            "Basic x=y",
            "Digest username=\"a",
            "Digest x",
            "Digest x=\"\\",
        ] {
            assert_eq!(Credentials::parse(broken), None, "{broken}");
        }
    }
}
