//! What clients are told of a limit: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11), and with
//! a refusal `Retry-After` and Traefik's `X-Retry-In`.

use std::fmt::Write as _;
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::bucket::{Limit, Taken};
use crate::http::{Response, plain};
use crate::types;

const RETRY_IN: HeaderName = HeaderName::from_static("x-retry-in");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// The largest integer of a structured field (RFC 9651 section 3.3.1).
const LARGEST: f64 = 999_999_999_999_999.0;

/// A limit as clients see it.
#[derive(Debug)]
pub(super) struct Policy {
    /// Its name, as a structured field's string.
    name: String,
    /// The whole `RateLimit-Policy`: the same in every answer.
    value: HeaderValue,
}

/// What is left for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    /// Requests that may come now.
    requests: u64,
    /// Seconds in which there will be no more than these; `None` where that is less than one.
    within: Option<u64>,
}

impl Policy {
    /// The limit of the middleware of this name. Its provider is nothing for clients.
    pub(super) fn new(middleware: &str, limit: &Limit) -> Self {
        let name = quoted(
            middleware
                .rsplit_once('@')
                .map_or(middleware, |(name, _)| name),
        );
        // A policy has a quota and a window, in whole seconds, but no rate and burst: the window is the time in which an
        // empty bucket becomes full, and the quota what passes in it.
        let window = (limit.burst / limit.rate).ceil().clamp(1.0, LARGEST);
        let quota = (limit.rate * window).floor().max(limit.burst);
        let value = format!("{name};q={};w={}", whole(quota), whole(window));
        Self {
            // Quoted, it is ASCII, and always a field's value.
            value: HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("\"default\"")),
            name,
        }
    }

    /// Adds both fields. They are lists: other limits, here or behind, may have theirs.
    pub(super) fn tell(&self, left: Left, headers: &mut HeaderMap) {
        headers.append(POLICY, self.value.clone());
        let mut value = String::with_capacity(self.name.len() + 40);
        value.push_str(&self.name);
        // Writing to a string cannot fail.
        let _ = write!(value, ";r={}", left.requests);
        if let Some(within) = left.within {
            let _ = write!(value, ";t={within}");
        }
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(LIMIT, value);
        }
    }
}

impl Left {
    /// After a token was taken, or refused.
    pub(super) fn new(limit: &Limit, taken: &Taken) -> Self {
        if !taken.granted {
            // The window must not end after `Retry-After`.
            return Self {
                requests: 0,
                within: Some(seconds(taken.wait)),
            };
        }
        let requests = taken.tokens.max(0.0).floor();
        let next = (requests + 1.0 - taken.tokens) / limit.rate;
        Self {
            requests: whole(requests),
            within: (next >= 1.0).then(|| whole(next.ceil())),
        }
    }
}

/// The refusal, as Traefik words it.
pub(super) fn refusal(wait: Duration) -> Response {
    let mut response = plain(StatusCode::TOO_MANY_REQUESTS);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait)));
    if let Ok(value) = HeaderValue::try_from(types::Duration::from(wait).to_string()) {
        headers.insert(RETRY_IN, value);
    }
    response
}

/// Whole seconds, rounded up.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs()
        .saturating_add(u64::from(wait.subsec_nanos() > 0))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what fits"
)]
fn whole(number: f64) -> u64 {
    number.clamp(0.0, LARGEST) as u64
}

/// A string of a structured field (RFC 9651 section 3.3.3), which knows printable ASCII only.
fn quoted(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for letter in name.chars().filter(|letter| matches!(letter, ' '..='~')) {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    if quoted.len() == 1 {
        quoted.push_str("default");
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::dynamic::RateLimit as Config;

    fn limit(average: i64, period: &str, burst: i64) -> Limit {
        let config = Config {
            average,
            period: period.parse().unwrap(),
            burst,
            ..Config::default()
        };
        Limit::new(&config).unwrap()
    }

    fn told(limit: &Limit, taken: &Taken) -> [String; 2] {
        let mut headers = HeaderMap::new();
        Policy::new("api@file", limit).tell(Left::new(limit, taken), &mut headers);
        [POLICY, LIMIT].map(|name| headers[name].to_str().unwrap().to_owned())
    }

    fn granted(tokens: f64) -> Taken {
        Taken {
            granted: true,
            wait: Duration::ZERO,
            tokens,
        }
    }

    #[test]
    fn slow_limits_tell_when_there_is_more() {
        let slow = limit(6, "1m", 3);
        let [policy, left] = told(&slow, &granted(2.0));
        assert_eq!(policy, r#""api";q=3;w=30"#);
        assert_eq!(left, r#""api";r=2;t=10"#);
        assert_eq!(told(&slow, &granted(0.25))[1], r#""api";r=0;t=8"#);
        // A request that waits for a token that is on its way.
        assert_eq!(told(&slow, &granted(-0.04))[1], r#""api";r=0;t=11"#);
        let refused = Taken {
            granted: false,
            wait: Duration::from_millis(7001),
            tokens: 0.3,
        };
        assert_eq!(told(&slow, &refused)[1], r#""api";r=0;t=8"#);
    }

    #[test]
    fn fast_limits_keep_their_rate_and_name_no_window_below_a_second() {
        let [policy, left] = told(&limit(100, "1s", 1), &granted(0.0));
        assert_eq!(policy, r#""api";q=100;w=1"#);
        assert_eq!(left, r#""api";r=0"#);
        let [policy, left] = told(&limit(100, "1s", 250), &granted(248.5));
        assert_eq!(policy, r#""api";q=300;w=3"#);
        assert_eq!(left, r#""api";r=248"#);
        // Nothing that is no integer of a structured field.
        let [policy, _] = told(&limit(i64::MAX, "1s", i64::MAX), &granted(1.0));
        assert_eq!(policy, r#""api";q=999999999999999;w=1"#);
    }

    #[test]
    fn names_become_strings_of_structured_fields() {
        assert_eq!(quoted("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(quoted("grüße\r\n"), r#""gre""#);
        assert_eq!(quoted("ж"), r#""default""#);
    }
}
