//! `failover`: a second service for when the first has no server that is up, or answers with a status that counts as failure.

use std::sync::Arc;

use ::http::StatusCode;

use super::Health;
use crate::http::{
    Body, Context, Gathered, Handler, HandlerFuture, ProxyError, Request, Response, answer, gather,
};
use crate::types::StatusRanges;

/// One of the two services.
pub struct Side {
    /// It.
    pub handler: Arc<dyn Handler>,
    /// `None` is always taken to be up.
    pub health: Option<Health>,
}

/// Answers that make a failover.
#[derive(Debug)]
pub struct Errors {
    /// Which ones.
    pub statuses: StatusRanges,
    /// Longest request body that is kept for the second service, in bytes; longer ones are refused. `None` means any.
    pub most_body: Option<u64>,
}

/// See the module.
pub struct Failover {
    main: Side,
    fallback: Side,
    errors: Option<Errors>,
}

impl Side {
    fn is_up(&self) -> bool {
        self.health.as_ref().is_none_or(Health::is_up)
    }
}

impl Failover {
    /// `fallback` answers where `main` cannot, or, with `errors`, should not have.
    pub fn new(main: Side, fallback: Side, errors: Option<Errors>) -> Self {
        Self {
            main,
            fallback,
            errors,
        }
    }

    async fn guarded(
        &self,
        cx: &mut Context,
        mut request: Request,
        errors: &Errors,
    ) -> Result<Response, ProxyError> {
        let body = match std::mem::take(&mut request.body) {
            Body::Empty => None,
            body => match gather(body, errors.most_body).await? {
                Gathered::Whole(bytes) => Some(bytes),
                Gathered::TooLong(_) => {
                    return Ok(answer(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "Request body too large\n",
                    ));
                }
            },
        };
        let body = || body.clone().map_or(Body::Empty, Body::Full);
        let second = Request {
            method: request.method.clone(),
            target: request.target.clone(),
            version: request.version,
            headers: request.headers.clone(),
            body: body(),
        };
        request.body = body();
        let first = self.main.handler.handle(cx, request).await;
        let status = match &first {
            Ok(response) => response.status(),
            Err(error) => error.status(),
        };
        if !errors.statuses.contains(status.as_u16()) {
            return first;
        }
        drop(first);
        cx.upgraded = None;
        self.fallback.handler.handle(cx, second).await
    }
}

impl Handler for Failover {
    fn handle<'a>(&'a self, cx: &'a mut Context, request: Request) -> HandlerFuture<'a> {
        if self.main.is_up() {
            return match &self.errors {
                None => self.main.handler.handle(cx, request),
                Some(errors) => Box::pin(self.guarded(cx, request, errors)),
            };
        }
        if self.fallback.is_up() {
            return self.fallback.handler.handle(cx, request);
        }
        let nobody = answer(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable\n");
        Box::pin(std::future::ready(Ok(nobody)))
    }
}
