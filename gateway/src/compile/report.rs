//! The report of a run: each object as the API shows it, with what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::children::provider;
use super::objects::{ObjectState, Objects};
use crate::aggregate::{Merged, qualify};
use crate::config::dynamic::{Middleware, Router, Service};
use crate::rule::http::default_priority;
use crate::runtime::{Certificate, Object, Report, Section, State, Status};

/// Traefik shows who names a service or middleware, whether or not that works.
#[derive(Default)]
struct Users<'m> {
    services: BTreeMap<String, Vec<&'m str>>,
    middlewares: BTreeMap<String, Vec<&'m str>>,
}

/// Builds the report.
pub(super) fn build(merged: &Merged, objects: Objects, certificates: Vec<Certificate>) -> Report {
    let mut users = Users::default();
    for (name, router) in &merged.routers {
        let service = qualify(&router.service, provider(name));
        users.services.entry(service).or_default().push(name);
        for middleware in &router.middlewares {
            let middleware = qualify(middleware, provider(name));
            users.middlewares.entry(middleware).or_default().push(name);
        }
    }
    let Objects {
        mut routers,
        mut services,
        mut middlewares,
    } = objects;
    let mut report = Report {
        certificates,
        ..Report::default()
    };
    for (name, router) in &merged.routers {
        let found = routers.remove(name).unwrap_or_default();
        let uses = found.used_by.iter().cloned().collect();
        let child = !router.parent_refs.is_empty() && found.status != Status::Disabled;
        let config = shown_router(name, router, child || !found.used_by.is_empty());
        let state = state(found, uses, BTreeMap::new());
        report
            .routers
            .insert(name.clone(), Object { config, state });
    }
    for (name, service) in &merged.services {
        let found = services.remove(name).unwrap_or_default();
        let servers = servers(service, found.in_use);
        insert(
            &mut report.services,
            name,
            service,
            found,
            &users.services,
            servers,
        );
    }
    for (name, middleware) in &merged.middlewares {
        let found = middlewares.remove(name).unwrap_or_default();
        insert(
            &mut report.middlewares,
            name,
            &shown_middleware(name, middleware),
            found,
            &users.middlewares,
            BTreeMap::new(),
        );
    }
    report
}

fn state(
    found: ObjectState,
    uses: Vec<String>,
    servers: BTreeMap<String, Arc<AtomicBool>>,
) -> State {
    State {
        status: found.status,
        errors: found.errors,
        uses,
        servers,
    }
}

fn insert<T: Clone>(
    section: &mut Section<T>,
    name: &str,
    config: &T,
    found: ObjectState,
    users: &BTreeMap<String, Vec<&str>>,
    servers: BTreeMap<String, Arc<AtomicBool>>,
) {
    let uses = users.get(name).map(Vec::as_slice).unwrap_or_default();
    let uses = uses.iter().map(|&name| name.to_owned()).collect();
    let object = Object {
        config: config.clone(),
        state: state(found, uses, servers),
    };
    section.insert(name.to_owned(), object);
}

/// The router with the full names of its middlewares, and the priority it has if it is `placed`: on an entry point, or
/// below a parent.
fn shown_router(name: &str, router: &Router, placed: bool) -> Router {
    let mut shown = router.clone();
    for middleware in &mut shown.middlewares {
        *middleware = qualify(middleware, provider(name));
    }
    if shown.priority == 0 && placed && !shown.rule.is_empty() {
        shown.priority = default_priority(&shown.rule);
    }
    shown
}

/// The middleware with the full names of a chain's members.
fn shown_middleware(name: &str, middleware: &Middleware) -> Middleware {
    let mut shown = middleware.clone();
    for member in shown
        .chain
        .iter_mut()
        .flat_map(|chain| &mut chain.middlewares)
    {
        *member = qualify(member, provider(name));
    }
    shown
}

/// Servers of a service in use; up until a health check says otherwise.
fn servers(service: &Service, in_use: bool) -> BTreeMap<String, Arc<AtomicBool>> {
    let balancer = service.load_balancer.as_ref().filter(|_| in_use);
    balancer
        .map(|balancer| {
            let servers = balancer.servers.iter();
            servers
                .map(|server| (server.url.clone(), Arc::new(AtomicBool::new(true))))
                .collect()
        })
        .unwrap_or_default()
}
