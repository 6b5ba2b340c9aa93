//! `stripPrefixRegex`: takes what an expression matches from the front of the path.

use ::http::{HeaderName, HeaderValue, StatusCode};

use super::filter::{Act, Step};
use crate::config::dynamic::StripPrefixRegex as Config;
use crate::http::{Context, Request, answer, path};
use crate::rule::regexp::GoRegexp;

const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// See the module.
#[derive(Debug)]
pub struct StripPrefixRegex {
    expressions: Box<[GoRegexp]>,
}

impl StripPrefixRegex {
    /// The first expression that matches at the front is taken.
    pub fn new(config: &Config) -> Result<Self, String> {
        let expressions = config
            .regex
            .iter()
            .map(|source| GoRegexp::new(source.trim()).map_err(|error| error.to_string()));
        Ok(Self {
            expressions: expressions.collect::<Result<_, _>>()?,
        })
    }

    /// The part of the decoded path that goes: only a match at the very front counts.
    fn prefix<'p>(&self, decoded: &'p str) -> Option<&'p str> {
        self.expressions.iter().find_map(|expression| {
            let found = expression.compiled().find(decoded)?.as_str();
            (!found.is_empty() && decoded.starts_with(found)).then_some(found)
        })
    }
}

impl Act for StripPrefixRegex {
    type Memo = ();

    fn request<'a>(&'a self, _: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        let old = request.target.path();
        let decoded = path::decode(old);
        // A path of other bytes than UTF-8 has no text that an expression could mean.
        let Ok(text) = std::str::from_utf8(&decoded) else {
            return Step::NEXT;
        };
        let Some(prefix) = self.prefix(text) else {
            return Step::NEXT;
        };
        let at = path::escaped_len(old, prefix.len());
        let rest = old.get(at..).unwrap_or_default();
        let slash = if rest.is_empty() || rest.starts_with('/') {
            ""
        } else {
            "/"
        };
        let new = [slash, rest].concat();
        if !path::is_clean(&new) {
            return Step::answer(answer(StatusCode::BAD_REQUEST, "Bad Request\n"));
        }
        let told = prefix.replace(|c: char| c.is_ascii_control(), " ");
        if let Ok(value) = HeaderValue::from_bytes(told.as_bytes()) {
            request.headers.append(PREFIX, value);
        }
        drop(decoded);
        request.target.set_path(&new);
        Step::NEXT
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::middleware::testing::{answered, request, through};

    fn strip(regex: &[&str]) -> StripPrefixRegex {
        StripPrefixRegex::new(&Config {
            regex: regex.iter().map(|&regex| regex.to_owned()).collect(),
        })
        .unwrap()
    }

    #[test]
    fn only_a_match_at_the_front_counts() {
        let strip = strip(&["/api/[0-9]+", "^/é/"]);
        for (target, new, told) in [
            ("/api/12/x?q", "/x?q", "/api/12"),
            ("/api/12", "", "/api/12"),
            ("/v/api/12/x", "/v/api/12/x", ""),
            ("/api/1/api/2/a%2Fb", "/api/2/a%2Fb", "/api/1"),
            ("/%C3%A9/x", "/x", "/é/"),
            ("/%FF/api/1", "/%FF/api/1", ""),
        ] {
            let request = through(&strip, request(target));
            assert_eq!(request.target.as_bytes(), new.as_bytes(), "{target}");
            let value = request
                .headers
                .get(PREFIX)
                .map_or(&b""[..], HeaderValue::as_bytes);
            assert_eq!(value, told.as_bytes(), "{target}");
        }
        assert_eq!(answered(&strip, request("/api/12../x")).status(), 400);
    }

    #[test]
    fn a_line_end_in_the_prefix_is_not_told() {
        let request = through(&strip(&["/a[^/]+"]), request("/a%0D%0AX:1/x"));
        assert_eq!(request.headers[PREFIX], "/a  X:1");
    }
}
