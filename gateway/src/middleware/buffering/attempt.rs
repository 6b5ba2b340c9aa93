//! One attempt of a request, with its whole answer.

use ::http::{HeaderName, Method, StatusCode};

use super::super::chain::{Chain, failed};
use super::store::Storing;
use super::{Buffering, plain};
use crate::http::{Context, ProxyError, Request, Response, answer};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

impl Buffering {
    /// One attempt, with its whole answer.
    pub(super) async fn once(
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
pub(super) struct Unkept;

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
