//! Sticky sessions: a cookie that brings a client back to the server (or service) it had.

use std::collections::HashMap;
use std::fmt::Write as _;

use ::http::{HeaderMap, HeaderValue, header};
use aws_lc_rs::digest;

use crate::config::dynamic::Cookie as Config;

/// What a client's cookie says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// The choice it stands for.
    pub(super) index: usize,
    /// It is written in a way that older versions of Traefik used, and is to be replaced.
    pub(super) outdated: bool,
}

/// See the module. Lines and values are made once.
#[derive(Debug)]
pub struct Sticky {
    name: Box<str>,
    /// A `Set-Cookie` value for each choice.
    lines: Box<[Option<HeaderValue>]>,
    values: HashMap<Box<str>, Found>,
}

impl Sticky {
    /// A cookie for choices by their `names`; one whose weight is not positive is not taken, as it never gets anything.
    /// `cookie_name` as [`cookie_name`] makes it.
    pub fn new<'a>(
        config: &Config,
        cookie_name: String,
        choices: impl IntoIterator<Item = (&'a str, i64)>,
    ) -> Self {
        let mut lines = Vec::new();
        let mut values = HashMap::new();
        let mut old_values = Vec::new();
        for (index, (name, weight)) in choices.into_iter().enumerate() {
            let value = sha256(name);
            lines.push(HeaderValue::try_from(line(config, &cookie_name, &value)).ok());
            if weight <= 0 {
                continue;
            }
            let found = |outdated| Found { index, outdated };
            values.insert(value.into_boxed_str(), found(false));
            // Traefik hashed names with FNV before, some of them twice, and before that not at all.
            let once = fnv64(name);
            let twice = fnv64(&once);
            for old in [name.to_owned(), once, twice] {
                old_values.push((old.into_boxed_str(), found(true)));
            }
        }
        for (value, found) in old_values {
            values.entry(value).or_insert(found);
        }
        Self {
            name: cookie_name.into(),
            lines: lines.into(),
            values,
        }
    }

    /// The choice that the request's cookie names. As in Go, the first cookie of that name counts.
    pub(super) fn find(&self, headers: &HeaderMap) -> Option<Found> {
        let pairs = headers
            .get_all(header::COOKIE)
            .into_iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'));
        for pair in pairs {
            let Some((name, value)) = pair.trim().split_once('=') else {
                continue;
            };
            if name.trim_end() == &*self.name {
                let value = value
                    .strip_prefix('"')
                    .and_then(|value| value.strip_suffix('"'))
                    .unwrap_or(value);
                return self.values.get(value).copied();
            }
        }
        None
    }

    /// The `Set-Cookie` value that leads to a choice.
    pub(super) fn line(&self, index: usize) -> Option<&HeaderValue> {
        self.lines.get(index)?.as_ref()
    }
}

