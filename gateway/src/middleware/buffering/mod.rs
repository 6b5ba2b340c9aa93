//! `buffering`: reads a whole request before it is sent on, and its whole answer before the client gets it; may send the
//! request again.

mod attempt;
mod expression;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ::http::{StatusCode, header};

use self::attempt::Unkept;
use self::expression::{Function, find};
use self::store::{Limits, Stored, Storing};
use super::build::Site;
use super::chain::Chain;
use super::predicate::{Fact, Predicate};
use super::wrapper::Wrap;
use crate::config::dynamic::Buffering as Config;
use crate::http::{Body, Context, HandlerFuture, ProxyError, Request, Response};

/// Times a request is sent again at most, whatever the expression says (Traefik's figure).
const MOST_RETRIES: i64 = 10;

/// See the module.
#[derive(Debug)]
pub struct Buffering {
    request: Limits,
    response: Limits,
    retry: Option<Predicate<Function>>,
}

impl Buffering {
    /// Sizes must not be negative, and the expression must be one.
    pub fn new(config: &Config, _: &mut Site<'_>) -> Result<Self, String> {
        let retry = match config.retry_expression.as_str() {
            "" => None,
            expression => Some(Predicate::parse(expression, find)?),
        };
        Ok(Self {
            request: Limits::new(config.max_request_body_bytes, config.mem_request_body_bytes)?,
            response: Limits::new(
                config.max_response_body_bytes,
                config.mem_response_body_bytes,
            )?,
            retry,
        })
    }

    async fn run(
        &self,
        cx: &mut Context,
        mut request: Request,
        rest: &Chain,
    ) -> Result<Response, ProxyError> {
        let body = std::mem::take(&mut request.body);
        // Who says so beforehand need not send it.
        let announced = body.length();
        let body = match announced.is_none_or(|length| self.request.allow(length)) {
            true => Storing::read(body, &self.request).await?,
            false => None,
        };
        let Some(body) = body else {
            let text = "Request Entity Too Large";
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, text));
        };
        // Its length is known now, however it came, and its trailers were dropped.
        request.headers.remove(header::TRANSFER_ENCODING);
        request.headers.remove(header::TRAILER);
        let mut attempt = 1;
        while let Some(retry) = self.retry.as_ref().filter(|_| attempt <= MOST_RETRIES) {
            let copy = copy(&request, &body);
            let response = self.once(cx, copy, rest).await?;
            let code = response.status();
            let again = code != StatusCode::SWITCHING_PROTOCOLS
                && retry.holds(&mut |function| match function {
                    Function::Attempts => Fact::Int(attempt),
                    Function::ResponseCode => Fact::Int(code.as_u16().into()),
                    Function::RequestMethod => Fact::Text(request.method.as_str()),
                    Function::IsNetworkError => Fact::Flag(matches!(
                        code,
                        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
                    )),
                });
            // One that could not be kept is answered for it, not tried again.
            if !again || response.extensions().get::<Unkept>().is_some() {
                return Ok(response);
            }
            drop(response);
            tracing::debug!(attempt, router = ?cx.record.router(), "sending the request again");
            attempt += 1;
        }
        request.body = body.body();
        self.once(cx, request, rest).await
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

/// The request for one attempt of several.
fn copy(request: &Request, body: &Stored) -> Request {
    Request {
        method: request.method.clone(),
        target: request.target.clone(),
        version: request.version,
        headers: request.headers.clone(),
        body: body.body(),
    }
}

impl Wrap for Buffering {
    fn handle<'a>(
        &'a self,
        cx: &'a mut Context,
        request: Request,
        rest: &'a Arc<Chain>,
    ) -> HandlerFuture<'a> {
        Box::pin(self.run(cx, request, rest))
    }
}
