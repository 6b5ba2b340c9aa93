//! What may be stored, for how long, and what of it may answer a request: RFC 9111 sections 3 and 4 as pure functions.

use std::time::{Duration, SystemTime};

use ::http::{HeaderMap, Method, StatusCode, header};

use super::directives::{Allowed, Asked};
use crate::config::dynamic::HttpCache as Config;
use crate::http::{Request, Response};
use crate::types::StatusRanges;

/// What the middleware's options say.
#[derive(Debug)]
pub(super) struct Policy {
    /// Nothing is fresh for longer.
    longest: Duration,
    /// Answers that say nothing of their age are fresh for so long.
    default: Duration,
    /// Most of a client's `max-stale` that is heeded.
    max_stale: Duration,
    stale_while_revalidate: Duration,
    stale_if_error: Duration,
    excluded: StatusRanges,
}

/// How long a stored answer may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// Its age when it was stored.
    pub(super) age: Duration,
    /// Fresh for so long from then on.
    pub(super) fresh: Duration,
    /// May answer for so long beyond that while a new one is fetched.
    pub(super) while_revalidating: Duration,
    /// May answer for so long beyond that where the server fails.
    pub(super) on_error: Duration,
    /// Must never answer stale, whatever a client accepts.
    strict: bool,
}

/// What a stored answer is good for, to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It is the answer.
    Fresh,
    /// It is the answer, and it is time to fetch a new one.
    WhileRevalidating,
    /// It is stale, and the client said that it takes it so.
    Accepted,
    /// The server must be asked.
    Ask,
}

impl Policy {
    /// Times must not be negative, and statuses must be ranges.
    pub(super) fn new(config: &Config) -> Result<Self, String> {
        let seconds = |name: &str, value: i64| {
            let value = u64::try_from(value);
            let value = value.map_err(|_| format!("{name} must not be negative"))?;
            Ok::<_, String>(Duration::from_secs(value))
        };
        let codes = config.excluded_response_codes.split(',').map(str::trim);
        let codes: Vec<&str> = codes.filter(|code| !code.is_empty()).collect();
        let excluded = StatusRanges::parse(&codes)
            .map_err(|error| format!("excludedResponseCodes: {error}"))?;
        let longest = seconds("maxTtl", config.max_ttl)?;
        if longest.is_zero() {
            return Err("maxTtl must be 1 or more: nothing would be cached".to_owned());
        }
        Ok(Self {
            longest,
            default: seconds("defaultTtl", config.default_ttl)?,
            max_stale: seconds("maxStale", config.max_stale)?,
            stale_while_revalidate: seconds("staleWhileRevalidate", config.stale_while_revalidate)?,
            stale_if_error: seconds("staleIfError", config.stale_if_error)?,
            excluded,
        })
    }

    /// For how long this answer to that request, which took `delay`, may be stored; `None` where it may not.
    pub(super) fn lifetime(
        &self,
        asked: &HeaderMap,
        response: &Response,
        delay: Duration,
        now: SystemTime,
    ) -> Option<Lifetime> {
        let (status, headers) = (response.status(), response.headers());
        let allowed = Allowed::of(headers);
        if !self.may_store(asked, status, headers, &allowed) {
            return None;
        }
        let date = date(headers, header::DATE).unwrap_or(now);
        let stated = allowed.max_age.or_else(|| expires(headers, date));
        let lifetime = match stated {
            Some(stated) => stated,
            None if cacheable_by_default(status) => self.default,
            None => return None,
        };
        let age = age(headers, date, delay, now);
        let fresh = match allowed.no_cache {
            true => Duration::ZERO,
            false => lifetime.saturating_sub(age).min(self.longest),
        };
        let never = allowed.must_revalidate || allowed.no_cache;
        // `s-maxage` forbids stale answers too (section 5.2.2.10), but who writes it beside `stale-while-revalidate`, as
        // Next.js does, means the latter; so have it the large caches.
        let strict = never || allowed.shared;
        let stale = |stated: Option<Duration>, default: Duration| match (never, stated) {
            (true, _) => Duration::ZERO,
            (false, Some(stated)) => stated,
            (false, None) if strict => Duration::ZERO,
            (false, None) => default,
        };
        let lifetime = Lifetime {
            age,
            fresh,
            while_revalidating: stale(allowed.stale_while_revalidate, self.stale_while_revalidate),
            on_error: stale(allowed.stale_if_error, self.stale_if_error),
            strict,
        };
        let of_use = !fresh.is_zero()
            || !lifetime.while_revalidating.is_zero()
            || !lifetime.on_error.is_zero()
            || (stated.is_some() || allowed.no_cache) && validators(headers);
        of_use.then_some(lifetime)
    }

