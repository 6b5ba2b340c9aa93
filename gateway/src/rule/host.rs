//! Host names: the request's in canonical form, and the patterns of `Host` and `HostSNI`.

use std::borrow::Cow;

/// The name that rules see of a `Host` header or `:authority`: without port, brackets and surrounding space, lower-case.
///
/// Trailing dots stay: `Host` forgives one, `HostRegexp` sees it. A value that is no `host:port` is left as it is, as Go's
/// `net.SplitHostPort` would refuse it.
pub fn canonical_host(raw: &str) -> Cow<'_, str> {
    let host = without_port(raw).trim();
    match host
        .bytes()
        .any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii())
    {
        true => Cow::Owned(host.to_lowercase()),
        false => Cow::Borrowed(host),
    }
}

fn without_port(raw: &str) -> &str {
    let Some(colon) = raw.rfind(':') else {
        return raw;
    };
    if let Some(inner) = raw.strip_prefix('[') {
        return match inner.find(']') {
            Some(end) if end + 1 == inner.len() => &inner[..end],
            Some(end)
                if end + 2 == colon
                    && !inner[..end].contains('[')
                    && !raw[colon..].contains(['[', ']']) =>
            {
                &inner[..end]
            }
            _ if raw.ends_with(']') => &raw[1..raw.len() - 1],
            _ => raw,
        };
    }
    let host = &raw[..colon];
    match host.contains(':') || raw.contains(['[', ']']) {
        true => raw,
        false => host,
    }
}

/// A name, or `*` in place of the first label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// Everything, even no name at all.
    Star,
    /// This name, lower-case.
    Exact(Box<str>),
    /// What follows the star, lower-case and with its dot: `.example.com`; or nothing, for names of one label.
    Wildcard(Box<str>),
    /// A star that is not a label of its own (`*foo.test`) matches nothing.
    Never,
}

impl HostPattern {
    /// `text` as Traefik reads it. It must be ASCII.
    pub fn new(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix('*') {
            None => Self::Exact(text.into()),
            Some("") => Self::Star,
            Some(suffix) if suffix.starts_with('.') => Self::Wildcard(suffix.into()),
            Some(_) => Self::Never,
        }
    }

    /// Whether `host` (canonical) is this name to the letter, save for case.
    pub fn matches_exactly(&self, host: &str) -> bool {
        match self {
            Self::Star => true,
            Self::Never => false,
            Self::Exact(name) => **name == *host,
            // The star takes exactly one label, which may be empty.
            Self::Wildcard(suffix) => first_label(host).1 == &**suffix,
        }
    }

    /// Whether `host` (canonical, not empty) is this name, where either side may have one more trailing dot.
    pub fn matches_dotted(&self, host: &str) -> bool {
        let (text, star) = match self {
            Self::Star => return true,
            Self::Never => return false,
            Self::Exact(name) => (&**name, false),
            Self::Wildcard(suffix) => (&**suffix, true),
        };
        let equal = |text: &str, host: &str| match star {
            true => first_label(host).1 == text,
            false => text == host,
        };
        equal(text, host)
            || text.strip_suffix('.').is_some_and(|text| equal(text, host))
            || host.strip_suffix('.').is_some_and(|host| equal(text, host))
    }
}

/// The first label of `host`, and the rest with its dot.
pub(super) fn first_label(host: &str) -> (&str, &str) {
    host.split_at(host.find('.').unwrap_or(host.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_hosts() {
        let cases = [
            ("a.test", "a.test"),
            ("A.TEST:80", "a.test"),
            ("a.test:", "a.test"),
            ("a.test.:80", "a.test."),
            ("", ""),
            ("[::1]:9", "::1"),
            ("[::1]", "::1"),
            ("::1", "::1"),
            ("a:b:c", "a:b:c"),
            ("[::1", "[::1"),
            ("[a]b:1", "[a]b:1"),
            (" a.test ", "a.test"),
            (":80", ""),
            ("[]", "[]"),
        ];
        for (raw, host) in cases {
            assert_eq!(canonical_host(raw), host, "{raw}");
        }
        assert!(matches!(canonical_host("a.test:80"), Cow::Borrowed(_)));
    }

    #[test]
    fn wildcards_take_one_label() {
        let wild = HostPattern::new("*.Wild.test");
        assert!(wild.matches_dotted("x.wild.test"));
        assert!(wild.matches_dotted(".wild.test"));
        assert!(wild.matches_dotted("x.wild.test."));
        assert!(!wild.matches_dotted("x.y.wild.test"));
        assert!(!wild.matches_dotted("wild.test"));
        assert!(!HostPattern::new("*foo.test").matches_dotted("xfoo.test"));
    }

    #[test]
    fn one_trailing_dot_is_forgiven_on_each_side() {
        let plain = HostPattern::new("a.test");
        let dotted = HostPattern::new("c.test.");
        assert!(plain.matches_dotted("a.test."));
        assert!(!plain.matches_dotted("a.test.."));
        assert!(dotted.matches_dotted("c.test"));
        assert!(dotted.matches_dotted("c.test.."));
        assert!(!dotted.matches_dotted("c.test..."));
    }
}
