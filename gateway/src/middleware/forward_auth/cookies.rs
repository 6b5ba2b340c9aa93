//! Cookies of the service that was asked, on their way to the client.

use ::http::header::{self, HeaderMap, HeaderValue};

/// The cookies of an answer that are among `names`.
pub(super) fn named(answer: &HeaderMap, names: &[Box<str>]) -> Vec<HeaderValue> {
    if names.is_empty() {
        return Vec::new();
    }
    let cookies = answer.get_all(header::SET_COOKIE).iter();
    cookies
        .filter(|cookie| is_named(cookie, names))
        .filter_map(|cookie| HeaderValue::from_bytes(&spaced(cookie.as_bytes())).ok())
        .collect()
}

/// Puts `cookies` in place of those of the server with the same `names`.
pub(super) fn replace(headers: &mut HeaderMap, names: &[Box<str>], cookies: Vec<HeaderValue>) {
    let theirs = headers.get_all(header::SET_COOKIE).iter();
    let kept: Vec<HeaderValue> = theirs
        .filter(|cookie| !is_named(cookie, names))
        .cloned()
        .collect();
    headers.remove(header::SET_COOKIE);
    for cookie in kept.into_iter().chain(cookies) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

fn is_named(cookie: &HeaderValue, names: &[Box<str>]) -> bool {
    let name = cookie.as_bytes().split(|&byte| byte == b'=').next();
    let name = name.unwrap_or_default().trim_ascii();
    names.iter().any(|known| known.as_bytes() == name)
}

/// With one space before each attribute, as Go writes them.
fn spaced(cookie: &[u8]) -> Vec<u8> {
    let parts = cookie.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
    let parts: Vec<&[u8]> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(&b"; "[..])
}
