//! `redirectRegex`: sends clients from the URLs that an expression matches to others.

use std::cell::RefCell;

use ::http::header;

use super::filter::{Act, Step};
use crate::config::dynamic::RedirectRegex as Config;
use crate::http::{Context, Request, redirect};
use crate::rule::regexp::{GoRegexp, Template};

thread_local! {
    /// Where the URL of a request is put together, so that looking at it allocates nothing.
    static URL: RefCell<String> = const { RefCell::new(String::new()) };
}

/// See the module.
#[derive(Debug)]
pub struct RedirectRegex {
    regexp: GoRegexp,
    replacement: Template,
    permanent: bool,
}

impl RedirectRegex {
    /// The expression is matched against the whole URL: scheme, host and port as the client wrote them, path and query.
    pub fn new(config: &Config) -> Result<Self, String> {
        let regexp = GoRegexp::new(&config.regex).map_err(|error| error.to_string())?;
        let replacement = regexp.template(&config.replacement);
        Ok(Self {
            regexp,
            replacement,
            permanent: config.permanent,
        })
    }

    /// Where the URL leads; `None` where it stays.
    fn target(&self, url: &str) -> Option<String> {
        if !self.regexp.is_match(url) {
            return None;
        }
        Some(self.regexp.replace_all(url, &self.replacement)).filter(|new| new != url)
    }
}

/// Writes the URL that the client asked for.
fn write_url(url: &mut String, cx: &Context, request: &Request) {
    url.clear();
    let tls = cx.connection.tls.is_some();
    url.push_str(if tls { "https://" } else { "http://" });
    let host = request.headers.get(header::HOST);
    url.push_str(&String::from_utf8_lossy(
        host.map_or(b"", |host| host.as_bytes()),
    ));
    if request.target.path().is_empty() {
        url.push('/');
    }
    url.push_str(&String::from_utf8_lossy(request.target.as_bytes()));
}

impl Act for RedirectRegex {
    type Memo = ();

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        let target = URL.with_borrow_mut(|url| {
            write_url(url, cx, request);
            self.target(url)
        });
        match target {
            Some(target) => Step::answer(redirect(&target, &request.method, self.permanent)),
            None => Step::NEXT,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::middleware::testing::{answered, request, through};

    fn regex(regex: &str, replacement: &str, permanent: bool) -> RedirectRegex {
        RedirectRegex::new(&Config {
            regex: regex.to_owned(),
            replacement: replacement.to_owned(),
            permanent,
        })
        .unwrap()
    }

    #[test]
    fn the_whole_url_is_rewritten() {
        let moved = regex("^(https?://[^/]+)/old/(.*)", "${1}/new/${2}", true);
        let response = answered(&moved, request("/old/%C3%A9?c=d"));
        assert_eq!(response.status(), 301);
        assert_eq!(
            response.headers()["location"],
            "http://a.test/new/%C3%A9?c=d"
        );
        let mut post = request("/old/x");
        post.method = ::http::Method::POST;
        assert_eq!(answered(&moved, post).status(), 308);
        through(&moved, request("/other"));
    }

    #[test]
    fn to_itself_is_no_redirection_and_to_nowhere_is_an_error() {
        through(&regex("(.*)", "$1", false), request("/x?y"));
        let response = answered(&regex(".*", ":x", false), request("/x"));
        assert_eq!(response.status(), 500);
    }
}
