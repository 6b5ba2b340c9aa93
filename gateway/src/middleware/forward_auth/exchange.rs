//! The question on its way, and the whole answer. An error is what the client gets.

use ::http::{Method, StatusCode};

use super::{ForwardAuth, status};
use crate::http::{Body, Context, Gathered, ProxyError, Request, Response, gather, gather_noting};
use crate::upstream::forward;

impl ForwardAuth {
    /// The body for the question; the request keeps it, too, and its trailers.
    pub(super) async fn shown_body(
        &self,
        cx: &mut Context,
        request: &mut Request,
    ) -> Result<Body, Response> {
        let Some(most) = self.body.filter(|_| !request.body.is_empty()) else {
            return Ok(Body::Empty);
        };
        // The bytes of a tunnel are no body.
        if request.method == Method::CONNECT && request.body.length().is_none() {
            return Ok(Body::Empty);
        }
        let body = std::mem::take(&mut request.body);
        match gather_noting(body, most, &mut cx.request_trailers).await {
            Ok(Gathered::Whole(bytes)) if bytes.is_empty() => Ok(Body::Empty),
            Ok(Gathered::Whole(bytes)) => {
                request.body = Body::Full(bytes.clone());
                Ok(Body::Full(bytes))
            }
            Ok(Gathered::TooLong(_)) => {
                tracing::debug!(most, "a request's body is longer than maxBodySize");
                Err(status(StatusCode::UNAUTHORIZED))
            }
            Err(error) => Err(error.into_response()),
        }
    }

    /// Asks, and reads the whole answer. An error is the answer for the client.
    pub(super) async fn exchange(
        &self,
        cx: &mut Context,
        question: Request,
    ) -> Result<Response, Response> {
        let failed = |error: ProxyError| {
            tracing::error!(%error, address = %self.address, "the service that is asked does not answer");
            status(StatusCode::INTERNAL_SERVER_ERROR)
        };
        let mut answer = forward(&self.address.target, cx, question)
            .await
            .map_err(failed)?;
        let body = std::mem::take(answer.body_mut());
        match gather(body, self.most).await.map_err(failed)? {
            Gathered::Whole(bytes) if bytes.is_empty() => {}
            Gathered::Whole(bytes) => *answer.body_mut() = Body::Full(bytes),
            Gathered::TooLong(_) => {
                tracing::debug!(
                    most = self.most,
                    "an answer is longer than maxResponseBodySize"
                );
                return Err(status(StatusCode::UNAUTHORIZED));
            }
        }
        Ok(answer)
    }
}
