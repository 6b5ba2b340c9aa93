//! A stored answer, and what it becomes for one request: whole, without its body, a part of it, or "not modified"
//! (RFC 9110 sections 13 and 14).

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use bytes::Bytes;

use super::fill::Fill;
use super::policy::Lifetime;
use crate::http::{Body, Response};

/// What changes with the answer and is told of no other (RFC 9111 section 3.2), beside what a new answer brings itself.
const OF_THE_BODY: [HeaderName; 5] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    header::CONTENT_LANGUAGE,
    header::CONTENT_RANGE,
];

/// See the module.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Arc<Fill>,
    pub(super) lifetime: Lifetime,
    pub(super) stored: Instant,
}

/// What a client asks of an answer beside the answer: taken from its request before that is sent on.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    none_match: Vec<HeaderValue>,
    modified_since: Option<HeaderValue>,
    range: Option<HeaderValue>,
    if_range: Option<HeaderValue>,
    head: bool,
}

impl Conditions {
    /// Those of a request.
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let all = headers.get_all(header::IF_NONE_MATCH);
        Self {
            none_match: all.iter().cloned().collect(),
            modified_since: headers.get(header::IF_MODIFIED_SINCE).cloned(),
            range: headers.get(header::RANGE).cloned(),
            if_range: headers.get(header::IF_RANGE).cloned(),
            head: method == Method::HEAD,
        }
    }

    /// Takes them from a request whose answer is to be stored: it must be whole.
    pub(super) fn strip(headers: &mut HeaderMap) {
        for name in [
            header::IF_NONE_MATCH,
            header::IF_MODIFIED_SINCE,
            header::IF_MATCH,
            header::IF_UNMODIFIED_SINCE,
            header::RANGE,
            header::IF_RANGE,
        ] {
            headers.remove(name);
        }
    }

    /// Whether the client has this already.
    pub(super) fn met_by(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        if status != StatusCode::OK {
            return false;
        }
        if !self.none_match.is_empty() {
            let tag = headers.get(header::ETAG).map(|tag| weak(tag.as_bytes()));
            return self.none_match.iter().any(|list| {
                let list = list.as_bytes();
                list.trim_ascii() == b"*"
                    || tag.is_some_and(|tag| tags(list).any(|listed| weak(listed) == tag))
            });
        }
        let date = |value: &HeaderValue| httpdate::parse_http_date(value.to_str().ok()?).ok();
        let since = self.modified_since.as_ref().and_then(date);
        let modified = headers.get(header::LAST_MODIFIED).and_then(date);
        matches!((since, modified), (Some(since), Some(modified)) if modified <= since)
    }
}

impl Entry {
    /// Its age now.
    pub(super) fn age(&self) -> Duration {
        self.lifetime.age + self.stored.elapsed()
    }

    /// Seconds until it is stale; below zero since.
    pub(super) fn ttl(&self) -> i64 {
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        seconds(self.lifetime.fresh) - seconds(self.stored.elapsed())
    }

    /// Bytes in memory, about.
    pub(super) fn size(&self) -> u64 {
        let fields = self.headers.iter();
        let fields: usize = fields
            .map(|(name, value)| name.as_str().len() + value.len() + 64)
            .sum();
        let body = self.body.bytes().map_or(0, |bytes| bytes.len());
        (fields + body + size_of::<Self>() + size_of::<Fill>()) as u64
    }

    /// Asks the server whether it is still right.
    pub(super) fn validate(&self, headers: &mut HeaderMap) {
        let pairs = [
            (header::ETAG, header::IF_NONE_MATCH),
            (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE),
        ];
        for (from, to) in pairs {
            if let Some(value) = self.headers.get(from) {
                headers.insert(to, value.clone());
            }
        }
    }

