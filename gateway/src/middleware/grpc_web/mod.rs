//! `grpcWeb`: lets browsers speak to gRPC services: gRPC-Web in, gRPC out, trailers at the end of the body.

mod body;
mod cors;
#[cfg(test)]
mod tests;

use ::http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use self::cors::Origins;
use super::filter::{Act, Step};
use crate::config::dynamic::GrpcWeb as Config;
use crate::http::{Context, Request, Response};

const GRPC: &str = "application/grpc";
const WEB: &str = "application/grpc-web";
const WEB_TEXT: &str = "application/grpc-web-text";

/// See the module.
#[derive(Debug)]
pub struct GrpcWeb {
    origins: Origins,
}

/// What the answer must know of its request.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Bodies are base64: such clients cannot read bytes.
    text: bool,
    /// Where it came from, if it may.
    origin: Option<HeaderValue>,
}

impl GrpcWeb {
    /// Nothing of it can be wrong.
    pub fn new(config: &Config) -> Result<Self, String> {
        Ok(Self {
            origins: Origins::new(&config.allow_origins),
        })
    }
}

/// The type with another name in front; what follows stays, as in `+proto`.
fn retyped(value: &HeaderValue, from: &str, to: &str) -> Option<HeaderValue> {
    let rest = value.as_bytes().strip_prefix(from.as_bytes())?;
    HeaderValue::from_bytes(&[to.as_bytes(), rest].concat()).ok()
}

/// gRPC-Web's name of a request's type.
fn web_type(headers: &HeaderMap) -> Option<&'static str> {
    let value = headers.get(header::CONTENT_TYPE)?.as_bytes();
    [WEB_TEXT, WEB]
        .into_iter()
        .find(|web| value.starts_with(web.as_bytes()))
}

impl Act for GrpcWeb {
    type Memo = Asked;

    fn request<'a>(&'a self, _: &'a mut Context, request: &'a mut Request) -> Step<'a, Asked> {
        if request.method == Method::OPTIONS && cors::is_preflight(&request.headers) {
            return Step::answer(self.origins.preflight(&request.headers));
        }
        let Some(web) = web_type(&request.headers).filter(|_| request.method == Method::POST)
        else {
            return Step::NEXT;
        };
        let headers = &mut request.headers;
        let value = headers.get(header::CONTENT_TYPE);
        if let Some(value) = value.and_then(|value| retyped(value, web, GRPC)) {
            headers.insert(header::CONTENT_TYPE, value);
        }
        headers.remove(header::CONTENT_LENGTH);
        let text = web == WEB_TEXT;
        if text {
            let encoded = std::mem::take(&mut request.body);
            request.body = body::decoded(encoded);
        }
        let origin = self.origins.allowed(&request.headers).cloned();
        Step::keep(Asked { text, origin })
    }

    fn response(&self, _: &Context, memo: Option<Asked>, response: &mut Response) {
        let Some(asked) = memo else {
            return;
        };
        let bodiless = matches!(
            response.status(),
            StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
        let headers = response.headers_mut();
        headers.remove(header::TRAILER);
        let web = if asked.text { WEB_TEXT } else { WEB };
        let value = headers.get(header::CONTENT_TYPE);
        if let Some(value) = value.and_then(|value| retyped(value, GRPC, web)) {
            headers.insert(header::CONTENT_TYPE, value);
        }
        cors::tell(headers, asked.origin);
        if bodiless {
            return;
        }
        headers.remove(header::CONTENT_LENGTH);
        let body = std::mem::take(response.body_mut());
        *response.body_mut() = body::with_trailers(body, asked.text);
    }
}
