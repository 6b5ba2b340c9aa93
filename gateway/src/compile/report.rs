//! The report of a run: each object as the API shows it, with what became of it.

use std::collections::BTreeMap;

use super::children::provider;
use super::objects::{ObjectState, Objects};
use crate::aggregate::{Merged, qualify};
use crate::config::dynamic::{Middleware, Router, Service};
use crate::rule::http::default_priority;
use crate::runtime::{Certificate, Object, Report, Section, State, Status};
use crate::service::cookie_name;

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
        let mut found = routers.remove(name).unwrap_or_default();
        let mut uses = std::mem::take(&mut found.used_by);
        uses.sort();
        let child = !router.parent_refs.is_empty() && found.status != Status::Disabled;
        let config = shown_router(name, router, child || !uses.is_empty());
        let state = state(found, uses);
        report
            .routers
            .insert(name.clone(), Object { config, state });
    }
    for (name, service) in &merged.services {
        let found = services.remove(name).unwrap_or_default();
        let shown = shown_service(name, service);
        insert(&mut report.services, name, &shown, found, &users.services);
    }
    for (name, middleware) in &merged.middlewares {
        let found = middlewares.remove(name).unwrap_or_default();
        insert(
            &mut report.middlewares,
            name,
            &shown_middleware(name, middleware),
            found,
            &users.middlewares,
        );
    }
    report
}

fn state(found: ObjectState, uses: Vec<String>) -> State {
    State {
        status: found.status,
        errors: found.errors,
        uses,
        servers: found.servers,
    }
}

fn insert<T: Clone>(
    section: &mut Section<T>,
    name: &str,
    config: &T,
    found: ObjectState,
    users: &BTreeMap<String, Vec<&str>>,
) {
    let uses = users.get(name).map(Vec::as_slice).unwrap_or_default();
    let uses = uses.iter().map(|&name| name.to_owned()).collect();
    let object = Object {
        config: config.clone(),
        state: state(found, uses),
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

/// The service with the name of its cookie, where it has one, and the full name of its transport.
fn shown_service(name: &str, service: &Service) -> Service {
    let mut shown = service.clone();
    if let Some(balancer) = &mut shown.load_balancer
        && !balancer.servers_transport.is_empty()
    {
        balancer.servers_transport = qualify(&balancer.servers_transport, provider(name));
    }
    let balancer = shown.load_balancer.as_mut();
    let sticky = balancer.and_then(|balancer| balancer.sticky.as_mut());
    let weighted = shown.weighted.as_mut();
    let sticky = sticky.or_else(|| weighted.and_then(|weighted| weighted.sticky.as_mut()));
    if let Some(cookie) = sticky.and_then(|sticky| sticky.cookie.as_mut()) {
        cookie.name = cookie_name(&cookie.name, name);
    }
    shown
}
