//! Middlewares, services and servers of a route, as the report knows them.

use std::sync::atomic::Ordering;

use crate::config::dynamic::{Service, Type};
use crate::router::http::HttpRoute;
use crate::runtime::explanation::{Chosen, MiddlewareUsed, PartUsed, ServerUsed, ServiceUsed};
use crate::runtime::{Report, State};

/// Chains and services within each other are followed so far; deeper ones are loops, which are not in force.
const DEEPEST: usize = 16;

/// Looks objects up.
pub(super) struct Lookup<'r> {
    pub(super) report: &'r Report,
    /// Whether the states of servers mean something.
    pub(super) live: bool,
}

impl Lookup<'_> {
    pub(super) fn chosen(&self, route: &HttpRoute) -> Chosen {
        let router = self.report.routers.get(&*route.name);
        let names = router.map(|router| router.config.middlewares.as_slice());
        Chosen {
            router: route.name.to_string(),
            middlewares: self.middlewares(names.unwrap_or_default(), 0),
            service: (!route.service.is_empty()).then(|| self.service(&route.service, 0)),
        }
    }

    fn middlewares(&self, names: &[String], depth: usize) -> Vec<MiddlewareUsed> {
        if depth > DEEPEST {
            return Vec::new();
        }
        let used = |name: &String| {
            let config = self
                .report
                .middlewares
                .get(name)
                .map(|object| &object.config);
            let chain = config.and_then(|config| config.chain.as_ref());
            let members = chain.map(|chain| self.middlewares(&chain.middlewares, depth + 1));
            MiddlewareUsed {
                name: name.clone(),
                kind: match config.map(|config| config.type_of()) {
                    Some(Type::One(kind)) => kind.to_owned(),
                    _ => String::new(),
                },
                members: members.unwrap_or_default(),
            }
        };
        names.iter().map(used).collect()
    }

    fn service(&self, name: &str, depth: usize) -> ServiceUsed {
        let mut used = ServiceUsed {
            name: name.to_owned(),
            kind: "internal".to_owned(),
            strategy: String::new(),
            servers: Vec::new(),
            services: Vec::new(),
        };
        let Some(object) = self.report.services.get(name) else {
            return used;
        };
        if let Type::One(kind) = object.config.type_of() {
            kind.clone_into(&mut used.kind);
        }
        if let Some(balancer) = &object.config.load_balancer {
            used.strategy.clone_from(&balancer.strategy);
            let servers = balancer.servers.iter();
            used.servers = servers
                .map(|server| ServerUsed {
                    status: self.status(&object.state, &server.url),
                    url: server.url.clone(),
                    weight: server.weight.unwrap_or(1),
                })
                .collect();
        }
        if depth < DEEPEST {
            let provider = name.split('@').nth(1).unwrap_or_default();
            let parts = parts(&object.config).into_iter();
            used.services = parts
                .map(|(role, part)| {
                    let full = match part.contains('@') {
                        true => part.to_owned(),
                        false => format!("{part}@{provider}"),
                    };
                    PartUsed {
                        role,
                        service: self.service(&full, depth + 1),
                    }
                })
                .collect();
        }
        used
    }

    fn status(&self, state: &State, url: &str) -> Option<&'static str> {
        let up = state.servers.get(url).filter(|_| self.live)?;
        Some(if up.load(Ordering::Relaxed) {
            "UP"
        } else {
            "DOWN"
        })
    }
}

/// The services that one is made of, each with what it is there for.
fn parts(service: &Service) -> Vec<(String, &str)> {
    let weighted = service
        .weighted
        .iter()
        .flat_map(|weighted| &weighted.services);
    let hrw = service
        .highest_random_weight
        .iter()
        .flat_map(|hrw| &hrw.services);
    let mut parts: Vec<(String, &str)> = weighted
        .chain(hrw)
        .map(|part| {
            (
                format!("weight {}", part.weight.unwrap_or(1)),
                part.name.as_str(),
            )
        })
        .collect();
    if let Some(mirroring) = &service.mirroring {
        parts.push(("answers".to_owned(), &mirroring.service));
        let mirrors = mirroring.mirrors.iter();
        parts.extend(
            mirrors.map(|mirror| (format!("mirror {} %", mirror.percent), mirror.name.as_str())),
        );
    }
    if let Some(failover) = &service.failover {
        parts.push(("first".to_owned(), &failover.service));
        parts.push(("fallback".to_owned(), &failover.fallback));
    }
    parts
}
