//! The same-origin rule for calls from browsers.

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// Absent: allowed. Else the host it was sent to (`X-Forwarded-Host` from a trusted proxy) or a listed origin.
pub(super) fn is_allowed<'a>(
    headers: &HeaderMap,
    trusted: bool,
    mut listed: impl Iterator<Item = &'a str>,
) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let origin = origin.trim_end_matches('/');
    if listed
        .any(|allowed| allowed == "*" || allowed.trim_end_matches('/').eq_ignore_ascii_case(origin))
    {
        return origin != "null";
    }
    // "null" has no scheme, and is refused with everything else that is no origin.
    let Some((_, authority)) = origin.split_once("://") else {
        return false;
    };
    let text = |name: &http::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let forwarded = http::HeaderName::from_static("x-forwarded-host");
    let hosts = [text(&HOST), text(&forwarded).filter(|_| trusted)];
    hosts.into_iter().flatten().any(|host| {
        without_default_port(host).eq_ignore_ascii_case(without_default_port(authority))
    })
}

/// As [`is_allowed`], for what browsers send unasked: there has to be a page, and `*` names none.
pub(super) fn is_certain<'a>(
    headers: &HeaderMap,
    trusted: bool,
    listed: impl Iterator<Item = &'a str>,
) -> bool {
    // A page's own reads come without Origin; then its browser says whose page it is, and no page can make it lie.
    let own = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "same-origin");
    (headers.contains_key(ORIGIN) || own)
        && is_allowed(headers, trusted, listed.filter(|allowed| *allowed != "*"))
}

/// The scheme is not compared, so both default ports are dropped.
fn without_default_port(authority: &str) -> &str {
    let authority = authority.trim();
    authority
        .strip_suffix(":443")
        .or_else(|| authority.strip_suffix(":80"))
        .unwrap_or(authority)
}
