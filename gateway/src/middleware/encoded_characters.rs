//! `encodedCharacters`: refuses paths with escapes that servers are known to read in different ways.

use ::http::StatusCode;

use super::filter::{Act, Step};
use crate::config::dynamic::EncodedCharacters as Config;
use crate::http::{Body, Context, Request, Response};

/// See the module.
#[derive(Debug)]
pub struct EncodedCharacters {
    /// Upper-case digits of the escapes that are refused.
    denied: Box<[[u8; 2]]>,
}

impl EncodedCharacters {
    /// What is not allowed is refused.
    pub fn new(config: &Config) -> Result<Self, String> {
        let denied = [
            (config.allow_encoded_slash, *b"2F"),
            (config.allow_encoded_back_slash, *b"5C"),
            (config.allow_encoded_null_character, *b"00"),
            (config.allow_encoded_semicolon, *b"3B"),
            (config.allow_encoded_percent, *b"25"),
            (config.allow_encoded_question_mark, *b"3F"),
            (config.allow_encoded_hash, *b"23"),
        ];
        let denied = denied.into_iter().filter(|(allowed, _)| !allowed);
        Ok(Self {
            denied: denied.map(|(_, digits)| digits).collect(),
        })
    }

    fn refuses(&self, path: &[u8]) -> bool {
        memchr::memchr_iter(b'%', path).any(|at| {
            let digits = path.get(at + 1..at + 3).unwrap_or_default();
            let is = |denied: &[u8; 2]| denied.eq_ignore_ascii_case(digits);
            digits.len() < 2 || self.denied.iter().any(is)
        })
    }
}

impl Act for EncodedCharacters {
    type Memo = ();

    fn request<'a>(&'a self, _: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        if !self.denied.is_empty() && self.refuses(request.target.path().as_bytes()) {
            let mut response = Response::new(Body::Empty);
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Step::answer(response);
        }
        Step::NEXT
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::middleware::testing::{answered, request, through};

    #[test]
    fn only_what_is_allowed_passes() {
        let filter = EncodedCharacters::new(&Config {
            allow_encoded_slash: true,
            ..Config::default()
        })
        .unwrap();
        for target in ["/a%2Fb", "/%C3%A9", "/x?%25"] {
            through(&filter, request(target));
        }
        for target in [
            "/a%5Cb", "/%00", "/%3B", "/%25", "/%3F", "/%23", "/%2F%5c", "/x%2",
        ] {
            assert_eq!(answered(&filter, request(target)).status(), 400, "{target}");
        }
    }
}
