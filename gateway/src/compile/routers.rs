//! Routers: from rule, middlewares and service to the tables of entry points.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Input;
use super::children::{self, provider};
use super::middlewares;
use super::objects::Objects;
use super::rules::Rules;
use super::services::Services;
use super::tls::Tls;
use crate::aggregate::qualify;
use crate::config::dynamic::{Router, RouterObservability};
use crate::http::{Handler, TimeLimit};
use crate::observe::Asks;
use crate::router::http::{Children, HttpRoute};
use crate::router::{RouteSpec, Table};
use crate::rule::Syntax;
use crate::rule::http::default_priority;
use crate::runtime::EntryTables;
use crate::types::Duration;

/// Deeper trees of routers are refused: each level is a call within a call.
const DEEPEST: usize = 32;
/// Above it are the routers of the provider `internal`; no user's router may come before them.
const HIGHEST: i64 = i64::MAX - 1000;

/// What a router leads to, and its children where it has some.
type Behind = (Arc<dyn Handler>, Option<Arc<Children>>);

/// Builds the tables of one run.
pub(super) struct Routers<'a, 's> {
    input: &'a Input<'a>,
    tls: &'s Tls,
    rules: Rules,
    services: &'s mut Services<'a>,
    objects: &'s mut Objects,
    children: BTreeMap<&'a str, Vec<&'a str>>,
    /// Where the router that is being built is: its entry point, and the routers from the root down to it, each with
    /// its service.
    entry_point: &'a str,
    path: Vec<(String, String)>,
    /// What the root asks to be recorded holds for its children.
    asks: Asks,
}

impl<'a, 's> Routers<'a, 's> {
    pub(super) fn new(
        input: &'a Input<'a>,
        tls: &'s Tls,
        rules: Rules,
        services: &'s mut Services<'a>,
        objects: &'s mut Objects,
    ) -> Self {
        let children = children::children(input.merged);
        Self {
            input,
            tls,
            rules,
            services,
            objects,
            children,
            entry_point: "",
            path: Vec::new(),
            asks: asks(None, ""),
        }
    }

    /// The rules that were compiled, for the next run.
    pub(super) fn into_rules(self) -> Rules {
        self.rules.into_kept()
    }

    /// The tables of one entry point.
    pub(super) fn tables(&mut self, entry_point: &'a str) -> EntryTables {
        let (mut plain, mut tls) = (Vec::new(), Vec::new());
        self.entry_point = entry_point;
        let input = self.input;
        for (name, router) in &input.merged.routers {
            let here = router.entry_points.iter().any(|known| known == entry_point);
            if !router.parent_refs.is_empty() || !here {
                continue;
            }
            let state = self.objects.router(name);
            state.used_by.push(entry_point.to_owned());
            self.asks = asks(router.observability.as_ref(), &router.service);
            if let Some(spec) = self.spec(name, router, 0) {
                if router.tls.is_some() {
                    tls.push(spec);
                } else {
                    plain.push(spec);
                }
            }
        }
        EntryTables {
            plain: Table::build(plain),
            tls: Table::build(tls),
            tls_options: self.tls.table(input, entry_point),
        }
    }

    /// One router as a row of a table; `None` where it cannot be, with the reason in its state.
    fn spec(&mut self, name: &str, router: &Router, depth: usize) -> Option<RouteSpec<HttpRoute>> {
        let leads_to = match router.service.as_str() {
            // Traefik's name of what chooses among children.
            "" => format!("{name}-muxer"),
            service => qualify(service, provider(name)),
        };
        self.path.push((name.to_owned(), leads_to));
        let spec = self.try_spec(name, router, depth);
        self.path.pop();
        match spec {
            Ok(spec) => Some(spec),
            Err(reason) => {
                self.objects.disable_router(name, reason);
                None
            }
        }
    }

