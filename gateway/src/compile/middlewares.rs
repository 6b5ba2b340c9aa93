//! Middlewares in front of a router's service: names resolved, chains unrolled, each built for the router that uses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Input;
use super::children::provider;
use super::objects::Objects;
use super::services::Services;
use crate::aggregate::qualify;
use crate::config::dynamic::{Middleware, Type};
use crate::http::Handler;
use crate::middleware::{self, Built, Site};

/// Middlewares that remember something, with the configuration they were built of: by router, place in its chain
/// counted from the end, and name. In Traefik each use of a name is a middleware of its own.
pub(super) type Kept = BTreeMap<(String, usize, String), (Middleware, Built)>;

/// What outlives runs.
#[derive(Default)]
pub(super) struct State {
    pub(super) before: Kept,
    pub(super) now: Kept,
}

/// Puts `names` in front of `tail`.
pub(super) fn wrap(
    router: &str,
    names: &[String],
    tail: Arc<dyn Handler>,
    input: &Input<'_>,
    services: &mut Services<'_>,
    objects: &mut Objects,
    state: &mut State,
) -> Result<Arc<dyn Handler>, String> {
    let mut unroll = Unroll {
        router,
        input,
        services,
        objects,
        state,
        stack: Vec::new(),
        built: Vec::new(),
    };
    unroll.all(names, provider(router))?;
    let mut built = unroll.built;
    built.reverse();
    Ok(middleware::assemble(built, tail))
}

/// Tells every middleware which routers name it, whatever became of them.
pub(super) fn mark_used(input: &Input<'_>, objects: &mut Objects) {
    for (router, config) in &input.merged.routers {
        for name in &config.middlewares {
            let name = qualify(name, provider(router));
            if let Some(state) = objects.middlewares.get_mut(&name) {
                state.used_by.insert(router.clone());
            }
        }
    }
}

struct Unroll<'a, 's, 'i> {
    router: &'a str,
    input: &'a Input<'a>,
    services: &'s mut Services<'i>,
    objects: &'s mut Objects,
    state: &'s mut State,
    /// The middlewares that are being unrolled, outermost first.
    stack: Vec<String>,
    /// Last first.
    built: Vec<Built>,
}

impl Unroll<'_, '_, '_> {
    /// From the last to the first: where several are wrong, Traefik names the last.
    fn all(&mut self, names: &[String], provider: &str) -> Result<(), String> {
        for name in names.iter().rev() {
            self.one(&qualify(name, provider))?;
        }
        Ok(())
    }

    fn one(&mut self, name: &str) -> Result<(), String> {
        let Some(config) = self.input.merged.middlewares.get(name) else {
            return Err(format!("middleware \"{name}\" does not exist"));
        };
        self.recursion(name)
            .and_then(|()| self.build(name, config))
            .inspect_err(|error| {
                if let Some(state) = self.objects.middlewares.get_mut(name) {
                    state.disable(error.clone());
                }
            })
    }

    fn recursion(&self, name: &str) -> Result<(), String> {
        if !self.stack.iter().any(|known| known == name) {
            return Ok(());
        }
        let chain: Vec<String> = self
            .stack
            .iter()
            .map(String::as_str)
            .chain([name])
            .map(|name| format!("middleware:{name}"))
            .collect();
        Err(format!(
            "could not instantiate middleware {name}: recursion detected in {}",
            chain.join("->")
        ))
    }

    fn build(&mut self, name: &str, config: &Middleware) -> Result<(), String> {
        if let (Some(chain), Type::One(_)) = (&config.chain, config.type_of()) {
            self.stack.push(name.to_owned());
            let unrolled = self.all(&chain.middlewares, provider(name));
            self.stack.pop();
            return unrolled;
        }
        let place = (self.router.to_owned(), self.built.len(), name.to_owned());
        if let Some((before, built)) = self.state.before.get(&place)
            && before == config
        {
            self.built.push(built.clone());
            let kept = (config.clone(), built.clone());
            self.state.now.insert(place, kept);
            return Ok(());
        }
        let (services, objects, router) = (&mut *self.services, &mut *self.objects, self.router);
        let mut service = |service: &str| {
            let service = qualify(service, provider(name));
            services.handler(&service, router, objects)
        };
        let mut site = Site {
            service: &mut service,
        };
        let built = middleware::build(name, config, &mut site)?;
        if built.keeps_state() {
            let kept = (config.clone(), built.clone());
            self.state.now.insert(place, kept);
        }
        self.built.push(built);
        Ok(())
    }
}
