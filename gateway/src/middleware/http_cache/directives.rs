//! `Cache-Control` of requests and answers (RFC 9111 section 5.2), with the extensions of RFC 5861.

use std::time::Duration;

use ::http::{HeaderMap, header};

/// A number too large for its type counts as this (RFC 9111 section 1.2.2).
const FOREVER: u64 = 1 << 31;

/// What a client asks of a cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) no_store: bool,
    pub(super) no_cache: bool,
    pub(super) only_if_cached: bool,
    pub(super) max_age: Option<Duration>,
    pub(super) min_fresh: Option<Duration>,
    /// How stale an answer may be; any age is the longest there is.
    pub(super) max_stale: Option<Duration>,
    pub(super) stale_if_error: Option<Duration>,
}

/// What a server allows a shared cache. Directives that name fields count as if they named none: that is always allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) no_store: bool,
    pub(super) private: bool,
    pub(super) no_cache: bool,
    /// `must-revalidate` or `proxy-revalidate`.
    pub(super) must_revalidate: bool,
    /// `s-maxage` is there.
    pub(super) shared: bool,
    /// Answers to requests with `Authorization` may be shared.
    pub(super) shareable: bool,
    /// `s-maxage`, else `max-age`. One that is no number is zero: stale, as section 4.2.1 has it.
    pub(super) max_age: Option<Duration>,
    pub(super) stale_while_revalidate: Option<Duration>,
    pub(super) stale_if_error: Option<Duration>,
}

impl Asked {
    /// What these fields ask. `Pragma` counts where there is no `Cache-Control`.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut asked = Self::default();
        if !headers.contains_key(header::CACHE_CONTROL) {
            let pragma = headers.get(header::PRAGMA);
            asked.no_cache = pragma.is_some_and(|value| {
                let value = value.as_bytes().to_ascii_lowercase();
                value.windows(8).any(|part| part == b"no-cache")
            });
            return asked;
        }
        each(headers, |name, value| match name {
            "no-store" => asked.no_store = true,
            "no-cache" => asked.no_cache = true,
            "only-if-cached" => asked.only_if_cached = true,
            "max-age" => asked.max_age = Some(seconds(value)),
            "min-fresh" => asked.min_fresh = Some(seconds(value)),
            "max-stale" => {
                asked.max_stale = Some(value.map_or(Duration::MAX, |value| seconds(Some(value))));
            }
            "stale-if-error" => asked.stale_if_error = Some(seconds(value)),
            _ => {}
        });
        asked
    }
}

impl Allowed {
    /// What these fields allow.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut allowed = Self::default();
        let (mut max_age, mut shared) = (None, None);
        each(headers, |name, value| match name {
            "no-store" => allowed.no_store = true,
            "private" => allowed.private = true,
            "no-cache" => allowed.no_cache = true,
            "public" | "must-revalidate" => {
                allowed.must_revalidate |= name == "must-revalidate";
                allowed.shareable = true;
            }
            "proxy-revalidate" => allowed.must_revalidate = true,
            // Where one comes twice, the shorter counts.
            "max-age" => max_age = least(max_age, seconds(value)),
            "s-maxage" => {
                allowed.shared = true;
                allowed.shareable = true;
                shared = least(shared, seconds(value));
            }
            "stale-while-revalidate" => allowed.stale_while_revalidate = Some(seconds(value)),
            "stale-if-error" => allowed.stale_if_error = Some(seconds(value)),
            _ => {}
        });
        allowed.max_age = shared.or(max_age);
        allowed
    }
}

fn least(known: Option<Duration>, other: Duration) -> Option<Duration> {
    Some(known.map_or(other, |known| known.min(other)))
}

/// Whole seconds; zero where it is no number.
fn seconds(value: Option<&str>) -> Duration {
    let value = value.unwrap_or_default().trim();
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Duration::ZERO;
    }
    Duration::from_secs(value.parse().unwrap_or(FOREVER).min(FOREVER))
}

/// Calls `take` with each directive, its name in lower case, its value without quotes.
fn each(headers: &HeaderMap, mut take: impl FnMut(&str, Option<&str>)) {
    for field in headers.get_all(header::CACHE_CONTROL) {
        let Ok(mut rest) = field.to_str() else {
            continue;
        };
        while !rest.is_empty() {
            let end = member_end(rest);
            let (member, after) = rest.split_at(end);
            rest = after.strip_prefix(',').unwrap_or(after);
            let (name, value) = match member.split_once('=') {
                Some((name, value)) => (name, Some(value.trim().trim_matches('"'))),
                None => (member, None),
            };
            let name = name.trim().to_ascii_lowercase();
            if !name.is_empty() {
                take(&name, value);
            }
        }
    }
}

/// Where the first member ends: at a comma that stands in no quotes.
fn member_end(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return index,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fields(values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| value.parse().unwrap());
        values.map(|value| (header::CACHE_CONTROL, value)).collect()
    }

    const fn secs(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn answers() {
        let allowed = |value: &str| Allowed::of(&fields(&[value]));
        assert_eq!(allowed("max-age=60").max_age, secs(60));
        assert_eq!(allowed("Max-Age=\"60\" , public").max_age, secs(60));
        assert_eq!(allowed("max-age=60, s-maxage=5").max_age, secs(5));
        assert_eq!(allowed("s-maxage=5,max-age=60").max_age, secs(5));
        assert_eq!(allowed("max-age=60, max-age=5").max_age, secs(5));
        for none in [
            "max-age=",
            "max-age=-1",
            "max-age=1.5",
            "max-age=x",
            "max-age",
        ] {
            assert_eq!(allowed(none).max_age, secs(0), "{none}");
        }
        assert_eq!(
            allowed("max-age=99999999999999999999").max_age,
            secs(1 << 31)
        );
        assert_eq!(allowed("no-cache").max_age, None);
        assert!(allowed("private=\"set-cookie, x-max-age\"").private);
        assert_eq!(allowed("private=\"a, max-age=7\"").max_age, None);
        assert!(!allowed("x=\"\\\", no-store\"").no_store);
        let split = Allowed::of(&fields(&["no-store", "max-age=1"]));
        assert!(split.no_store && split.max_age == secs(1));
        let stale = allowed("max-age=1, stale-while-revalidate=30, stale-if-error=60");
        assert_eq!(stale.stale_while_revalidate, secs(30));
        assert_eq!(stale.stale_if_error, secs(60));
    }

    #[test]
    fn requests() {
        let asked = |value: &str| Asked::of(&fields(&[value]));
        assert_eq!(asked("max-stale").max_stale, Some(Duration::MAX));
        assert_eq!(asked("max-stale=5").max_stale, secs(5));
        assert!(asked("only-if-cached").only_if_cached);
        let pragma = HeaderMap::from_iter([(header::PRAGMA, "No-Cache".parse().unwrap())]);
        assert!(Asked::of(&pragma).no_cache);
        let mut both = fields(&["max-age=5"]);
        both.insert(header::PRAGMA, "no-cache".parse().unwrap());
        assert!(!Asked::of(&both).no_cache);
    }
}
