//! `replacePath`: sets the path, and tells the service the old one in `X-Replaced-Path`.

use ::http::{HeaderName, HeaderValue, StatusCode};

use super::filter::{Act, Step};
use crate::config::dynamic::ReplacePath as Config;
use crate::http::{Context, Request, answer, path};

const REPLACED: HeaderName = HeaderName::from_static("x-replaced-path");

/// See the module.
#[derive(Debug)]
pub struct ReplacePath {
    /// The escaped path, or why requests are answered with 500 (as Traefik does).
    path: Result<String, String>,
}

impl ReplacePath {
    /// The configured path may hold escapes.
    pub fn new(config: &Config) -> Result<Self, String> {
        let path = match path::invalid_escape(&config.path) {
            Some(escape) => {
                tracing::error!(
                    path = config.path,
                    "the path of replacePath holds an invalid escape"
                );
                Err(format!("invalid URL escape {escape:?}\n"))
            }
            None => Ok(path::escaped(&config.path).into_owned()),
        };
        Ok(Self { path })
    }
}

impl Act for ReplacePath {
    type Memo = ();

    fn request<'a>(&'a self, _: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        match &self.path {
            Ok(path) => {
                if let Ok(old) = HeaderValue::from_str(request.target.path()) {
                    request.headers.append(REPLACED, old);
                }
                request.target.set_path(path);
                Step::NEXT
            }
            Err(reason) => Step::answer(answer(StatusCode::INTERNAL_SERVER_ERROR, reason.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::middleware::testing::{answered, request, through};

    fn replace(path: &str) -> ReplacePath {
        let path = path.to_owned();
        ReplacePath::new(&Config { path }).unwrap()
    }

    #[test]
    fn the_query_stays_and_the_old_path_is_told() {
        for (path, new) in [
            ("/new", "/new?q=1"),
            ("/a%2Fb", "/a%2Fb?q=1"),
            ("/a b?", "/a%20b%3F?q=1"),
            ("", "?q=1"),
        ] {
            let request = through(&replace(path), request("/old%2Fx?q=1"));
            assert_eq!(request.target.as_bytes(), new.as_bytes());
            assert_eq!(request.headers[REPLACED], "/old%2Fx");
        }
    }

    #[test]
    fn a_bad_escape_answers() {
        let response = answered(&replace("/%zz"), request("/"));
        assert_eq!(response.status(), 500);
    }
}
