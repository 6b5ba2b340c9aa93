//! Middlewares in front of a router's service: names resolved, chains unrolled, each built for the router that uses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::children::provider;
use super::objects::Objects;
use super::recursion;
use super::services::Services;
use crate::aggregate::{files, qualify};
use crate::config::dynamic::{Middleware, Type};
use crate::http::Handler;
use crate::middleware::{self, Built, Site};

/// Middlewares that remember something, with the configuration they were built of: by the router or service they are
/// in front of, place in its chain counted from the end, and name. In Traefik each use of a name is a middleware of its own.
pub(super) type Kept = BTreeMap<(&'static str, String, usize, String), (Middleware, Built)>;

/// What was built: that which outlives runs, and that which one run uses again.
#[derive(Default)]
pub(super) struct State {
    before: Kept,
    now: Kept,
    /// Filters that remember nothing, by name: all who use one share it.
    shared: BTreeMap<String, Built>,
}

impl State {
    /// With what the last run kept.
    pub(super) fn new(before: Kept) -> Self {
        Self {
            before,
            ..Self::default()
        }
    }

    /// What the next run may use again.
    pub(super) fn into_kept(self) -> Kept {
        self.now
    }
}

/// Puts `names` in front of `tail`, which is that of the `kind` (router or service) `user`.
pub(super) fn wrap(
    kind: &'static str,
    user: &str,
    names: &[String],
    tail: Arc<dyn Handler>,
    services: &mut Services<'_>,
    objects: &mut Objects,
) -> Result<Arc<dyn Handler>, String> {
    let mut unroll = Unroll {
        kind,
        user,
        services,
        objects,
        stack: Vec::new(),
        built: Vec::new(),
    };
    unroll.all(names, provider(user))?;
    let mut built = unroll.built;
    built.reverse();
    Ok(middleware::assemble(built, tail))
}

struct Unroll<'a, 's, 'i> {
    kind: &'static str,
    user: &'a str,
    services: &'s mut Services<'i>,
    objects: &'s mut Objects,
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
        let input = self.services.input();
        let Some(config) = input.merged.middlewares.get(name) else {
            return Err(format!("middleware \"{name}\" does not exist"));
        };
        recursion(&self.stack, "middleware", name)
            .and_then(|()| self.build(name, config))
            .inspect_err(|error| {
                if let Some(state) = self.objects.middlewares.get_mut(name) {
                    state.disable(error.clone());
                }
            })
    }

    fn build(&mut self, name: &str, config: &Middleware) -> Result<(), String> {
        if let (Some(chain), Type::One(_)) = (&config.chain, config.type_of()) {
            self.stack.push(name.to_owned());
            let unrolled = self.all(&chain.middlewares, provider(name));
            self.stack.pop();
            return unrolled;
        }
        if let Some(built) = self.services.middlewares.shared.get(name) {
            self.built.push(built.clone());
            return Ok(());
        }
        let place = (
            self.kind,
            self.user.to_owned(),
            self.built.len(),
            name.to_owned(),
        );
        let input = self.services.input();
        let state = &mut self.services.middlewares;
        if let Some((before, built)) = state.before.get(&place)
            && before == config
            && input.unchanged(&files::of_middleware(config))
        {
            self.built.push(built.clone());
            let kept = (config.clone(), built.clone());
            state.now.insert(place, kept);
            return Ok(());
        }
        let (services, objects) = (&mut *self.services, &mut *self.objects);
        let mut service = |service: &str| {
            let service = qualify(service, provider(name));
            services.handler(&service, objects)
        };
        let mut site = Site {
            name,
            caches: input.caches,
            service: &mut service,
        };
        let built = middleware::build(name, config, &mut site)?;
        if built.keeps_state() {
            let kept = (config.clone(), built.clone());
            self.services.middlewares.now.insert(place, kept);
        } else if matches!(built, Built::Filter(_)) {
            let shared = &mut self.services.middlewares.shared;
            shared.insert(name.to_owned(), built.clone());
        }
        self.built.push(built);
        Ok(())
    }
}
