//! The stream test page, served to whoever may debug (spec section 8).

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};

use super::Response;
use super::answer::{ApiError, bytes};

/// Scripts and styles of its own only; sockets and calls to wherever the user points it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self' http: https: ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Name, content type, content.
const FILES: [(&str, &str, &str); 6] = [
    (
        "index.html",
        "text/html; charset=utf-8",
        include_str!("../../web/index.html"),
    ),
    (
        "style.css",
        "text/css; charset=utf-8",
        include_str!("../../web/style.css"),
    ),
    (
        "client.js",
        "text/javascript; charset=utf-8",
        include_str!("../../web/client.js"),
    ),
    (
        "page.js",
        "text/javascript; charset=utf-8",
        include_str!("../../web/page.js"),
    ),
    (
        "log.js",
        "text/javascript; charset=utf-8",
        include_str!("../../web/log.js"),
    ),
    (
        "panels.js",
        "text/javascript; charset=utf-8",
        include_str!("../../web/panels.js"),
    ),
];

/// One of the page's files; none is the page itself.
pub(super) fn file(name: Option<&str>) -> Result<Response, ApiError> {
    let name = name.unwrap_or("index.html");
    let file = FILES.into_iter().find(|(known, ..)| *known == name);
    let (_, kind, content) = file.ok_or_else(ApiError::not_found)?;
    let mut response = bytes(StatusCode::OK, kind, content);
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(CACHE_CONTROL, "no-cache");
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    Ok(response)
}
