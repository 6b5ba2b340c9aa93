//! The request as rooms after this one see it, with its target kept as it was written.

use std::fmt;

use ::http::{HeaderMap, Method, Version};

use super::Body;

/// A request. Not `http::Request`: its `Uri` refuses targets that Go accepts, and the bytes that were
/// matched must be the bytes that are forwarded.
#[derive(Debug)]
pub struct Request {
    /// Method, as sent.
    pub method: Method,
    /// Path and query, as sent or as normalised.
    pub target: Target,
    /// Version the client spoke.
    pub version: Version,
    /// Fields, without those of the connection.
    pub headers: HeaderMap,
    /// What follows the head.
    pub body: Body,
}

/// The path and query of a request (origin form, RFC 9112 section 3.2.1), still percent-encoded.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Target {
    text: String,
    /// Length of the path; the rest, if any, starts with `?`.
    path: usize,
}

impl Target {
    /// Splits `text` at its first `?`. An empty path stays empty; `*` is itself.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let path = memchr::memchr(b'?', text.as_bytes()).unwrap_or(text.len());
        Self { text, path }
    }

    /// The path, percent-encoded as sent.
    pub fn path(&self) -> &str {
        self.text.get(..self.path).unwrap_or_default()
    }

    /// What follows the `?`; `Some("")` where there is a `?` and nothing after it.
    pub fn query(&self) -> Option<&str> {
        self.text.get(self.path + 1..)
    }

    /// Path and query, as they go on the request line.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Replaces the path and keeps the query.
    pub fn set_path(&mut self, path: &str) {
        self.text.replace_range(..self.path, path);
        self.path = path.len();
    }

    /// Replaces the query (without `?`) and keeps the path; `None` removes the `?` too.
    pub fn set_query(&mut self, query: Option<&str>) {
        self.text.truncate(self.path);
        if let Some(query) = query {
            self.text.push('?');
            self.text.push_str(query);
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_change_apart() {
        let mut target = Target::new("/a/b?x=1?y");
        assert_eq!((target.path(), target.query()), ("/a/b", Some("x=1?y")));
        target.set_path("/c");
        assert_eq!(target.as_str(), "/c?x=1?y");
        target.set_query(None);
        assert_eq!((target.as_str(), target.query()), ("/c", None));
        target.set_query(Some(""));
        assert_eq!((target.as_str(), target.query()), ("/c?", Some("")));
    }
}
