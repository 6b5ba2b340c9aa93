//! The answer that lets nobody pass: what the client gets of it.

use ::http::header::{self, HeaderValue};
use ::http::{Method, StatusCode};

use super::{ForwardAuth, status};
use crate::http::{Body, Request, Response, hop, location};

impl ForwardAuth {
    /// The client's answer where the service that was asked said no, or sends it elsewhere.
    pub(super) fn passed_on(&self, request: &Request, mut answer: Response) -> Response {
        if let Some(url) = &self.sign_in
            && answer.status() == StatusCode::UNAUTHORIZED
        {
            return sign_in(request, url);
        }
        hop::strip(answer.headers_mut(), false, false);
        let named = answer.headers().get(header::LOCATION);
        let Some(named) = named.filter(|named| !named.is_empty()) else {
            return answer;
        };
        let text = named.to_str().unwrap_or("\0");
        let resolved = match self.keep_location {
            true => location(text),
            false => self.address.resolve(text),
        };
        match resolved.map(HeaderValue::try_from) {
            Some(Ok(resolved)) => {
                answer.headers_mut().insert(header::LOCATION, resolved);
                answer
            }
            _ => {
                tracing::debug!(location = ?named, address = %self.address, "a redirection leads to no URL");
                status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

/// Go's `http.Redirect`.
fn sign_in(request: &Request, url: &str) -> Response {
    let end = url.find([':', '/', '?', '#']);
    let absolute = url.starts_with('/') || end.is_some_and(|end| url[end..].starts_with(':'));
    let whole = if absolute {
        url.to_owned()
    } else {
        let path = request.target.path();
        let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
        [folder, url].concat()
    };
    let mut response = status(StatusCode::FOUND);
    if matches!(request.method, Method::GET | Method::HEAD) {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, html);
    }
    if request.method == Method::GET {
        let shown = escape(&whole);
        *response.body_mut() = Body::from(["<a href=\"", &shown, "\">Found</a>.\n\n"].concat());
    }
    if let Ok(value) = HeaderValue::try_from(whole) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}
