//! All counters of the process: handed out when a configuration is compiled, gathered when the page is made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{CacheCounters, CertificateExpiry, Gauge, Group, Options, Scope, ServerUp, Shard};
use crate::observe::PerWorker;

/// Which scope: a group, its name, and of routers the service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ScopeKey {
    pub(super) group: Group,
    pub(super) name: String,
    pub(super) service: String,
}

/// One for the process; the control thread adds to it, workers only to their shards.
#[derive(Debug)]
pub struct Metrics {
    pub(super) options: Options,
    bounds: Arc<[u64]>,
    workers: usize,
    pub(super) reloads: AtomicU64,
    pub(super) last_reload: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) scopes: BTreeMap<ScopeKey, Scope>,
    pub(super) open: BTreeMap<(String, &'static str), PerWorker<Gauge>>,
    pub(super) certificates: Vec<CertificateExpiry>,
    pub(super) servers: Vec<ServerUp>,
    pub(super) caches: BTreeMap<String, Arc<CacheCounters>>,
    routers: BTreeSet<String>,
    services: BTreeSet<String>,
    /// What left the configuration since the last page was made; it is shown once more.
    gone_routers: BTreeSet<String>,
    gone_services: BTreeSet<String>,
}

impl Metrics {
    /// Counters for `workers` threads.
    pub fn new(options: Options, workers: usize) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a bound beyond 584 years or below zero is none"
        )]
        let bounds = options.buckets.iter().map(|bound| (bound * 1e9) as u64);
        Self {
            bounds: bounds.collect(),
            options,
            workers,
            reloads: AtomicU64::new(0),
            last_reload: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// What is counted.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The counters of an entry point or a service; `None` where that group is not counted.
    pub fn scope(&self, group: Group, name: &str) -> Option<Scope> {
        self.scope_of(group, name, "")
    }

    /// The counters of a router; `None` where routers are not counted.
    pub fn router(&self, name: &str, service: &str) -> Option<Scope> {
        self.scope_of(Group::Router, name, service)
    }

    fn scope_of(&self, group: Group, name: &str, service: &str) -> Option<Scope> {
        let wanted = match group {
            Group::EntryPoint => self.options.entry_points,
            Group::Router => self.options.routers,
            Group::Service => self.options.services,
        };
        if !wanted {
            return None;
        }
        let key = ScopeKey {
            group,
            name: name.to_owned(),
            service: service.to_owned(),
        };
        let mut state = self.state();
        let scope = state
            .scopes
            .entry(key)
            .or_insert_with(|| PerWorker::new(self.workers, |_| Shard::new(&self.bounds)));
        Some(scope.clone())
    }

    /// The gauge of open connections of an entry point; `protocol` is `TCP` or `UDP`.
    pub fn open_connections(&self, entry_point: &str, protocol: &'static str) -> PerWorker<Gauge> {
        let mut state = self.state();
        let gauge = state
            .open
            .entry((entry_point.to_owned(), protocol))
            .or_insert_with(|| PerWorker::new(self.workers, |_| Gauge::default()));
        gauge.clone()
    }

    /// The counters of a cache, new ones.
    pub fn cache(&self, name: &str) -> Arc<CacheCounters> {
        let counters = Arc::new(CacheCounters::default());
        let mut state = self.state();
        state.caches.insert(name.to_owned(), Arc::clone(&counters));
        counters
    }

    /// A configuration was put in force, with these routers and services. What is not among them any more is shown on
    /// one more page, then forgotten.
    pub fn reloaded(&self, routers: BTreeSet<String>, services: BTreeSet<String>) {
        self.reloads.fetch_add(1, Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.last_reload
            .store(now.map_or(0, |since| since.as_secs()), Relaxed);
        let mut state = self.state();
        let state = &mut *state;
        let gone = std::mem::replace(&mut state.routers, routers);
        state
            .gone_routers
            .extend(gone.difference(&state.routers).cloned());
        let gone = std::mem::replace(&mut state.services, services);
        state
            .gone_services
            .extend(gone.difference(&state.services).cloned());
    }

    /// The certificates that are served now.
    pub fn set_certificates(&self, certificates: Vec<CertificateExpiry>) {
        self.state().certificates = certificates;
    }

    /// The servers whose health is checked, and how they are.
    pub fn set_servers(&self, servers: Vec<ServerUp>) {
        self.state().servers = servers;
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Forgets what was gone when the page was made.
    pub(super) fn forget(&mut self) {
        // Those that nobody else holds.
        self.caches
            .retain(|_, counters| Arc::strong_count(counters) > 1);
        let routers = std::mem::take(&mut self.gone_routers);
        let services = std::mem::take(&mut self.gone_services);
        let gone = |gone: &BTreeSet<String>, now: &BTreeSet<String>, name: &String| {
            gone.contains(name) && !now.contains(name)
        };
        let (now_routers, now_services) = (&self.routers, &self.services);
        self.scopes.retain(|key, _| match key.group {
            Group::EntryPoint => true,
            Group::Router => {
                !gone(&routers, now_routers, &key.name)
                    && !gone(&services, now_services, &key.service)
            }
            Group::Service => !gone(&services, now_services, &key.name),
        });
    }
}
