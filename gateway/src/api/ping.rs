//! The health page of the gateway itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::http::StatusCode;

use crate::http::{Body, Context, Handler, HandlerFuture, Request, Response};

/// Answers 200 `OK`, and once the process is to end what `ping.terminatingStatusCode` says.
#[derive(Debug)]
pub struct Ping {
    terminating: Arc<AtomicBool>,
    status: StatusCode,
}

impl Ping {
    /// `terminating` is set when the process is to end. A status that is none counts as 503.
    pub fn new(terminating: Arc<AtomicBool>, status: i64) -> Self {
        let status = u16::try_from(status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        Self {
            terminating,
            status,
        }
    }

    fn answer(&self) -> Response {
        let status = if self.terminating.load(Ordering::Relaxed) {
            self.status
        } else {
            StatusCode::OK
        };
        let mut response = Response::new(Body::from(status.canonical_reason().unwrap_or_default()));
        *response.status_mut() = status;
        response
    }
}

impl Handler for Ping {
    fn handle<'a>(&'a self, _cx: &'a mut Context, _request: Request) -> HandlerFuture<'a> {
        Box::pin(std::future::ready(Ok(self.answer())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_that_the_end_is_near() {
        let terminating = Arc::new(AtomicBool::new(false));
        let ping = Ping::new(Arc::clone(&terminating), 204);
        assert_eq!(ping.answer().status(), StatusCode::OK);
        terminating.store(true, Ordering::Relaxed);
        assert_eq!(ping.answer().status(), StatusCode::NO_CONTENT);
        let ping = Ping::new(terminating, -1);
        assert_eq!(ping.answer().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
