//! The request as rooms after this one see it, with its target kept as it was written.

use std::fmt;

use ::http::{HeaderMap, Method, Version};
use bytes::{Buf as _, Bytes};

use super::Body;

/// A request. Not `http::Request`: its `Uri` refuses targets that Go accepts, and the bytes that were
/// matched must be the bytes that are forwarded.
#[derive(Debug)]
pub struct Request {
    /// Method, as sent.
    pub method: Method,
    /// Path and query, normalised.
    pub target: Target,
    /// Version the client spoke.
    pub version: Version,
    /// Fields, `Host` included, without those of the connection.
    pub headers: HeaderMap,
    /// What follows the head.
    pub body: Body,
}

/// The path and query of a request (origin form, RFC 9112 section 3.2.1), still percent-encoded.
///
/// The path is ASCII. A query may hold any byte but space and line ends: Go passes it through, so we do.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Target {
    text: Bytes,
    /// Length of the path; the rest, if any, starts with `?`.
    path: usize,
}

impl Target {
    /// Joins a path and a query (without `?`).
    pub fn new(path: &str, query: Option<&[u8]>) -> Self {
        let Some(query) = query else {
            return Self {
                text: Bytes::copy_from_slice(path.as_bytes()),
                path: path.len(),
            };
        };
        let mut text = Vec::with_capacity(path.len() + 1 + query.len());
        text.extend_from_slice(path.as_bytes());
        text.push(b'?');
        text.extend_from_slice(query);
        Self {
            path: path.len(),
            text: text.into(),
        }
    }

    /// A target of which the first `path` bytes, all ASCII, are the path, as they stand.
    pub fn from_bytes(text: Bytes, path: usize) -> Self {
        debug_assert!(text.len() >= path && text[..path].is_ascii());
        Self { text, path }
    }

    /// The path, percent-encoded.
    pub fn path(&self) -> &str {
        std::str::from_utf8(self.text.get(..self.path).unwrap_or_default()).unwrap_or_default()
    }

    /// What follows the `?`; `Some(b"")` where there is a `?` and nothing after it.
    pub fn query(&self) -> Option<&[u8]> {
        self.text.get(self.path + 1..)
    }

    /// Path and query, as they go on the request line.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Replaces the path and keeps the query.
    pub fn set_path(&mut self, path: &str) {
        *self = Self::new(path, self.query());
    }

    /// Puts `prefix`, ASCII, before the path.
    pub fn prepend(&mut self, prefix: &str) {
        debug_assert!(prefix.is_ascii());
        self.path += prefix.len();
        self.text = [prefix.as_bytes(), &self.text].concat().into();
    }

    /// Takes the first bytes from the path, at most all of it.
    pub fn skip(&mut self, bytes: usize) {
        let bytes = bytes.min(self.path);
        self.path -= bytes;
        self.text.advance(bytes);
    }

    /// Replaces the query (without `?`) and keeps the path; `None` removes the `?` too.
    pub fn set_query(&mut self, query: Option<&[u8]>) {
        *self = Self::new(self.path(), query);
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.text).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_change_apart() {
        let mut target = Target::new("/a/b", Some(b"x=1?y"));
        assert_eq!(
            (target.path(), target.query()),
            ("/a/b", Some(&b"x=1?y"[..]))
        );
        target.prepend("/v2");
        assert_eq!(target.as_bytes(), b"/v2/a/b?x=1?y");
        target.skip("/v2/a".len());
        assert_eq!((target.path(), target.query()), ("/b", Some(&b"x=1?y"[..])));
        target.skip(99);
        assert_eq!((target.path(), target.as_bytes()), ("", &b"?x=1?y"[..]));
        target.set_path("/c");
        assert_eq!(target.as_bytes(), b"/c?x=1?y");
        target.set_query(None);
        assert_eq!((target.as_bytes(), target.query()), (&b"/c"[..], None));
        target.set_query(Some(b""));
        assert_eq!(
            (target.as_bytes(), target.query()),
            (&b"/c?"[..], Some(&b""[..]))
        );
    }
}
