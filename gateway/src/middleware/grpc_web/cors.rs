//! Which pages may ask (Fetch standard, section 3.2). Every method of gRPC-Web is a POST that is asked for first.

use ::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::http::{Body, Response, hop};

const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// Methods that may be asked for: the simple ones.
const METHODS: [&str; 3] = ["GET", "HEAD", "POST"];

/// Origins that may ask.
#[derive(Debug)]
pub(super) struct Origins {
    any: bool,
    listed: Box<[Box<str>]>,
}

impl Origins {
    pub(super) fn new(configured: &[String]) -> Self {
        Self {
            any: configured.iter().any(|origin| origin == "*"),
            listed: configured
                .iter()
                .map(|origin| origin.as_str().into())
                .collect(),
        }
    }

    /// The request's origin, if it may ask.
    pub(super) fn allowed<'h>(&self, headers: &'h HeaderMap) -> Option<&'h HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let listed = || {
            let mut listed = self.listed.iter();
            listed.any(|listed| listed.as_bytes() == origin.as_bytes())
        };
        (!origin.is_empty() && (self.any || listed())).then_some(origin)
    }

    /// The answer to a preflight.
    pub(super) fn preflight(&self, asked: &HeaderMap) -> Response {
        let mut response = Response::new(Body::Empty);
        let headers = response.headers_mut();
        for name in [
            "Origin",
            "Access-Control-Request-Method",
            "Access-Control-Request-Headers",
        ] {
            headers.append(header::VARY, HeaderValue::from_static(name));
        }
        let method = asked.get(header::ACCESS_CONTROL_REQUEST_METHOD);
        let method = method.filter(|method| METHODS.iter().any(|known| *method == known));
        let (Some(origin), Some(method)) = (self.allowed(asked), method) else {
            return response;
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        if let Some(names) = requested(asked) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        response
    }
}

/// Whether a request with this head asks whether a call of gRPC-Web may follow.
pub(super) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && hop::has_token(
            headers,
            &header::ACCESS_CONTROL_REQUEST_HEADERS,
            "x-grpc-web",
        )
}

/// The fields that are asked for, as Go writes names.
fn requested(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut names = String::new();
    for name in hop::tokens(headers, &header::ACCESS_CONTROL_REQUEST_HEADERS) {
        if !names.is_empty() {
            names.push_str(", ");
        }
        let mut first = true;
        for c in name.chars() {
            names.push(match first {
                true => c.to_ascii_uppercase(),
                false => c.to_ascii_lowercase(),
            });
            first = c == '-';
        }
    }
    HeaderValue::try_from(names).ok()
}

/// Tells the page's script that it may read the answer, and which fields of it.
pub(super) fn tell(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
    }
    let names = headers.keys().map(HeaderName::as_str);
    let names: Vec<&str> = names.chain(["grpc-status", "grpc-message"]).collect();
    if let Ok(names) = HeaderValue::try_from(names.join(", ")) {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, names);
    }
}
