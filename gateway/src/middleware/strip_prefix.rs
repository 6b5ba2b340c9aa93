//! `stripPrefix`: takes a prefix from the path, and tells the service in `X-Forwarded-Prefix`.

use ::http::{HeaderName, HeaderValue, StatusCode};

use super::filter::{Act, Step};
use crate::config::dynamic::StripPrefix as Config;
use crate::http::{Context, Request, answer, path};

const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// See the module.
#[derive(Debug)]
pub struct StripPrefix {
    /// Decoded text, and what the service is told.
    prefixes: Box<[(String, HeaderValue)]>,
    /// Deprecated: an empty path becomes a slash.
    force_slash: bool,
}

impl StripPrefix {
    /// The first prefix that fits is taken.
    pub fn new(config: &Config) -> Result<Self, String> {
        if config.force_slash.is_some() {
            tracing::warn!("`forceSlash` is deprecated, please remove any usage of this option");
        }
        let prefixes = config.prefixes.iter().map(|prefix| {
            let prefix = prefix.trim();
            let value = HeaderValue::from_bytes(prefix.as_bytes())
                .map_err(|_| format!("prefix {prefix:?} cannot be told in a header"))?;
            Ok((prefix.to_owned(), value))
        });
        Ok(Self {
            prefixes: prefixes.collect::<Result<_, String>>()?,
            force_slash: config.force_slash.unwrap_or(false),
        })
    }
}

impl Act for StripPrefix {
    type Memo = ();

    fn request<'a>(&'a self, _: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        let old = request.target.path();
        let decoded = path::decode(old);
        let found = self
            .prefixes
            .iter()
            .find(|(prefix, _)| decoded.starts_with(prefix.as_bytes()));
        let Some((prefix, value)) = found else {
            return Step::NEXT;
        };
        let at = path::escaped_len(old, prefix.len());
        let rest = old.get(at..).unwrap_or_default();
        // What begins with a slash needs no other memory than it has, nor does nothing.
        let as_it_is = rest.starts_with('/') || rest.is_empty() && !self.force_slash;
        let with_slash = (!as_it_is).then(|| format!("/{rest}"));
        if !path::is_clean(with_slash.as_deref().unwrap_or(rest)) {
            return Step::answer(answer(StatusCode::BAD_REQUEST, "Bad Request\n"));
        }
        drop(decoded);
        match with_slash {
            Some(new) => request.target.set_path(&new),
            None => request.target.skip(at),
        }
        request.headers.append(PREFIX, value.clone());
        Step::NEXT
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::middleware::testing::{answered, request, through};

    fn strip(prefixes: &[&str], force_slash: Option<bool>) -> StripPrefix {
        StripPrefix::new(&Config {
            prefixes: prefixes.iter().map(|&prefix| prefix.to_owned()).collect(),
            force_slash,
        })
        .unwrap()
    }

    #[test]
    fn the_first_that_fits_goes() {
        let strip = strip(&["/api/v1", " /api ", "/é"], None);
        for (target, new, told) in [
            ("/api/v1/x?q", "/x?q", Some("/api/v1")),
            ("/api", "", Some("/api")),
            ("/apix", "/x", Some("/api")),
            ("/api/a%2Fb", "/a%2Fb", Some("/api")),
            ("/%C3%A9/a%20b", "/a%20b", Some("/é")),
            ("/other", "/other", None),
        ] {
            let request = through(&strip, request(target));
            assert_eq!(request.target.as_bytes(), new.as_bytes(), "{target}");
            let value = request.headers.get(PREFIX).map(HeaderValue::as_bytes);
            assert_eq!(value, told.map(str::as_bytes), "{target}");
        }
    }

    #[test]
    fn a_path_that_would_climb_is_refused() {
        let strip = strip(&["/api"], None);
        for target in ["/api../admin", "/api./x"] {
            assert_eq!(answered(&strip, request(target)).status(), 400, "{target}");
        }
    }

    #[test]
    fn force_slash_leaves_a_slash() {
        let strip = strip(&["/api"], Some(true));
        assert_eq!(through(&strip, request("/api")).target.path(), "/");
        assert_eq!(through(&strip, request("/api/x")).target.path(), "/x");
    }
}
