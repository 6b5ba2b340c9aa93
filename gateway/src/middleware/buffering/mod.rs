//! `buffering`: reads a whole request before it is sent on, and its whole answer before the client gets it; may send the
//! request again.

mod store;
#[cfg(test)]
mod tests;

use ::http::{HeaderName, Method, StatusCode, header};

use self::store::{Limits, Stored, Storing};
use super::build::Site;
use super::chain::{Chain, failed};
use super::predicate::{Constant, Fact, Kind, Predicate};
use super::wrapper::Wrap;
use crate::config::dynamic::Buffering as Config;
use crate::http::{Body, Context, HandlerFuture, ProxyError, Request, Response, answer};

/// Times a request is sent again at most, whatever the expression says (Traefik's figure).
const MOST_RETRIES: i64 = 10;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// See the module.
#[derive(Debug)]
pub struct Buffering {
    request: Limits,
    response: Limits,
    retry: Option<Predicate<Function>>,
}

/// What `retryExpression` may ask.
#[derive(Debug, Clone, Copy)]
enum Function {
    Attempts,
    ResponseCode,
    IsNetworkError,
    RequestMethod,
}

fn find(name: &str, arguments: &[Constant]) -> Result<(Function, Kind), String> {
    let found = match name {
        "Attempts" => (Function::Attempts, Kind::Int),
        "ResponseCode" => (Function::ResponseCode, Kind::Int),
        "IsNetworkError" => (Function::IsNetworkError, Kind::Flag),
        "RequestMethod" => (Function::RequestMethod, Kind::Text),
        _ => {
            return Err(format!(
                "{name} is unknown; there are Attempts, ResponseCode, IsNetworkError and RequestMethod"
            ));
        }
    };
    match arguments {
        [] => Ok(found),
        _ => Err(format!("{name} takes no arguments")),
    }
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
        let body = match Storing::read(body, &self.request).await? {
            Some(stored) => stored,
            None => {
                return Ok(plain(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "Request Entity Too Large",
                ));
            }
        };
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

    /// One attempt, with its whole answer.
    async fn once(
        &self,
        cx: &mut Context,
        request: Request,
        rest: &Chain,
    ) -> Result<Response, ProxyError> {
        let head = request.method == Method::HEAD;
        let mut response = match rest.run(cx, request).await {
            Ok(response) => response,
            Err(error) => failed(cx, error),
        };
        if head || !has_body(&response) {
            return Ok(response);
        }
        let body = std::mem::take(response.body_mut());
        match Storing::read(body, &self.response).await {
            Ok(Some(stored)) => {
                *response.body_mut() = stored.body();
                Ok(response)
            }
            Ok(None) => {
                tracing::warn!(router = ?cx.record.router(), "an answer is longer than maxResponseBodyBytes");
                Ok(unkept(plain(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Internal Server Error",
                )))
            }
            Err(error) => {
                tracing::debug!(%error, router = ?cx.record.router(), "an answer could not be read to its end");
                let text = "Internal Server Error\n";
                Ok(unkept(answer(StatusCode::INTERNAL_SERVER_ERROR, text)))
            }
        }
    }
}

/// Marks an answer that stands for one that could not be kept.
#[derive(Debug, Clone, Copy)]
struct Unkept;

fn unkept(mut response: Response) -> Response {
    response.extensions_mut().insert(Unkept);
    response
}

/// Whether there is a body that is waited for.
fn has_body(response: &Response) -> bool {
    let status = response.status();
    let refused = response.headers().get(GRPC_STATUS);
    !(status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
        || response.body().is_empty()
        || refused.is_some_and(|status| !status.is_empty() && status != "0"))
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

/// The request for one attempt of several.
fn copy(request: &Request, body: &Stored) -> Request {
    let mut headers = request.headers.clone();
    // Its length is known now, however it came.
    headers.remove(header::TRANSFER_ENCODING);
    Request {
        method: request.method.clone(),
        target: request.target.clone(),
        version: request.version,
        headers,
        body: body.body(),
    }
}

impl Wrap for Buffering {
    fn handle<'a>(
        &'a self,
        cx: &'a mut Context,
        request: Request,
        rest: &'a Chain,
    ) -> HandlerFuture<'a> {
        Box::pin(self.run(cx, request, rest))
    }
}
