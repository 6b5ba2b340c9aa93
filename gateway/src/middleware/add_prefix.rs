//! `addPrefix`: puts a prefix before the path.

use super::filter::{Act, Step};
use crate::config::dynamic::AddPrefix as Config;
use crate::http::{Context, Request, path};

/// See the module.
#[derive(Debug)]
pub struct AddPrefix {
    /// As configured, which is decoded text.
    prefix: String,
    /// It may stand before an escaped path as it is.
    plain: bool,
}

impl AddPrefix {
    /// Traefik's rule: a prefix without a slash gets one.
    pub fn new(config: &Config) -> Result<Self, String> {
        if config.prefix.is_empty() {
            return Err("prefix cannot be empty".to_owned());
        }
        let slash = if config.prefix.starts_with('/') {
            ""
        } else {
            "/"
        };
        let prefix = format!("{slash}{}", config.prefix);
        let plain = path::escape(prefix.as_bytes()) == prefix;
        Ok(Self { prefix, plain })
    }

    /// The prefix and the path in one, as Go escapes them. Only for prefixes that hold what paths must escape.
    fn join(&self, old: &str) -> String {
        let decoded = path::decode(old);
        let as_written = format!("{}{old}", self.prefix);
        let reads_back = !self.prefix.contains('%') && path::escaped(&as_written) == as_written;
        if reads_back && path::escape(&decoded) != old {
            return as_written;
        }
        path::escape(&[self.prefix.as_bytes(), &decoded].concat())
    }
}

impl Act for AddPrefix {
    type Memo = ();

    fn request<'a>(&'a self, _: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        if self.plain {
            request.target.prepend(&self.prefix);
        } else {
            let new = self.join(request.target.path());
            request.target.set_path(&new);
        }
        Step::NEXT
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::middleware::testing::target_after;

    fn after(prefix: &str, target: &str) -> String {
        let config = Config {
            prefix: prefix.to_owned(),
        };
        target_after(&AddPrefix::new(&config).unwrap(), target)
    }

    #[test]
    fn escapes_stay_what_they_were() {
        assert_eq!(after("/v2", "/x?y=1"), "/v2/x?y=1");
        assert_eq!(after("v2", "/a%2Fb"), "/v2/a%2Fb");
        assert_eq!(after("/v2", ""), "/v2");
        assert_eq!(after("/a b", "/x"), "/a%20b/x");
        assert_eq!(after("/50%", "/x"), "/50%25/x");
        assert_eq!(after("/(1)", "/a%2Fb"), "/(1)/a%2Fb");
        assert_eq!(after("/(1)", "/x"), "/%281%29/x");
        assert!(AddPrefix::new(&Config::default()).is_err());
    }
}