    /// RFC 9111 section 3, and what is ours: no cookies.
    fn may_store(
        &self,
        asked: &HeaderMap,
        status: StatusCode,
        headers: &HeaderMap,
        allowed: &Allowed,
    ) -> bool {
        let authorized = asked.contains_key(header::AUTHORIZATION);
        let forbidden = allowed.no_store || allowed.private || (authorized && !allowed.shareable);
        // One client's session is not another's, whatever the server says of it.
        let personal = headers.contains_key(header::SET_COOKIE);
        let no_whole = headers.contains_key(header::CONTENT_RANGE);
        let trailers = headers.contains_key(header::TRAILER);
        let mut vary = headers.get_all(header::VARY).iter();
        let unique = vary.any(|value| value.as_bytes().contains(&b'*'));
        storable(status)
            && !self.excluded.contains(status.as_u16())
            && !(forbidden || personal || no_whole || trailers || unique)
    }

    /// What an answer that has been stored for `since` is good for.
    pub(super) fn usable(&self, lifetime: &Lifetime, since: Duration, asked: &Asked) -> Use {
        let too_old = asked
            .max_age
            .is_some_and(|most| lifetime.age + since > most);
        if asked.no_cache {
            return Use::Ask;
        }
        let left = lifetime.fresh.saturating_sub(since);
        if !left.is_zero() {
            let enough = asked.min_fresh.is_none_or(|least| left >= least);
            return if enough && !too_old {
                Use::Fresh
            } else {
                Use::Ask
            };
        }
        let stale = since - lifetime.fresh;
        let accepted = asked.max_stale.map(|most| most.min(self.max_stale));
        if !lifetime.strict && accepted.is_some_and(|most| stale < most) && !too_old {
            return Use::Accepted;
        }
        let asks_fresh = asked.min_fresh.is_some() || too_old;
        if stale < lifetime.while_revalidating && !asks_fresh {
            return Use::WhileRevalidating;
        }
        Use::Ask
    }

    /// Whether an answer that has been stored for `since` may stand in for an error of the server.
    pub(super) fn on_error(&self, lifetime: &Lifetime, since: Duration, asked: &Asked) -> bool {
        let most = match asked.stale_if_error {
            Some(wanted) if !lifetime.strict => lifetime.on_error.max(wanted.min(self.max_stale)),
            _ => lifetime.on_error,
        };
        since.saturating_sub(lifetime.fresh) < most
    }
}

/// Whether a cache may answer this request at all. Others pass it by.
pub(super) fn concerns(request: &Request) -> bool {
    matches!(request.method, Method::GET | Method::HEAD)
        && request.body.is_empty()
        && !request.headers.contains_key(header::UPGRADE)
}

/// Whether an error of the server may be hidden by a stale answer (RFC 5861 section 4).
pub(super) fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// Whether the server can be asked if an answer is still right.
pub(super) fn validators(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED)
}

/// Statuses whose meaning is known here. A part of something (206) and a word about something (304) are no answers to others.
fn storable(status: StatusCode) -> bool {
    let code = status.as_u16();
    code >= 200 && !matches!(code, 206 | 304) && status.canonical_reason().is_some()
}