    /// The fields it has after the server said that it is still right (RFC 9111 section 3.2).
    pub(super) fn refreshed(&self, news: &HeaderMap) -> HeaderMap {
        let mut headers = self.headers.clone();
        for name in news.keys() {
            if OF_THE_BODY.contains(name) {
                continue;
            }
            headers.remove(name);
            for value in news.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        if !news.contains_key(header::AGE) {
            headers.remove(header::AGE);
        }
        headers
    }

    /// It as the answer to a request.
    pub(super) fn answer(&self, conditions: &Conditions) -> Response {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        let age = HeaderValue::from(self.age().as_secs());
        response.headers_mut().insert(header::AGE, age);
        if conditions.met_by(self.status, &self.headers) {
            not_modified(&mut response);
        } else if conditions.head {
            self.say_length(response.headers_mut());
        } else if let Some((whole, part)) = self.part(conditions) {
            partial(&mut response, &whole, part);
        } else {
            *response.body_mut() = self.body.body();
        }
        response
    }

    fn say_length(&self, headers: &mut HeaderMap) {
        if let Some(bytes) = self.body.bytes() {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        }
    }

    /// The bytes of which the client wants a part, and which; a range that makes no sense is as if there were none, and
    /// so are several: a server need not answer them.
    fn part(&self, conditions: &Conditions) -> Option<(Bytes, Option<Range<usize>>)> {
        let range = conditions
            .range
            .as_ref()
            .filter(|_| self.status == StatusCode::OK)?;
        if let Some(condition) = &conditions.if_range {
            let name = match condition.as_bytes() {
                [b'"', ..] => header::ETAG,
                // Strong ones only.
                [b'W', ..] => return None,
                _ => header::LAST_MODIFIED,
            };
            if self.headers.get(name) != Some(condition) {
                return None;
            }
        }
        let bytes = self.body.bytes()?;
        let part = parse_range(range.to_str().ok()?, bytes.len())?;
        Some((bytes, part))
    }
}

/// Makes it say that the client has it.
pub(super) fn not_modified(response: &mut Response) {
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.body_mut() = Body::Empty;
    for name in OF_THE_BODY {
        response.headers_mut().remove(name);
    }
}

fn partial(response: &mut Response, whole: &Bytes, part: Option<Range<usize>>) {
    let all = whole.len();
    let (status, range) = match &part {
        Some(part) => {
            let range = format!("bytes {}-{}/{all}", part.start, part.end - 1);
            (StatusCode::PARTIAL_CONTENT, range)
        }
        None => (StatusCode::RANGE_NOT_SATISFIABLE, format!("bytes */{all}")),
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    if let Ok(range) = HeaderValue::try_from(range) {
        headers.insert(header::CONTENT_RANGE, range);
    }
    if let Some(part) = part {
        *response.body_mut() = Body::Full(whole.slice(part));
    }
}

/// One range of `length` bytes (RFC 9110 section 14.1.2). `Some(None)` where nothing of it is there, `None` where it is
/// no single range of bytes.
fn parse_range(text: &str, length: usize) -> Option<Option<Range<usize>>> {
    let (unit, range) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || range.contains(',') {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let number = |text: &str| -> Option<usize> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(usize::MAX))
    };
    if first.is_empty() {
        let last = number(last)?.min(length);
        return Some((last > 0).then(|| length - last..length));
    }
    let first = number(first)?;
    let end = match last {
        "" => length,
        last => match number(last)? {
            last if last < first => return None,
            last => last.saturating_add(1).min(length),
        },
    };
    Some((first < end).then_some(first..end))
}

/// An entity tag without the mark that it is weak: clients that have either have the same.
fn weak(tag: &[u8]) -> &[u8] {
    let tag = tag.trim_ascii();
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// The tags of a list. One may hold a comma.
fn tags(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    list.split(move |byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ranges() {
        for (text, wanted) in [
            ("bytes=0-3", Some(Some(0..4))),
            ("Bytes=2-", Some(Some(2..10))),
            ("bytes=-3", Some(Some(7..10))),
            ("bytes=-99", Some(Some(0..10))),
            ("bytes=5-99999999999999999999", Some(Some(5..10))),
            ("bytes=10-", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=4-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=+1-2", None),
            ("bytes=", None),
            ("lines=0-3", None),
        ] {
            assert_eq!(parse_range(text, 10), wanted, "{text}");
        }
    }

    #[test]
    fn conditions() {
        let stored: HeaderMap = HeaderMap::from_iter([
            (header::ETAG, "\"a,b\"".parse().unwrap()),
            (
                header::LAST_MODIFIED,
                "Thu, 01 Jan 2026 00:00:00 GMT".parse().unwrap(),
            ),
        ]);
        let met = |name: HeaderName, value: &str| {
            let asked = HeaderMap::from_iter([(name, value.parse().unwrap())]);
            Conditions::of(&Method::GET, &asked).met_by(StatusCode::OK, &stored)
        };
        assert!(met(header::IF_NONE_MATCH, "\"x\", W/\"a,b\""));
        assert!(met(header::IF_NONE_MATCH, "*"));
        assert!(!met(header::IF_NONE_MATCH, "\"a\""));
        assert!(met(
            header::IF_MODIFIED_SINCE,
            "Thu, 01 Jan 2026 00:00:00 GMT"
        ));
        assert!(!met(
            header::IF_MODIFIED_SINCE,
            "Wed, 31 Dec 2025 23:59:59 GMT"
        ));
        assert!(!met(header::IF_MODIFIED_SINCE, "yesterday"));
    }
}
