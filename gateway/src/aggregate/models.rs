//! What an entry point gives to its routers: middlewares, TLS, observability (Traefik's models), and which entry
//! points a router has that names none.

use std::collections::BTreeMap;

use super::{Merged, Objects, qualify};
use crate::config::dynamic::{Model, Router, RouterObservability};
use crate::config::install::{self, EntryPoint, Install};

/// What routers get from the install configuration.
#[derive(Debug, Default, Clone)]
pub struct Defaults {
    /// Entry points of routers that name none.
    entry_points: Vec<String>,
    /// By entry point.
    models: BTreeMap<String, Model>,
    /// By entry point.
    observability: BTreeMap<String, RouterObservability>,
    /// `core.defaultRuleSyntax`.
    rule_syntax: String,
}

impl Defaults {
    /// Takes them from the install configuration.
    pub fn new(install: &Install) -> Self {
        let models = install
            .entry_points
            .iter()
            .filter(|(_, entry)| has_model(entry))
            .map(|(name, entry)| (name.clone(), model(entry)))
            .collect();
        let observability = install
            .entry_points
            .iter()
            .map(|(name, entry)| (name.clone(), observability(entry)))
            .collect();
        let core = install.core.as_ref();
        Self {
            entry_points: install::default_entry_points(install),
            models,
            observability,
            rule_syntax: core
                .map(|core| core.default_rule_syntax.clone())
                .unwrap_or_default(),
        }
    }
}

/// Whether the entry point has anything of its own for its routers: then a router on several becomes several.
fn has_model(entry: &EntryPoint) -> bool {
    !entry.http.middlewares.is_empty()
        || entry.http.tls.is_some()
        || entry.http.encoded_characters.is_some()
        || entry.observability.is_some()
}

fn model(entry: &EntryPoint) -> Model {
    let tls = entry
        .http
        .tls
        .as_ref()
        .map(|tls| crate::config::dynamic::RouterTls {
            options: tls.options.clone(),
            cert_resolver: tls.cert_resolver.clone(),
            domains: tls.domains.clone(),
        });
    Model {
        middlewares: entry.http.middlewares.clone(),
        tls,
        ..Model::default()
    }
}

fn observability(entry: &EntryPoint) -> RouterObservability {
    let said = entry.observability.clone().unwrap_or_default();
    RouterObservability {
        access_logs: said.access_logs,
        metrics: said.metrics,
        tracing: said.tracing,
        trace_verbosity: said.trace_verbosity,
    }
}

/// Gives every root router what its entry points say. A router on several of them, of which some have a model,
/// becomes one router each, named `entrypoint-router`.
pub fn apply_defaults(merged: &mut Merged, defaults: &Defaults) {
    let routers = std::mem::take(&mut merged.routers);
    let (children, roots): (Vec<_>, Vec<_>) = routers
        .into_iter()
        .partition(|(_, router)| !router.parent_refs.is_empty());
    let mut divided = BTreeMap::new();
    for (name, mut router) in roots {
        set_syntax(&mut router, defaults);
        if router.entry_points.is_empty() {
            router.entry_points.clone_from(&defaults.entry_points);
        }
        if children.is_empty() {
            divide(&mut merged.routers, name, router, defaults);
        } else {
            let names = divide(&mut merged.routers, name.clone(), router, defaults);
            divided.insert(name, names);
        }
    }
    for (name, mut router) in children {
        set_syntax(&mut router, defaults);
        router.parent_refs = parents(&name, &router.parent_refs, &divided);
        merged.routers.insert(name, router);
    }
}

/// Full names of a child's parents: of one that became several, all of them.
fn parents(child: &str, named: &[String], divided: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let provider = child.split('@').nth(1).unwrap_or_default();
    let full = named.iter().map(|name| qualify(name, provider));
    full.flat_map(|name| divided.get(&name).cloned().unwrap_or_else(|| vec![name]))
        .collect()
}

fn set_syntax(router: &mut Router, defaults: &Defaults) {
    if router.rule_syntax.is_empty() {
        router.rule_syntax.clone_from(&defaults.rule_syntax);
    }
}

/// Adds the routers that one becomes, and answers their names.
fn divide(
    into: &mut Objects<Router>,
    name: String,
    mut router: Router,
    defaults: &Defaults,
) -> Vec<String> {
    let mut names = Vec::new();
    let entry_points = std::mem::take(&mut router.entry_points);
    let several = entry_points.len() > 1;
    for entry_point in entry_points {
        let Some(model) = defaults.models.get(&entry_point) else {
            router.entry_points.push(entry_point);
            continue;
        };
        let mut own = router.clone();
        own.entry_points = vec![entry_point.clone()];
        own.tls = own.tls.or_else(|| model.tls.clone());
        own.middlewares = model
            .middlewares
            .iter()
            .chain(&router.middlewares)
            .cloned()
            .collect();
        own.observability = Some(observe(&own, &entry_point, defaults));
        let own_name = if several {
            format!("{entry_point}-{name}")
        } else {
            name.clone()
        };
        names.push(own_name.clone());
        into.insert(own_name, own);
    }
    if let Some(first) = router.entry_points.first().cloned() {
        router.observability = Some(observe(&router, &first, defaults));
        names.insert(0, name.clone());
        into.insert(name, router);
    }
    names
}

fn observe(router: &Router, entry_point: &str, defaults: &Defaults) -> RouterObservability {
    let said = router
        .observability
        .clone()
        .unwrap_or_else(RouterObservability::unset);
    let default = defaults
        .observability
        .get(entry_point)
        .cloned()
        .unwrap_or_default();
    RouterObservability {
        access_logs: said.access_logs.or(default.access_logs),
        metrics: said.metrics.or(default.metrics),
        tracing: said.tracing.or(default.tracing),
        trace_verbosity: match said.trace_verbosity.is_empty() {
            true => default.trace_verbosity,
            false => said.trace_verbosity,
        },
    }
}
