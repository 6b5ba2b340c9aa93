//! What is to become of a router's or service's requests, decided when the configuration is compiled.

use std::sync::Arc;

use super::PerWorker;
use super::access::AccessLog;
use super::metrics::{Group, Metrics, Shard};
use super::worker::Own;

/// A worker's counters.
type Counters = Arc<Own<Shard>>;

/// What a router's `observability` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asks {
    pub access_log: bool,
    pub metrics: bool,
    /// Its service is one of ours.
    pub internal: bool,
}

/// Where requests are recorded. One for the process.
#[derive(Debug, Clone, Default)]
pub struct Observer {
    /// `None` where nothing is counted.
    pub metrics: Option<Arc<Metrics>>,
    /// `None` where nothing is logged.
    pub access_log: Option<Arc<AccessLog>>,
    /// Whether requests for services of ours are counted (`metrics.addInternals`).
    pub count_internals: bool,
    /// Whether they are logged (`accessLog.addInternals`).
    pub log_internals: bool,
    /// Worker threads.
    pub workers: usize,
}

/// What a worker needs to record the requests of one route. Parents of the router come first.
#[derive(Debug)]
pub struct Observed {
    pub(super) entry_point: Arc<str>,
    /// Names of the routers, joined as Traefik joins them; `None` where none matched.
    pub(super) router: Option<Arc<str>>,
    pub(super) counted: Option<Counted>,
    pub(super) log: Option<Arc<AccessLog>>,
}

#[derive(Debug)]
pub(super) struct Counted {
    /// Entry point and routers.
    pub(super) scopes: Box<[Counters]>,
    /// For labels taken from headers.
    pub(super) metrics: Arc<Metrics>,
}

/// What a worker needs to record the requests of one service.
#[derive(Debug)]
pub struct ObservedService {
    pub(super) name: Box<str>,
    pub(super) counters: Option<Counters>,
}

impl Observer {
    /// What records requests that `routers` (each with its service) took, outermost first; none where no router did.
    pub fn route(
        &self,
        entry_point: &str,
        routers: &[(&str, &str)],
        asks: Asks,
    ) -> PerWorker<Observed> {
        let metrics = self
            .metrics
            .as_ref()
            .filter(|_| asks.metrics && (self.count_internals || !asks.internal));
        let log = self
            .access_log
            .as_ref()
            .filter(|_| asks.access_log && (self.log_internals || !asks.internal));
        let names: Vec<&str> = routers.iter().map(|(router, _)| *router).collect();
        let scopes: Vec<_> = metrics
            .map(|metrics| {
                let entry = metrics.scope(Group::EntryPoint, entry_point);
                let routers = routers
                    .iter()
                    .filter_map(|(router, service)| metrics.router(router, service));
                entry.into_iter().chain(routers).collect()
            })
            .unwrap_or_default();
        let entry_point: Arc<str> = entry_point.into();
        let router: Option<Arc<str>> = (!names.is_empty()).then(|| names.join(" -> ").into());
        PerWorker::new(self.workers, |number| Observed {
            entry_point: Arc::clone(&entry_point),
            router: router.clone(),
            counted: metrics.map(|metrics| Counted {
                scopes: scopes
                    .iter()
                    .map(|scope: &super::metrics::Scope| Arc::clone(scope.of(number)))
                    .collect(),
                metrics: Arc::clone(metrics),
            }),
            log: log.map(Arc::clone),
        })
    }

    /// What records requests that a service sent to a server.
    pub fn service(&self, name: &str) -> PerWorker<ObservedService> {
        let scope = self
            .metrics
            .as_ref()
            .and_then(|metrics| metrics.scope(Group::Service, name));
        PerWorker::new(self.workers, |number| ObservedService {
            name: name.into(),
            counters: scope.as_ref().map(|scope| Arc::clone(scope.of(number))),
        })
    }
}