    fn try_spec(
        &mut self,
        name: &str,
        router: &Router,
        depth: usize,
    ) -> Result<RouteSpec<HttpRoute>, String> {
        self.tls.check(name, router)?;
        let priority = priority(name, router)?;
        let (handler, children) = self.handler(name, router, depth)?;
        // Where rule and middlewares are wrong, Traefik tells of the middlewares.
        let syntax = Syntax::named(&router.rule_syntax);
        let matcher = self.rules.get(&router.rule, syntax)?;
        let path: Vec<(&str, &str)> = self
            .path
            .iter()
            .map(|(router, service)| (router.as_str(), service.as_str()))
            .collect();
        let observer = self.input.observer;
        let service = match router.service.as_str() {
            "" => String::new(),
            service => qualify(service, provider(name)),
        };
        let payload = HttpRoute {
            name: name.into(),
            service: service.into(),
            handler,
            children,
            priority_is_set: router.priority != 0,
            observed: observer.route(self.entry_point, &path, self.asks),
            tls_options: self
                .input
                .merged
                .tls
                .routers
                .get(name)
                .map(|options| options.as_str().into()),
        };
        let provider_rank = self.rank(name);
        Ok(RouteSpec {
            name: name.to_owned(),
            matcher,
            priority,
            provider_rank,
            payload,
        })
    }

    /// The router's middlewares in front of its children or its service.
    fn handler(&mut self, name: &str, router: &Router, depth: usize) -> Result<Behind, String> {
        let below = self.children.get(name).cloned().unwrap_or_default();
        let (tail, children): (Arc<dyn Handler>, _) = if below.is_empty() {
            (self.service(name, router)?, None)
        } else {
            let children = self.divided(below, depth)?;
            (Arc::clone(&children) as _, Some(children))
        };
        let (services, objects) = (&mut *self.services, &mut *self.objects);
        let handler =
            middlewares::wrap("router", name, &router.middlewares, tail, services, objects)?;
        let handler = TimeLimit::wrap(handler, router.timeout.map(Duration::as_std));
        Ok((handler, children))
    }

    fn service(&mut self, name: &str, router: &Router) -> Result<Arc<dyn Handler>, String> {
        if router.service.is_empty() {
            // Said once, however it is found out.
            return Err("router has no service and no child routers".to_owned());
        }
        let service = qualify(&router.service, provider(name));
        self.services.handler(&service, self.objects)
    }

    fn divided(&mut self, below: Vec<&'a str>, depth: usize) -> Result<Arc<Children>, String> {
        if depth >= DEEPEST {
            return Err(format!(
                "routers are nested more than {DEEPEST} levels deep"
            ));
        }
        let input = self.input;
        let mut specs = Vec::new();
        for child in below {
            let Some(router) = input.merged.routers.get(child) else {
                continue;
            };
            let misplaced = router.tls.is_some()
                || router.observability.is_some()
                || !router.entry_points.is_empty();
            if !misplaced {
                specs.extend(self.spec(child, router, depth + 1));
            }
        }
        if specs.is_empty() {
            return Err("router has no usable child routers".to_owned());
        }
        Ok(Arc::new(Children {
            table: Table::build(specs),
        }))
    }

    /// A provider's place in `providers.precedence`, counted from the end.
    fn rank(&self, name: &str) -> i64 {
        let precedence = self.input.precedence;
        let place = precedence.iter().position(|known| known == provider(name));
        place.map_or(0, |place| {
            i64::try_from(precedence.len() - place).unwrap_or(0)
        })
    }
}

/// The priority that was written, or the length of the rule.
fn priority(name: &str, router: &Router) -> Result<i64, String> {
    if router.priority > HIGHEST && provider(name) != "internal" {
        return Err(format!(
            "the router priority {} exceeds the max user-defined priority {HIGHEST}",
            router.priority
        ));
    }
    Ok(match router.priority {
        0 => default_priority(&router.rule),
        set => set,
    })
}

/// What is to be recorded of a router's requests.
fn asks(said: Option<&RouterObservability>, service: &str) -> Asks {
    Asks {
        access_log: said.and_then(|said| said.access_logs).unwrap_or(true),
        metrics: said.and_then(|said| said.metrics).unwrap_or(true),
        internal: service.ends_with("@internal"),
    }
}

/// Names entry points that are not there, in Traefik's words.
pub(super) fn check_entry_points(input: &Input<'_>, objects: &mut Objects) {
    for (name, router) in &input.merged.routers {
        if !router.parent_refs.is_empty() {
            continue;
        }
        let unknown: Vec<&String> = router
            .entry_points
            .iter()
            .filter(|entry| !input.entry_points.contains(*entry))
            .collect();
        let state = objects.router(name);
        for entry_point in &unknown {
            state.warn(format!("entryPoint \"{entry_point}\" doesn't exist"));
        }
        if unknown.len() == router.entry_points.len() {
            state.disable("no valid entryPoint for this router");
        }
    }
}
