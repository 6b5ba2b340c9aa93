//! Credentials in requests, for middlewares that take a secret from a client: found, taken out, kept out of what is
//! logged, and what the service is told of their owner.

use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::http::{Body, Request, Response, forwarded};
use crate::observe::Record;
use crate::types::query;

/// What a request has in one place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    One(Vec<u8>),
    /// Nobody may guess which of them a service will take.
    Several,
}

impl Found {
    fn of(mut found: impl Iterator<Item = Vec<u8>>) -> Self {
        match (found.next(), found.next()) {
            (None, _) => Self::Nothing,
            (Some(only), None) => Self::One(only),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

/// One place where a client may put a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A header; with a scheme before the secret, where there is one (RFC 9110 section 11.4).
    Header(HeaderName, Option<Box<str>>),
    /// A query parameter.
    Query(Box<str>),
    /// A cookie.
    Cookie(Box<str>),
}

impl Place {
    /// What the request has there.
    pub(super) fn find(&self, request: &Request) -> Found {
        match self {
            Self::Header(name, scheme) => {
                let mut all = request.headers.get_all(name).into_iter();
                let found = match (all.next(), all.next()) {
                    (Some(only), None) => only.as_bytes(),
                    (None, _) => return Found::Nothing,
                    (Some(_), Some(_)) => return Found::Several,
                };
                let secret = match scheme {
                    Some(scheme) => behind(scheme, found),
                    None => Some(found),
                };
                secret.map_or(Found::Nothing, |secret| Found::One(secret.to_vec()))
            }
            Self::Query(name) => {
                let query = request.target.query().unwrap_or_default();
                Found::of(query::values(query, name).map(String::into_bytes))
            }
            Self::Cookie(name) => Found::of(
                cookies(&request.headers)
                    .filter(|pair| cookie_name(pair) == name.as_bytes())
                    .map(|pair| cookie_value(pair).to_vec()),
            ),
        }
    }

    /// Takes it from the request. A header with another scheme is not ours and stays.
    pub(super) fn take(&self, request: &mut Request) {
        match self {
            Self::Header(name, scheme) => {
                let first = request.headers.get(name).map(HeaderValue::as_bytes);
                let ours = |scheme| first.is_some_and(|value| behind(scheme, value).is_some());
                if scheme.as_deref().is_none_or(ours) {
                    forwarded::remove_aliases(&mut request.headers, name);
                }
            }
            Self::Query(name) => {
                let query = request.target.query().unwrap_or_default();
                if query::values(query, name).next().is_some() {
                    let rest = query::without(query, name);
                    request.target.set_query(rest.as_deref());
                }
            }
            Self::Cookie(name) => take_cookie(&mut request.headers, name),
        }
    }

    /// Keeps it out of access log and metrics.
    pub(super) fn hide(&self, record: &mut Record) {
        match self {
            Self::Header(name, _) => record.hide_header(name),
            Self::Query(name) => record.hide_query(name),
            Self::Cookie(_) => record.hide_header(&header::COOKIE),
        }
    }
}

/// What follows the scheme; `None` where it is another one.
fn behind<'a>(scheme: &str, value: &'a [u8]) -> Option<&'a [u8]> {
    let (found, rest) = value.split_at_checked(scheme.len())?;
    let rest = rest.strip_prefix(b" ")?;
    found
        .eq_ignore_ascii_case(scheme.as_bytes())
        .then(|| rest.trim_ascii_start())
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    lines
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b';'))
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
}

fn cookie_name(pair: &[u8]) -> &[u8] {
    let name = pair.split(|&byte| byte == b'=').next();
    name.unwrap_or_default().trim_ascii_end()
}

fn cookie_value(pair: &[u8]) -> &[u8] {
    let start = memchr::memchr(b'=', pair).map_or(pair.len(), |at| at + 1);
    let value = pair.get(start..).unwrap_or_default().trim_ascii();
    let bare = value.strip_prefix(b"\"");
    bare.and_then(|bare| bare.strip_suffix(b"\""))
        .unwrap_or(value)
}

fn take_cookie(headers: &mut HeaderMap, name: &str) {
    let is_it = |pair: &&[u8]| cookie_name(pair) == name.as_bytes();
    if !cookies(headers).any(|pair| is_it(&pair)) {
        return;
    }
    let kept: Vec<&[u8]> = cookies(headers).filter(|pair| !is_it(pair)).collect();
    match HeaderValue::from_bytes(&kept.join(&b"; "[..])) {
        Ok(line) if !kept.is_empty() => {
            headers.insert(header::COOKIE, line);
        }
        _ => {
            headers.remove(header::COOKIE);
        }
    }
}

/// A header of an option, and whether a middleware may write it at all.
pub(super) fn field(option: &str, name: &str) -> Result<HeaderName, String> {
    const OURS: [&str; 8] = [
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "keep-alive",
    ];
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(found) if OURS.contains(&found.as_str()) => Err(format!(
            "{option}: {name} belongs to the connection; name another header"
        )),
        Ok(found) => Ok(found),
        Err(_) => Err(format!("{option}: {name:?} is no header name")),
    }
}

/// Tells the service something in a header that clients may not say, in whatever spelling; nothing is told with `None`.
pub(super) fn vouch(headers: &mut HeaderMap, name: &HeaderName, value: Option<HeaderValue>) {
    forwarded::remove_aliases(headers, name);
    if let Some(value) = value {
        headers.insert(name, value);
    }
}

/// An answer with that challenge (RFC 9110 section 11.6.1), none where it is empty.
pub(super) fn refusal(status: StatusCode, challenge: &str) -> Response {
    let text = format!("{status}\n");
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    if let Ok(value) = HeaderValue::from_str(challenge)
        && !challenge.is_empty()
    {
        headers.insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::testing::request_with;

    fn one(text: &str) -> Found {
        Found::One(text.as_bytes().to_vec())
    }

    #[test]
    fn a_scheme_is_read_in_any_case_and_another_one_stays() {
        let place = Place::Header(header::AUTHORIZATION, Some("Bearer".into()));
        for (value, wanted) in [
            ("bearer  x", one("x")),
            ("Bearer x y", one("x y")),
            ("Bearer", Found::Nothing),
            ("Bearerx", Found::Nothing),
            ("Basic x", Found::Nothing),
        ] {
            let mut request = request_with("/", &[("authorization", value)]);
            let ours = wanted != Found::Nothing;
            assert_eq!(place.find(&request), wanted, "{value}");
            place.take(&mut request);
            assert_eq!(request.headers.contains_key("authorization"), !ours);
        }
        let twice = [("authorization", "Bearer x"), ("authorization", "Bearer x")];
        assert_eq!(place.find(&request_with("/", &twice)), Found::Several);
    }

    #[test]
    fn one_cookie_is_taken_out_of_all_lines() {
        let place = Place::Cookie("k".into());
        let fields = [("cookie", "a=1; k=\"x==\" ;b=2"), ("cookie", "kk=3")];
        let mut request = request_with("/", &fields);
        assert_eq!(place.find(&request), one("x=="));
        place.take(&mut request);
        assert_eq!(request.headers["cookie"], "a=1; b=2; kk=3");
        let mut alone = request_with("/", &[("cookie", "k=1; k=2")]);
        assert_eq!(place.find(&alone), Found::Several);
        place.take(&mut alone);
        assert!(!alone.headers.contains_key("cookie"));
    }

    #[test]
    fn the_connections_headers_are_not_written() {
        assert!(field("forwardHeaders", "Host").is_err());
        assert!(field("forwardHeaders", "a b").is_err());
        assert!(field("forwardHeaders", "X-User").is_ok());
    }
}
