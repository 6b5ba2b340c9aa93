//! Handlers of the internal services (`name@internal`).

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;

use super::Internal;
use crate::http::{Context, Handler, HandlerFuture, Request, answer};

/// Answers everything with 418, as Traefik's `noop@internal` does: what leads there is answered by a middleware.
struct Noop;

impl Handler for Noop {
    fn handle<'a>(&'a self, _cx: &'a mut Context, _request: Request) -> HandlerFuture<'a> {
        Box::pin(std::future::ready(Ok(answer(
            StatusCode::IM_A_TEAPOT,
            "I'm a teapot\n",
        ))))
    }
}

/// Every internal service.
pub(super) fn handlers() -> Internal {
    let mut handlers: Internal = BTreeMap::new();
    handlers.insert("noop@internal".to_owned(), Arc::new(Noop));
    handlers
}
