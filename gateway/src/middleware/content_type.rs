//! `contentType`: names the type of answers that have none, from their first bytes.

use std::sync::Arc;

use ::http::{HeaderValue, header};

use super::build::Site;
use super::chain::Chain;
use super::wrapper::Wrap;
use crate::config::dynamic::ContentType as Config;
use crate::http::{Context, HandlerFuture, ProxyError, Request, Response, peek, sniff};

/// See the module.
#[derive(Debug)]
pub struct ContentType {
    detect: bool,
}

impl ContentType {
    /// `autoDetect: false`, which is deprecated, makes it do nothing.
    pub fn new(config: &Config, _: &mut Site<'_>) -> Result<Self, String> {
        if config.auto_detect.is_some() {
            tracing::warn!(
                "`autoDetect` is deprecated: contentType is there to detect; please remove the option"
            );
        }
        Ok(Self {
            detect: config.auto_detect.unwrap_or(true),
        })
    }
}

/// Looks at the first bytes of `response` where it names no type.
async fn name_type(mut response: Response) -> Result<Response, ProxyError> {
    if response.headers().contains_key(header::CONTENT_TYPE)
        || response.headers().contains_key(header::CONTENT_ENCODING)
        || response.body().is_empty()
    {
        return Ok(response);
    }
    let body = std::mem::take(response.body_mut());
    let (first, body) = peek(body).await?;
    *response.body_mut() = body;
    if first.is_empty() {
        return Ok(response);
    }
    let found = sniff::media_type(&first);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(found));
    Ok(response)
}

impl Wrap for ContentType {
    fn handle<'a>(
        &'a self,
        cx: &'a mut Context,
        request: Request,
        rest: &'a Arc<Chain>,
    ) -> HandlerFuture<'a> {
        Box::pin(async move {
            let response = rest.run(cx, request).await?;
            if self.detect {
                return name_type(response).await;
            }
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::Body;

    #[tokio::test]
    async fn only_what_has_a_body_and_no_type() {
        for (body, given, named) in [
            (Body::from("<html>"), None, Some("text/html; charset=utf-8")),
            (Body::from("x"), Some("a/b"), Some("a/b")),
            (Body::Empty, None, None),
        ] {
            let mut response = Response::new(body);
            if let Some(given) = given {
                let value = HeaderValue::from_static(given);
                response.headers_mut().insert(header::CONTENT_TYPE, value);
            }
            let response = name_type(response).await.unwrap();
            let found = response.headers().get(header::CONTENT_TYPE);
            assert_eq!(found.map(HeaderValue::as_bytes), named.map(str::as_bytes));
        }
    }
}
