//! The dashboard: a page that reads the API. It is embedded and asks nobody else for anything.

use ::http::{HeaderValue, Method, StatusCode, header};

use crate::http::{Body, Context, Handler, HandlerFuture, Request, Response};
use crate::router::http::not_found;

const PAGE: &str = include_str!("../../web/index.html");
const SCRIPT: &str = include_str!("../../web/dashboard.js");
const STYLE: &str = include_str!("../../web/dashboard.css");
/// Nothing from elsewhere, nothing inline, nobody's frame but our own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// `dashboard@internal`: the page without its prefix, as the router of `api.insecure` strips it, or with it.
#[derive(Debug)]
pub struct Dashboard {
    /// `api.basePath` without a slash at its end.
    base: String,
}

impl Dashboard {
    /// `base` is `api.basePath`.
    pub fn new(base: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
        }
    }
}

impl Handler for Dashboard {
    fn handle<'a>(&'a self, _cx: &'a mut Context, request: Request) -> HandlerFuture<'a> {
        let path = request.target.path();
        let below = path
            .strip_prefix(self.base.as_str())
            .and_then(|rest| rest.strip_prefix("/dashboard"))
            .filter(|rest| rest.starts_with('/'));
        let response = file(&request.method, below.unwrap_or(path)).unwrap_or_else(not_found);
        Box::pin(std::future::ready(Ok(response)))
    }
}

/// A file of the dashboard by its path below `/dashboard`; `None` where there is none.
pub(super) fn file(method: &Method, path: &str) -> Option<Response> {
    let (text, kind) = match path {
        "/" | "" | "/index.html" => (PAGE, "text/html; charset=utf-8"),
        "/dashboard.js" => (SCRIPT, "text/javascript; charset=utf-8"),
        "/dashboard.css" => (STYLE, "text/css; charset=utf-8"),
        _ => return None,
    };
    if method != Method::GET && method != Method::HEAD {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        return Some(response);
    }
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}
