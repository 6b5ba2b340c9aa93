//! Origins (RFC 6454) that may open WebSockets.

use ::http::{HeaderMap, header};

/// An origin as configured.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// That one.
    Exact(Origin),
    /// All hosts below that one.
    Below(Origin),
    /// What pages without an origin send.
    Null,
    /// Any.
    Any,
}

/// Scheme, host and port, in lower case. `None` is the port that the scheme means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Allowed {
    /// Reads an entry of `allowedOrigins`.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        match text {
            "*" => return Ok(Self::Any),
            "null" => return Ok(Self::Null),
            _ => {}
        }
        let wrong = || {
            format!(
                "allowedOrigins: {text:?} is no origin: write https://app.example.com, https://*.example.com, null or *"
            )
        };
        let mut origin = Origin::read(text).ok_or_else(wrong)?;
        let below = origin.host.strip_prefix("*.").map(str::to_owned);
        let wild = below.is_some();
        if let Some(host) = below {
            origin.host = host;
        }
        if origin.host.is_empty() || origin.host.contains('*') {
            return Err(wrong());
        }
        Ok(match wild {
            true => Self::Below(origin),
            false => Self::Exact(origin),
        })
    }

    fn allows(&self, value: &str) -> bool {
        let origin = match self {
            Self::Any => return true,
            Self::Null => return value == "null",
            Self::Exact(origin) | Self::Below(origin) => origin,
        };
        let Some(named) = Origin::read(value) else {
            return false;
        };
        let host = match self {
            Self::Below(_) => {
                let above = named.host.strip_suffix(&origin.host);
                above.is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            _ => named.host == origin.host,
        };
        host && named.scheme == origin.scheme && named.port == origin.port
    }
}

impl Origin {
    /// Scheme and host are compared in any case, and a port that the scheme means may be written or not (section 4).
    fn read(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let (host, port) = match authority.rsplit_once(':') {
            // Of an IPv6 address the last colon may be its own.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (authority, None),
        };
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"/?#@\\".contains(&byte);
        let address = host.starts_with('[') && host.ends_with(']');
        if scheme.is_empty() || host.is_empty() || !text.is_ascii() || !host.bytes().all(plain) {
            return None;
        }
        if host.contains(':') && !address {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let meant = match scheme.as_str() {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            _ => None,
        };
        Some(Self {
            scheme,
            host: host.to_ascii_lowercase(),
            port: port.filter(|_| port != meant),
        })
    }
}

/// Whether a request may come from where it says it comes from. Whoever names several origins names none that is allowed.
pub(super) fn allowed(origins: &[Allowed], missing: bool, headers: &HeaderMap) -> bool {
    if origins.is_empty() {
        return true;
    }
    let mut all = headers.get_all(header::ORIGIN).iter();
    match (all.next(), all.next()) {
        (None, _) => missing,
        (Some(only), None) => only
            .to_str()
            .is_ok_and(|value| origins.iter().any(|origin| origin.allows(value))),
        (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn allows(entry: &str, value: &str) -> bool {
        Allowed::new(entry).unwrap().allows(value)
    }

    #[test]
    fn case_and_the_usual_port_do_not_count() {
        for (entry, value) in [
            ("https://a.test", "https://a.test"),
            ("HTTPS://A.test:443", "https://a.TEST"),
            ("http://a.test", "http://a.test:80"),
            ("http://a.test:8080", "http://a.test:8080"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("http://[::1]", "http://[::1]:80"),
            ("app://a.test", "app://a.test"),
            ("https://*.a.test", "https://x.a.test"),
            ("https://*.a.test", "https://x.y.A.test:443"),
            ("null", "null"),
            ("*", "anything"),
        ] {
            assert!(allows(entry, value), "{entry} {value}");
        }
    }

    #[test]
    fn nothing_that_only_looks_like_it() {
        for (entry, value) in [
            ("https://a.test", "http://a.test"),
            ("https://a.test", "https://a.test:8443"),
            ("https://a.test", "https://a.test.evil.test"),
            ("https://a.test", "https://a.test/"),
            ("https://a.test", "https://evil@a.test"),
            ("https://a.test", "a.test"),
            ("https://a.test", "null"),
            ("https://a.test", ""),
            ("https://*.a.test", "https://a.test"),
            ("https://*.a.test", "https://.a.test"),
            ("https://*.a.test", "https://evila.test"),
            ("https://*.a.test", "https://evil.test/x.a.test"),
            ("https://*.a.test", "https://evil.test?.a.test"),
            ("https://*.a.test", "http://x.a.test"),
            ("null", "https://null"),
        ] {
            assert!(!allows(entry, value), "{entry} {value}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_when_it_is_configured() {
        for wrong in [
            "a.test",
            "https://",
            "://a",
            "https://a.test/",
            "https://a.test:x",
            "https://a.*.test",
            "https://*",
            "https://*.",
            "https://a:1:2",
            "https://ä.test",
        ] {
            let error = Allowed::new(wrong).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn one_origin_or_none_is_named() {
        let origins = [Allowed::new("https://a.test").unwrap()];
        let mut headers = HeaderMap::new();
        assert!(allowed(&origins, true, &headers));
        assert!(!allowed(&origins, false, &headers));
        headers.append("origin", "https://a.test".parse().unwrap());
        assert!(allowed(&origins, false, &headers));
        headers.append("origin", "https://a.test".parse().unwrap());
        assert!(!allowed(&origins, true, &headers));
    }
}
