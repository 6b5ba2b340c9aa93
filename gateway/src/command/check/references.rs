//! Which object names which other one.

use std::collections::{BTreeMap, BTreeSet};

use super::UNUSED;
use crate::aggregate::{Merged, qualify};
use crate::config::dynamic::{Middleware, Service};

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Router,
    Service,
    Middleware,
    Transport,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [
        Self::Router,
        Self::Service,
        Self::Middleware,
        Self::Transport,
    ];

    /// As people call it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Service => "service",
            Self::Middleware => "middleware",
            Self::Transport => "serversTransport",
        }
    }

    /// The key of its section below `http`.
    pub(super) fn section(self) -> &'static str {
        match self {
            Self::Router => "routers",
            Self::Service => "services",
            Self::Middleware => "middlewares",
            Self::Transport => "serversTransports",
        }
    }
}

/// An object: its kind and `name@provider`.
pub(super) type Object = (Kind, String);

/// See the module. Names are full, whether or not there is such an object.
pub(super) struct References {
    all: BTreeMap<Object, Vec<Object>>,
    used: BTreeSet<Object>,
}

impl References {
    pub(super) fn of(merged: &Merged) -> Self {
        let mut all = BTreeMap::new();
        let routers = merged.routers.iter();
        for (name, router) in routers.filter(|(name, _)| !name.starts_with(UNUSED)) {
            let mut below = named(Kind::Middleware, name, &router.middlewares);
            if !router.service.is_empty() {
                below.extend(named(Kind::Service, name, [&router.service]));
            }
            below.extend(named(Kind::Router, name, &router.parent_refs));
            all.insert((Kind::Router, name.clone()), below);
        }
        for (name, service) in &merged.services {
            all.insert((Kind::Service, name.clone()), of_service(name, service));
        }
        for (name, middleware) in &merged.middlewares {
            let below = of_middleware(name, middleware);
            all.insert((Kind::Middleware, name.clone()), below);
        }
        let used = all.values().flatten().cloned().collect();
        Self { all, used }
    }

    /// What `object` names.
    pub(super) fn from(&self, object: &Object) -> &[Object] {
        self.all.get(object).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether something names it.
    pub(super) fn uses(&self, object: &Object) -> bool {
        self.used.contains(object)
    }
}

/// The provider that the names within an object are of.
pub(super) fn provider(name: &str) -> &str {
    name.split('@').nth(1).unwrap_or_default()
}

fn named<'n>(kind: Kind, by: &str, names: impl IntoIterator<Item = &'n String>) -> Vec<Object> {
    let full = |name: &String| (kind, qualify(name, provider(by)));
    names.into_iter().map(full).collect()
}

fn of_service(name: &str, service: &Service) -> Vec<Object> {
    let mut names: Vec<&String> = Vec::new();
    if let Some(weighted) = &service.weighted {
        names.extend(weighted.services.iter().map(|child| &child.name));
    }
    if let Some(hrw) = &service.highest_random_weight {
        names.extend(hrw.services.iter().map(|child| &child.name));
    }
    if let Some(mirroring) = &service.mirroring {
        names.push(&mirroring.service);
        names.extend(mirroring.mirrors.iter().map(|mirror| &mirror.name));
    }
    if let Some(failover) = &service.failover {
        names.extend([&failover.service, &failover.fallback]);
    }
    let mut all = named(Kind::Service, name, names);
    all.extend(named(Kind::Middleware, name, &service.middlewares));
    let transport = service
        .load_balancer
        .as_ref()
        .map(|balancer| &balancer.servers_transport)
        .filter(|transport| !matches!(transport.as_str(), "" | "default"));
    all.extend(named(Kind::Transport, name, transport));
    all
}

fn of_middleware(name: &str, middleware: &Middleware) -> Vec<Object> {
    let chain = middleware.chain.iter();
    let members = chain.flat_map(|chain| &chain.middlewares);
    let mut all = named(Kind::Middleware, name, members);
    let pages = middleware.errors.as_ref().map(|errors| &errors.service);
    all.extend(named(Kind::Service, name, pages));
    all
}
