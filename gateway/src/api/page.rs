//! The page that Prometheus fetches.

use std::sync::Arc;

use ::http::{HeaderValue, header};

use crate::http::{Body, Context, Handler, HandlerFuture, Request, Response};
use crate::observe::metrics::{Metrics, page::CONTENT_TYPE};

/// See the module.
#[derive(Debug)]
pub struct MetricsPage(pub Arc<Metrics>);

impl Handler for MetricsPage {
    fn handle<'a>(&'a self, _cx: &'a mut Context, _request: Request) -> HandlerFuture<'a> {
        let mut response = Response::new(Body::from(self.0.page()));
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        Box::pin(std::future::ready(Ok(response)))
    }
}
