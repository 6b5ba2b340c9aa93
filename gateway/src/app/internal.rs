//! Handlers of the internal services (`name@internal`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::StatusCode;
use tokio::sync::watch;

use super::Internal;
use crate::api::{Api, Dashboard, Explain, MetricsPage, Ping};
use crate::config::install::Install;
use crate::http::{Context, Handler, HandlerFuture, Request, answer};
use crate::middleware::Caches;
use crate::observe::Observer;
use crate::runtime::Report;

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

/// Every internal service that is switched on.
pub(super) fn handlers(
    install: &Arc<Install>,
    observer: &Observer,
    reports: &watch::Receiver<Arc<Report>>,
    terminating: &Arc<AtomicBool>,
    caches: &Arc<Caches>,
    explain: Option<Explain>,
) -> Internal {
    let mut handlers: Internal = BTreeMap::new();
    let mut add = |name: &str, handler: Arc<dyn Handler>| {
        handlers.insert(format!("{name}@internal"), handler);
    };
    add("noop", Arc::new(Noop));
    if let Some(api) = &install.api {
        let mut handler = Api::new(install, reports.clone()).caching(caches);
        if let Some(explain) = explain {
            handler = handler.explaining(explain);
        }
        add("api", Arc::new(handler));
        if api.dashboard {
            add("dashboard", Arc::new(Dashboard::new(&api.base_path)));
        }
    }
    if let Some(ping) = &install.ping {
        let status = ping.terminating_status_code;
        add("ping", Arc::new(Ping::new(Arc::clone(terminating), status)));
    }
    if let Some(metrics) = &observer.metrics {
        add("prometheus", Arc::new(MetricsPage(Arc::clone(metrics))));
    }
    handlers
}