/// The cookie's name: the configured one with `_` for what no cookie's name may hold, else one made of the service's.
pub fn cookie_name(configured: &str, service: &str) -> String {
    if configured.is_empty() {
        let hashed = format!("_TRAEFIK_BACKEND_{service}");
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, hashed.as_bytes());
        let mut name = format!("_{}", hex(digest.as_ref()));
        name.truncate(6);
        return name;
    }
    let kept = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^`|~".contains(letter);
    configured
        .chars()
        .map(|letter| if kept(letter) { letter } else { '_' })
        .collect()
}

/// The value of `Set-Cookie` in the order in which Go's `http.Cookie` writes it.
fn line(config: &Config, name: &str, value: &str) -> String {
    let mut line = format!("{name}={value}");
    let path = config.path.as_deref().unwrap_or("/");
    let path: String = path
        .chars()
        .filter(|letter| matches!(letter, ' '..='~') && *letter != ';')
        .collect();
    // Writing to a string cannot fail.
    if !path.is_empty() {
        let _ = write!(line, "; Path={path}");
    }
    let domain = config.domain.strip_prefix('.').unwrap_or(&config.domain);
    if is_domain(domain) {
        let _ = write!(line, "; Domain={domain}");
    }
    if config.max_age != 0 {
        let _ = write!(line, "; Max-Age={}", config.max_age.max(0));
    }
    if config.http_only {
        line.push_str("; HttpOnly");
    }
    if config.secure {
        line.push_str("; Secure");
    }
    match config.same_site.to_ascii_lowercase().as_str() {
        "none" => line.push_str("; SameSite=None"),
        "lax" => line.push_str("; SameSite=Lax"),
        "strict" => line.push_str("; SameSite=Strict"),
        _ => {}
    }
    line
}

/// Whether Go would write it as a cookie's domain: an IPv4 address, or labels of letters, digits and inner hyphens.
fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    domain.len() <= 255 && domain.split('.').all(label)
}

fn sha256(name: &str) -> String {
    let mut value = hex(digest::digest(&digest::SHA256, name.as_bytes()).as_ref());
    value.truncate(16);
    value
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// FNV-1 with 64 bits, in hexadecimal without leading zeros.
fn fnv64(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
    });
    format!("{hash:x}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sticky(config: &Config) -> Sticky {
        let name = cookie_name(&config.name, "plain@file");
        Sticky::new(config, name, [("sa", 1), ("sb", 1), ("never", 0)])
    }

    fn asked(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::try_from(cookie).unwrap());
        headers
    }

    #[test]
    fn lines_are_those_of_traefik() {
        let default = sticky(&Config::default());
        assert_eq!(
            default.line(0).unwrap(),
            "_196da=4cf6829aa93728e8; Path=/",
            "sha256 of the name, cut to 16 digits"
        );
        let all = sticky(&Config {
            name: "a b".to_owned(),
            secure: true,
            http_only: true,
            same_site: "Lax".to_owned(),
            max_age: -1,
            path: Some("/p".to_owned()),
            domain: ".example.com".to_owned(),
        });
        assert_eq!(
            all.line(1).unwrap(),
            "a_b=b831b33e0c05b45e; Path=/p; Domain=example.com; Max-Age=0; HttpOnly; Secure; SameSite=Lax"
        );
        let odd = sticky(&Config {
            name: "c".to_owned(),
            path: Some("/;\n".to_owned()),
            domain: "a..b".to_owned(),
            ..Config::default()
        });
        assert_eq!(odd.line(0).unwrap(), "c=4cf6829aa93728e8; Path=/");
    }

    #[test]
    fn the_first_cookie_of_the_name_counts() {
        let sticky = sticky(&Config {
            name: "lb".to_owned(),
            ..Config::default()
        });
        let new = |index| {
            Some(Found {
                index,
                outdated: false,
            })
        };
        let old = |index| {
            Some(Found {
                index,
                outdated: true,
            })
        };
        let (a, b) = ("4cf6829aa93728e8", "b831b33e0c05b45e");
        assert_eq!(sticky.find(&asked(&format!("x=1; lb={a}; z=2"))), new(0));
        assert_eq!(sticky.find(&asked(&format!("lb=\"{b}\"; lb={a}"))), new(1));
        assert_eq!(sticky.find(&asked("lb=sb")), old(1));
        assert_eq!(sticky.find(&asked(&format!("lb={}", fnv64("sa")))), old(0));
        assert_eq!(
            sticky.find(&asked(&format!("lb={}", fnv64(&fnv64("sa"))))),
            old(0)
        );
        for nobody in ["lb=", "lb", "other=sa", "lb=never", "lb=unknown; lb=sa"] {
            assert_eq!(sticky.find(&asked(nobody)), None, "{nobody}");
        }
    }

    #[test]
    fn fnv_is_gos() {
        assert_eq!(fnv64(""), "cbf29ce484222325");
        assert_eq!(fnv64("a"), "af63bd4c8601b7be");
    }
}
