//! Services: from configuration to what answers requests. Built when first asked for, and once.

mod build;
mod composed;
mod load_balancer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::Input;
use super::middlewares;
use super::rules::Rules;
use super::tls;
use super::transports::Transports;
use crate::config::dynamic::Service;
use crate::http::Handler;
use crate::service::{Health, HealthCheck};
use crate::upstream::Transport;

/// What a run built and the next may use again.
#[derive(Default)]
pub struct Kept {
    pub(super) transports: Transports,
    pub(super) services: BTreeMap<String, Built>,
    pub(super) middlewares: middlewares::Kept,
    pub(super) tls: tls::Kept,
    pub(super) rules: Rules,
}

/// A service with everything it was made of.
pub(super) struct Built {
    config: Service,
    parts: Parts,
    core: Core,
    /// The core behind the service's own middlewares.
    handler: Arc<dyn Handler>,
}

/// What a service is made of; as long as it is the same, so is the service.
enum Parts {
    Transport(Arc<Transport>),
    Services(Vec<Arc<dyn Handler>>),
}

/// A service without its middlewares.
#[derive(Clone)]
struct Core {
    handler: Arc<dyn Handler>,
    /// Why not, where the service does not tell those above it.
    health: Result<Health, String>,
    /// Whether its servers are up, by URL.
    servers: BTreeMap<String, Arc<AtomicBool>>,
    /// What finds that out.
    check: Option<Arc<HealthCheck>>,
}

/// A service as another one uses it.
struct Child {
    handler: Arc<dyn Handler>,
    health: Result<Health, String>,
}

/// Builds services for one run.
pub(super) struct Services<'a> {
    input: &'a Input<'a>,
    transports: &'a Transports,
    before: BTreeMap<String, Built>,
    built: BTreeMap<String, Built>,
    /// Middlewares of routers and of services.
    pub(super) middlewares: middlewares::State,
    /// The services that are being built, outermost first.
    stack: Vec<String>,
}

impl Parts {
    fn are(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Transport(one), Self::Transport(other)) => Arc::ptr_eq(one, other),
            (Self::Services(some), Self::Services(others)) => {
                let same = |(one, other): (&Arc<dyn Handler>, &Arc<dyn Handler>)| {
                    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
                };
                some.len() == others.len() && some.iter().zip(others).all(same)
            }
            _ => false,
        }
    }
}
