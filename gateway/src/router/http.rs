//! HTTP routes: what a table of requests leads to, and tables inside tables (`parentRefs`).

use std::sync::Arc;

use super::Table;
use crate::http::{Context, Handler, HandlerFuture, Request, answer};
use crate::observe::{Observed, PerWorker};
use crate::rule::http::RequestView;
use crate::rule::routing_path;

/// What a router does with the requests it takes.
#[derive(Clone)]
pub struct HttpRoute {
    /// `name@provider`.
    pub name: Arc<str>,
    /// Its service, `name@provider`; empty for a router that only has children.
    pub service: Arc<str>,
    /// Its middlewares and its service.
    pub handler: Arc<dyn Handler>,
    /// Where its requests are recorded.
    pub observed: PerWorker<Observed>,
    /// Name of its TLS options, `name@provider`; `None` on plain routers.
    pub tls_options: Option<Arc<str>>,
    /// Whether its priority was written, or is the length of its rule.
    pub priority_is_set: bool,
    /// Its children, where it has some; `handler` leads to them.
    pub children: Option<Arc<Children>>,
}

/// The route that takes `request`, if any.
pub fn find<'t>(
    table: &'t Table<HttpRoute>,
    cx: &Context,
    request: &Request,
) -> Option<&'t HttpRoute> {
    view(cx, request, |view| {
        table.find(view).map(|route| &route.payload)
    })?
}

/// Shows a request to `look` as rules see it; `None` where its path is none.
pub fn view<R>(
    cx: &Context,
    request: &Request,
    look: impl FnOnce(&RequestView<'_>) -> R,
) -> Option<R> {
    let path = routing_path(request.target.path()).ok()?;
    let query = request.target.query().map(String::from_utf8_lossy);
    Some(look(&RequestView {
        method: request.method.as_str(),
        host: &cx.host,
        flat_host: None,
        path: &path,
        query: query.as_deref(),
        headers: &request.headers,
        client_ip: Some(cx.connection.peer.ip()),
    }))
}

/// The children of a router: they divide what its rule took and its middlewares let through.
pub struct Children {
    /// The children's table.
    pub table: Table<HttpRoute>,
}

impl Handler for Children {
    fn handle<'a>(&'a self, cx: &'a mut Context, request: Request) -> HandlerFuture<'a> {
        let Some(route) = find(&self.table, cx, &request) else {
            return Box::pin(std::future::ready(Ok(not_found())));
        };
        cx.record.narrow(route.observed.mine());
        route.handler.handle(cx, request)
    }
}

/// Go's answer where nothing matches.
pub fn not_found() -> crate::http::Response {
    answer(::http::StatusCode::NOT_FOUND, "404 page not found\n")
}
