//! Where the service is that is asked, and how it is reached.

use std::fmt;

use ::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::client_tls;
use crate::config::dynamic::{ForwardAuth as Config, ForwardAuthTls};
use crate::http::{self, path};
use crate::upstream::{Settings, Target, TlsSettings, Transport};

/// See the module.
#[derive(Debug)]
pub(super) struct Address {
    /// With connections of its own: those of servers are not shared.
    pub(super) target: Target,
    /// Path and query of every question.
    pub(super) asked: http::Target,
    /// Name and password of the URL.
    pub(super) authorization: Option<HeaderValue>,
    scheme: Box<str>,
}

impl Address {
    pub(super) fn new(config: &Config) -> Result<Self, String> {
        let url = config.address.as_str();
        let settings = Settings {
            tls: match &config.tls {
                Some(tls) => settings(tls).map_err(|error| {
                    format!("unable to create client TLS configuration: {error}")
                })?,
                None => TlsSettings::default(),
            },
            ..Settings::default()
        };
        let transport = Transport::new(&settings)
            .map_err(|error| format!("unable to create client TLS configuration: {error}"))?;
        let wrong = |why: &str| format!("forwardAuth address {url:?}: {why}");
        let target =
            Target::new(url, false, transport).map_err(|error| wrong(&error.to_string()))?;
        if let Some(defect) = target.defect() {
            return Err(wrong(defect));
        }
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let rest = rest.split('#').next().unwrap_or_default();
        let (found, query) = match rest.split_once('?') {
            Some((found, query)) => (found, Some(query.as_bytes())),
            None => (rest, None),
        };
        if path::invalid_escape(found).is_some() || rest.bytes().any(|byte| byte <= b' ') {
            return Err(wrong("its path cannot be sent"));
        }
        let found = if found.is_empty() { "/" } else { found };
        Ok(Self {
            target,
            asked: http::Target::new(&path::escaped(found), query),
            authorization: authority.rsplit_once('@').and_then(|(user, _)| basic(user)),
            scheme: scheme.to_ascii_lowercase().into(),
        })
    }

    /// A `Location` of its answers, seen from here (RFC 3986 section 5.2); `None` where it is no URL.
    pub(super) fn resolve(&self, reference: &str) -> Option<String> {
        let reference = http::location(reference)?;
        let end = reference.find([':', '/', '?', '#']);
        if end.is_some_and(|end| reference[end..].starts_with(':')) {
            return Some(reference);
        }
        if reference.starts_with("//") {
            return Some([&*self.scheme, ":", &reference].concat());
        }
        let (found, rest) =
            reference.split_at(reference.find(['?', '#']).unwrap_or(reference.len()));
        let base = self.asked.path();
        let merged = match found {
            "" => base.to_owned(),
            absolute if absolute.starts_with('/') => without_dots(absolute),
            relative => {
                let folder = base.rfind('/').map_or("", |end| &base[..=end]);
                without_dots(&[folder, relative].concat())
            }
        };
        let mut url = [&*self.scheme, "://", self.target.authority(), &merged].concat();
        if found.is_empty()
            && !rest.starts_with('?')
            && let Some(query) = self.asked.query()
        {
            url.push('?');
            url.push_str(&String::from_utf8_lossy(query));
        }
        url.push_str(rest);
        Some(url)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without name and password.
        write!(
            f,
            "{}://{}{}",
            self.scheme,
            self.target.authority(),
            self.asked.path()
        )
    }
}

/// Removes `.` and `..` (RFC 3986 section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." if last => kept.push(""),
            "." => {}
            ".." => {
                kept.pop();
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    ["/", &kept.join("/")].concat()
}

/// The field for `name:password` of a URL.
fn basic(user: &str) -> Option<HeaderValue> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let pair = [&*path::decode(name), b":", &*path::decode(password)].concat();
    HeaderValue::try_from(["Basic ", &STANDARD.encode(pair)].concat()).ok()
}

fn settings(config: &ForwardAuthTls) -> Result<TlsSettings, String> {
    if config.ca_optional.is_some() {
        tracing::warn!("tls.caOptional is deprecated and has no effect; please remove it");
    }
    let (ca, cert, key) = (&config.ca, &config.cert, &config.key);
    client_tls::settings(ca, cert, key, config.insecure_skip_verify)
}
