//! From the merged configuration to the snapshot that serves: no sockets, no await.
//!
//! A bad object is disabled, with its reason, and the rest is served. What an earlier run built is used again where
//! its configuration did not change: balancers keep their place, connections to servers stay open.

mod children;
mod internal;
mod middlewares;
mod objects;
mod report;
mod routers;
mod rules;
mod services;
mod tls;
mod transports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::aggregate::Merged;
use crate::http::Handler;
use crate::middleware::Caches;
use crate::net::tls::Pair;
use crate::observe::Observer;
use crate::runtime::{Report, Snapshot};
use crate::service::HealthCheck;

pub use crate::runtime::Status;
pub use internal::configuration as internal_configuration;
pub use objects::{ObjectState, Objects};
pub use services::Kept;

/// What is compiled.
pub struct Input<'a> {
    /// The configuration, models applied.
    pub merged: &'a Merged,
    /// Names of the TCP entry points, in the order of their tables in the snapshot.
    pub entry_points: &'a [String],
    /// Handlers of `name@internal` services.
    pub internal: &'a BTreeMap<String, Arc<dyn Handler>>,
    /// Precedence of providers, first is highest (Traefik's `providers.precedence`).
    pub precedence: &'a [String],
    /// The certificate for server names that have none.
    pub fallback_certificate: Option<&'a Pair>,
    /// Files that changed since the last run: what was made of them is made anew.
    pub changed: &'a BTreeSet<PathBuf>,
    /// Worker threads: each has its share of a transport's idle connections.
    pub workers: usize,
    /// Where requests are recorded.
    pub observer: &'a Observer,
    /// The caches of the process.
    pub caches: &'a Caches,
    /// Whether servers are told which proxy they hear from (Traefik's `experimental.fastProxy.debug`).
    pub tells_servers: bool,
}

impl Input<'_> {
    /// Whether none of these files changed since the last run.
    fn unchanged(&self, files: &[&Path]) -> bool {
        files.iter().all(|file| !self.changed.contains(*file))
    }
}

/// What came out.
pub struct Compiled {
    /// What serves.
    pub snapshot: Snapshot,
    /// What became of each object.
    pub report: Report,
    /// To be run while this is in force.
    pub checks: Vec<Arc<HealthCheck>>,
    /// Problems of certificates and TLS options, which are no objects of the API.
    pub problems: Vec<String>,
}

/// Compiles a configuration. `kept` is what the last run built, and is replaced by what this one uses.
pub fn compile(input: &Input<'_>, kept: &mut Kept) -> Compiled {
    let mut objects = Objects::new(input.merged);
    let mut problems = input.merged.problems.clone();
    children::check(input.merged, &mut objects);
    let transports = transports::build(input, kept, &mut problems);
    let mut before = std::mem::take(kept);
    let tls = tls::Tls::build(input, std::mem::take(&mut before.tls), &mut problems);
    let before_rules = std::mem::take(&mut before.rules);
    let mut services = services::Services::new(input, &transports, before);
    let mut routers = routers::Routers::new(input, &tls, before_rules, &mut services, &mut objects);
    let entry_points = input.entry_points.iter();
    let entry_points = entry_points.map(|name| routers.tables(name)).collect();
    let rules = routers.into_rules();
    routers::check_entry_points(input, &mut objects);
    let checks = services.checks();
    tls::warn(input, &mut objects);
    let (services, middlewares) = services.into_built();
    *kept = Kept {
        transports,
        services,
        middlewares,
        tls: tls.kept,
        rules,
    };
    Compiled {
        snapshot: Snapshot { entry_points },
        checks,
        report: report::build(input.merged, objects, tls.certificates),
        problems,
    }
}

/// Refuses what would be part of itself, in Traefik's words. `stack` holds what is being built, outermost first.
fn recursion(stack: &[String], kind: &str, name: &str) -> Result<(), String> {
    if !stack.iter().any(|known| known == name) {
        return Ok(());
    }
    let chain: Vec<String> = stack
        .iter()
        .map(String::as_str)
        .chain([name])
        .map(|name| format!("{kind}:{name}"))
        .collect();
    let chain = chain.join("->");
    Err(format!(
        "could not instantiate {kind} {name}: recursion detected in {chain}"
    ))
}
