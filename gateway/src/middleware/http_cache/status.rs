//! What clients are told about the cache's part in an answer: `Cache-Status` (RFC 9211), and `X-Cache-Status` as Traefik's
//! paid editions have it.

use std::fmt::Write as _;

use ::http::{HeaderMap, HeaderName, HeaderValue};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const X_CACHE_STATUS: HeaderName = HeaderName::from_static("x-cache-status");

/// Our name in the list.
const NAME: &str = "Sluice";

/// Why a request went on to the server (RFC 9211 section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forwarded {
    /// The cache was not to be asked.
    Bypass,
    /// Its method.
    Method,
    /// What the client asked of caches, or of the answer.
    Request,
    /// Nothing was stored for it.
    UriMiss,
    /// Something was, but not for these fields.
    VaryMiss,
    /// Something was, and it was stale.
    Stale,
}

impl Forwarded {
    fn token(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::Request => "request",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
        }
    }
}

/// The cache's part in one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// It came from the cache; fresh for so many seconds.
    Hit { ttl: i64 },
    /// The server was asked, and answered with this status, where it did. `stored`: the answer is kept.
    Asked {
        why: Forwarded,
        status: Option<u16>,
        stored: bool,
    },
    /// It stands in for the server's failure.
    InsteadOfError { status: Option<u16> },
    /// Another's request brought it.
    Collapsed { why: Forwarded },
    /// Nothing was stored, and the server was not to be asked.
    Nothing,
}

impl Part {
    /// Adds the fields.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        let mut value = String::from(NAME);
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Hit { ttl } => write!(value, "; hit; ttl={ttl}"),
            Self::Asked {
                why,
                status,
                stored,
            } => {
                let _ = write!(value, "; fwd={}", why.token());
                let _ = status.map_or(Ok(()), |status| write!(value, "; fwd-status={status}"));
                value.write_str(if stored { "; stored" } else { "" })
            }
            Self::InsteadOfError { status } => {
                value.push_str("; fwd=stale");
                let _ = status.map_or(Ok(()), |status| write!(value, "; fwd-status={status}"));
                value.write_str("; detail=stale-if-error")
            }
            Self::Collapsed { why } => write!(value, "; fwd={}; collapsed", why.token()),
            Self::Nothing => value.write_str("; detail=only-if-cached"),
        };
        if let Ok(value) = HeaderValue::try_from(value) {
            // Caches on the way are listed in the order from the server to the client.
            headers.append(CACHE_STATUS, value);
        }
        headers.insert(X_CACHE_STATUS, HeaderValue::from_static(self.word()));
    }

    fn word(self) -> &'static str {
        match self {
            Self::Hit { .. } | Self::InsteadOfError { .. } | Self::Collapsed { .. } => "HIT",
            Self::Asked {
                why: Forwarded::Bypass | Forwarded::Method | Forwarded::Request,
                stored: false,
                ..
            } => "BYPASS",
            Self::Asked { .. } | Self::Nothing => "MISS",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let asked = |why, status, stored| Part::Asked {
            why,
            status,
            stored,
        };
        for (part, value, word) in [
            (Part::Hit { ttl: 7 }, "Sluice; hit; ttl=7", "HIT"),
            (
                asked(Forwarded::UriMiss, Some(200), true),
                "Sluice; fwd=uri-miss; fwd-status=200; stored",
                "MISS",
            ),
            (
                asked(Forwarded::Method, None, false),
                "Sluice; fwd=method",
                "BYPASS",
            ),
            (
                Part::InsteadOfError { status: Some(503) },
                "Sluice; fwd=stale; fwd-status=503; detail=stale-if-error",
                "HIT",
            ),
            (
                Part::Collapsed {
                    why: Forwarded::UriMiss,
                },
                "Sluice; fwd=uri-miss; collapsed",
                "HIT",
            ),
        ] {
            let mut headers = HeaderMap::new();
            part.tell(&mut headers);
            assert_eq!(headers[CACHE_STATUS], value);
            assert_eq!(headers[X_CACHE_STATUS], word);
        }
    }
}