/// RFC 9110 section 15.1.
fn cacheable_by_default(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

fn date(headers: &HeaderMap, name: header::HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

/// How long after `date` an answer without `max-age` is fresh; one whose `Expires` is no date is not (section 5.3).
fn expires(headers: &HeaderMap, date: SystemTime) -> Option<Duration> {
    let expires = headers.get(header::EXPIRES)?.to_str().unwrap_or_default();
    let at = httpdate::parse_http_date(expires).ok();
    let after = at.and_then(|at| at.duration_since(date).ok());
    Some(after.unwrap_or_default())
}

/// RFC 9111 section 4.2.3.
fn age(headers: &HeaderMap, date: SystemTime, delay: Duration, now: SystemTime) -> Duration {
    let apparent = now.duration_since(date).unwrap_or_default();
    let told = headers
        .get(header::AGE)
        .and_then(|value| value.to_str().ok());
    let told = told.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    // Whole seconds: a date says no more.
    let apparent = Duration::from_secs(apparent.as_secs());
    apparent.max(Duration::from_secs(told).saturating_add(delay))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::Body;

    const SECOND: Duration = Duration::from_secs(1);

    fn policy(change: impl FnOnce(&mut Config)) -> Policy {
        let mut config = Config::default();
        change(&mut config);
        Policy::new(&config).unwrap()
    }

    fn response(status: u16, fields: &[(&'static str, &'static str)]) -> Response {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for &(name, value) in fields {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        response
    }

    fn lifetime(
        policy: &Policy,
        status: u16,
        fields: &[(&'static str, &'static str)],
    ) -> Option<Lifetime> {
        let response = response(status, fields);
        policy.lifetime(
            &HeaderMap::new(),
            &response,
            Duration::ZERO,
            SystemTime::now(),
        )
    }

    fn fresh(fields: &[(&'static str, &'static str)]) -> Option<u64> {
        lifetime(&policy(|_| {}), 200, fields).map(|lifetime| lifetime.fresh.as_secs())
    }

    #[test]
    fn how_long() {
        assert_eq!(fresh(&[("cache-control", "max-age=60")]), Some(60));
        assert_eq!(fresh(&[("cache-control", "max-age=9999")]), Some(300));
        assert_eq!(
            fresh(&[("cache-control", "max-age=60"), ("age", "50")]),
            Some(10)
        );
        assert_eq!(
            fresh(&[("cache-control", "max-age=60"), ("expires", "0")]),
            Some(60)
        );
        let dates = [
            ("date", "Thu, 01 Jan 2099 00:00:00 GMT"),
            ("expires", "Thu, 01 Jan 2099 00:01:00 GMT"),
        ];
        assert_eq!(fresh(&dates), Some(60));
        assert_eq!(fresh(&[("expires", "0"), ("etag", "\"a\"")]), Some(0));
    }

    #[test]
    fn what_is_not_stored() {
        for fields in [
            &[][..],
            &[("cache-control", "no-store, max-age=60")],
            &[("cache-control", "private, max-age=60")],
            &[("cache-control", "max-age=60"), ("set-cookie", "a=b")],
            &[("cache-control", "max-age=60"), ("vary", "accept, *")],
            &[("cache-control", "max-age=0")],
            &[("etag", "\"a\"")],
        ] {
            assert_eq!(fresh(fields), None, "{fields:?}");
        }
        let policy = policy(|config| config.excluded_response_codes = "404, 500-599".to_owned());
        let fields = [("cache-control", "max-age=60")];
        for (status, stored) in [
            (200, true),
            (302, true),
            (404, false),
            (503, false),
            (206, false),
            (599, false),
        ] {
            assert_eq!(
                lifetime(&policy, status, &fields).is_some(),
                stored,
                "{status}"
            );
        }
    }

    #[test]
    fn credentials() {
        let policy = policy(|_| {});
        let asked = HeaderMap::from_iter([(header::AUTHORIZATION, "Basic x".parse().unwrap())]);
        for (value, stored) in [
            ("max-age=60", false),
            ("max-age=60, public", true),
            ("s-maxage=60", true),
        ] {
            let response = response(200, &[("cache-control", value)]);
            let lifetime = policy.lifetime(&asked, &response, Duration::ZERO, SystemTime::now());
            assert_eq!(lifetime.is_some(), stored, "{value}");
        }
    }

    #[test]
    fn statuses_without_a_word_of_their_age() {
        let policy = policy(|config| config.default_ttl = 10);
        assert_eq!(lifetime(&policy, 200, &[]).unwrap().fresh, 10 * SECOND);
        assert_eq!(lifetime(&policy, 302, &[]), None);
        assert_eq!(
            lifetime(&policy, 200, &[("cache-control", "max-age=0")]),
            None
        );
    }

    #[test]
    fn stale_answers() {
        let policy = policy(|config| config.max_stale = 20);
        let fields = [(
            "cache-control",
            "max-age=10, stale-while-revalidate=5, stale-if-error=30",
        )];
        let lifetime = lifetime(&policy, 200, &fields).unwrap();
        let usable = |since: u32, asked: Asked| policy.usable(&lifetime, since * SECOND, &asked);
        let any = Asked::default();
        assert_eq!(usable(9, any), Use::Fresh);
        assert_eq!(usable(11, any), Use::WhileRevalidating);
        assert_eq!(usable(15, any), Use::Ask);
        assert_eq!(
            usable(
                1,
                Asked {
                    no_cache: true,
                    ..any
                }
            ),
            Use::Ask
        );
        assert_eq!(
            usable(
                5,
                Asked {
                    max_age: Some(3 * SECOND),
                    ..any
                }
            ),
            Use::Ask
        );
        assert_eq!(
            usable(
                5,
                Asked {
                    min_fresh: Some(6 * SECOND),
                    ..any
                }
            ),
            Use::Ask
        );
        let takes_any = Asked {
            max_stale: Some(Duration::MAX),
            ..any
        };
        assert_eq!(usable(25, takes_any), Use::Accepted);
        assert_eq!(usable(31, takes_any), Use::Ask);
        assert!(policy.on_error(&lifetime, 39 * SECOND, &any));
        assert!(!policy.on_error(&lifetime, 41 * SECOND, &any));
    }

    #[test]
    fn strict_answers_are_never_stale() {
        let policy = policy(|config| {
            config.max_stale = 20;
            config.stale_while_revalidate = 20;
            config.stale_if_error = 20;
        });
        for value in [
            "max-age=10, must-revalidate",
            "s-maxage=10",
            "max-age=10, no-cache",
        ] {
            let fields = [("cache-control", value), ("etag", "\"a\"")];
            let lifetime = lifetime(&policy, 200, &fields).unwrap();
            let asked = Asked {
                max_stale: Some(Duration::MAX),
                ..Asked::default()
            };
            assert_eq!(
                policy.usable(&lifetime, 11 * SECOND, &asked),
                Use::Ask,
                "{value}"
            );
            assert!(!policy.on_error(&lifetime, 11 * SECOND, &asked), "{value}");
        }
    }
}
