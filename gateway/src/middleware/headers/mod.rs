//! `headers`: own fields of requests and answers, CORS, security fields.

mod cors;
mod custom;
mod secure;
#[cfg(test)]
mod tests;

use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use self::cors::Cors;
use self::custom::Custom;
use self::secure::{Nonce, Secure};
use super::filter::{Act, Step};
use crate::config::dynamic::Headers as Config;
use crate::http::{Context, Request, Response};

/// See the module.
pub struct Headers {
    custom: Custom,
    cors: Option<Cors>,
    secure: Option<Secure>,
}

/// What the answer depends on.
#[derive(Default)]
pub(crate) struct Memo {
    /// `Access-Control-Allow-Origin`.
    origin: Option<HeaderValue>,
    /// A header said that the client used TLS.
    proxied_tls: bool,
    /// What stands for `$NONCE` in a policy.
    nonce: Option<Nonce>,
}

impl Headers {
    /// Every name, value and expression is checked here.
    pub fn new(config: &Config) -> Result<Self, String> {
        let custom = Custom::new(config)?;
        let cors = Cors::new(config)?;
        let secure = Secure::new(config)?;
        if custom.is_empty() && cors.is_none() && secure.is_none() {
            return Err("headers configuration not valid".to_owned());
        }
        Ok(Self {
            custom,
            cors,
            secure,
        })
    }

    fn finish(&self, memo: Memo, headers: &mut HeaderMap) {
        self.custom.response(headers);
        if let Some(cors) = &self.cors {
            cors.response(memo.origin, headers);
        }
    }
}

impl Act for Headers {
    type Memo = Memo;

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, Memo> {
        if let Some(cors) = &self.cors
            && let Some(preflight) = cors.preflight(request)
        {
            return Step::answer(preflight);
        }
        self.custom.request(cx, &mut request.headers);
        let mut memo = Memo::default();
        if let Some(cors) = &self.cors {
            memo.origin = cors.origin(request.headers.get(header::ORIGIN));
        }
        if let Some(secure) = &self.secure {
            if let Some(mut refusal) = secure.refuse(&request.headers) {
                self.finish(memo, refusal.headers_mut());
                return Step::answer(refusal);
            }
            memo.proxied_tls = secure.is_proxied_tls(&request.headers);
            memo.nonce = secure.nonce();
        }
        if memo.origin.is_some() || memo.proxied_tls || memo.nonce.is_some() {
            return Step::keep(memo);
        }
        Step::NEXT
    }

    fn response(&self, cx: &Context, memo: Option<Memo>, response: &mut Response) {
        // The handshake of an upgrade is between client and server (Traefik does not touch it either).
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        let memo = memo.unwrap_or_default();
        let headers = response.headers_mut();
        if let Some(secure) = &self.secure {
            let tls = memo.proxied_tls || cx.connection.tls.is_some();
            secure.response(tls, memo.nonce.as_ref(), headers);
        }
        self.finish(memo, headers);
    }
}

/// A field's name as configured.
fn name(text: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| format!("{text:?} is no header name"))
}

/// A field's value as configured. Line ends of YAML's block texts become blanks, as in Go.
fn value(text: &str) -> Result<HeaderValue, String> {
    let line = text.replace(['\r', '\n'], " ");
    HeaderValue::from_bytes(line.trim().as_bytes())
        .map_err(|_| format!("{text:?} is no header value: it holds control characters"))
}
