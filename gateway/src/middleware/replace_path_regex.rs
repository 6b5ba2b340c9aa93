//! `replacePathRegex`: rewrites the path, and tells the service the old one in `X-Replaced-Path`.

use ::http::{HeaderName, HeaderValue, StatusCode};

use super::filter::{Act, Step};
use crate::config::dynamic::ReplacePathRegex as Config;
use crate::http::{Context, Request, answer, path};
use crate::rule::regexp::{GoRegexp, Template};

const REPLACED: HeaderName = HeaderName::from_static("x-replaced-path");

/// See the module.
#[derive(Debug)]
pub struct ReplacePathRegex {
    regexp: GoRegexp,
    replacement: Template,
}

impl ReplacePathRegex {
    /// The expression is matched against the escaped path.
    pub fn new(config: &Config) -> Result<Self, String> {
        let regexp = GoRegexp::new(config.regex.trim()).map_err(|error| {
            format!(
                "error compiling regular expression {}: {error}",
                config.regex
            )
        })?;
        let replacement = regexp.template(config.replacement.trim());
        Ok(Self {
            regexp,
            replacement,
        })
    }
}

impl Act for ReplacePathRegex {
    type Memo = ();

    fn request<'a>(&'a self, _: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        let old = request.target.path();
        if !self.regexp.is_match(old) {
            return Step::NEXT;
        }
        let new = self.regexp.replace_all(old, &self.replacement);
        if let Some(escape) = path::invalid_escape(&new) {
            let reason = format!("invalid URL escape {escape:?}\n");
            return Step::answer(answer(StatusCode::INTERNAL_SERVER_ERROR, reason));
        }
        let new = path::escaped(&new);
        if !path::is_clean(&new) {
            return Step::answer(answer(StatusCode::BAD_REQUEST, "Bad Request\n"));
        }
        if let Ok(old) = HeaderValue::from_str(old) {
            request.headers.append(REPLACED, old);
        }
        request.target.set_path(&new);
        Step::NEXT
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::middleware::testing::{answered, request, through};

    fn replace(regex: &str, replacement: &str) -> ReplacePathRegex {
        ReplacePathRegex::new(&Config {
            regex: regex.to_owned(),
            replacement: replacement.to_owned(),
        })
        .unwrap()
    }

    #[test]
    fn groups_escapes_and_queries() {
        let shop = replace("^/shop/([a-z]+)/(.*)", "/$2/in/$1");
        let request_ = through(&shop, request("/shop/toys/a%2Fb/c?q"));
        assert_eq!(request_.target.as_bytes(), b"/a%2Fb/c/in/toys?q");
        assert_eq!(request_.headers[REPLACED], "/shop/toys/a%2Fb/c");
        let untouched = through(&shop, request("/other"));
        assert!(!untouched.headers.contains_key(REPLACED));
        let spaced = through(&replace("x", "a b"), request("/x"));
        assert_eq!(spaced.target.path(), "/a%20b");
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let shop = replace("^/shop/([a-z]+)/(.*)", "/$2/in/$1");
        assert_eq!(answered(&shop, request("/shop/toys/")).status(), 400);
        assert_eq!(answered(&replace("x", ".."), request("/x/y")).status(), 400);
        assert_eq!(answered(&replace("x", "%zz"), request("/x")).status(), 500);
        assert!(
            ReplacePathRegex::new(&Config {
                regex: "(".to_owned(),
                replacement: String::new()
            })
            .is_err()
        );
    }
}
