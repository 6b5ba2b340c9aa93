//! Building services: each once, its parts before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::children::provider;
use super::super::objects::Objects;
use super::super::transports::Transports;
use super::super::{Input, middlewares, recursion};
use super::{Built, Child, Core, Kept, Parts, Services};
use crate::aggregate::qualify;
use crate::config::dynamic::{Service, Type};
use crate::http::{Handler, TimeLimit};
use crate::service::HealthCheck;
use crate::types::Duration;

impl<'a> Services<'a> {
    pub(in crate::compile) fn new(
        input: &'a Input<'a>,
        transports: &'a Transports,
        before: Kept,
    ) -> Self {
        Self {
            input,
            transports,
            before: before.services,
            built: BTreeMap::new(),
            middlewares: middlewares::State::new(before.middlewares),
            stack: Vec::new(),
        }
    }

    /// What is compiled.
    pub(in crate::compile) fn input(&self) -> &'a Input<'a> {
        self.input
    }

    /// The health checks of all services in use. One whose service did not change is the one of the last run.
    pub(in crate::compile) fn checks(&self) -> Vec<Arc<HealthCheck>> {
        let cores = self.built.values().map(|built| &built.core);
        cores.filter_map(|core| core.check.clone()).collect()
    }

    /// What the next run may use.
    pub(in crate::compile) fn into_built(self) -> (BTreeMap<String, Built>, middlewares::Kept) {
        (self.built, self.middlewares.into_kept())
    }

    /// The handler of a service; else why there is none.
    pub(in crate::compile) fn handler(
        &mut self,
        name: &str,
        objects: &mut Objects,
    ) -> Result<Arc<dyn Handler>, String> {
        if let Some(internal) = self.input.internal.get(name) {
            return Ok(Arc::clone(internal));
        }
        let input = self.input;
        let config = input.merged.services.get(name);
        let config = config.ok_or_else(|| format!("the service \"{name}\" does not exist"))?;
        if let Some(built) = self.built.get(name) {
            return Ok(Arc::clone(&built.handler));
        }
        if let Some(reasons) = objects.service(name).disabled_because() {
            return Err(reasons);
        }
        let built = self.build(name, config, objects);
        let state = objects.service(name);
        match built {
            Ok(built) => {
                state.servers.clone_from(&built.core.servers);
                let handler = Arc::clone(&built.handler);
                self.built.insert(name.to_owned(), built);
                Ok(handler)
            }
            Err(error) => {
                state.disable(error.clone());
                Err(error)
            }
        }
    }

    fn build(
        &mut self,
        name: &str,
        config: &Service,
        objects: &mut Objects,
    ) -> Result<Built, String> {
        if config.type_of() == Type::Several {
            return Err("cannot create service: multi-types service not supported, consider declaring two different pieces of service instead".to_owned());
        }
        recursion(&self.stack, "service", name).inspect_err(|error| {
            objects.service(name).disable(error.clone());
        })?;
        self.stack.push(name.to_owned());
        let core = self.core(name, config, objects);
        self.stack.pop();
        let (core, parts) = core?;
        let tail = Arc::clone(&core.handler);
        let handler = if config.middlewares.is_empty() {
            tail
        } else {
            middlewares::wrap("service", name, &config.middlewares, tail, self, objects)?
        };
        let balancer = config.load_balancer.as_ref();
        let limit = balancer.and_then(|balancer| balancer.timeout);
        let handler = TimeLimit::wrap(handler, limit.map(Duration::as_std));
        Ok(Built {
            config: config.clone(),
            parts,
            core,
            handler,
        })
    }

    fn core(
        &mut self,
        name: &str,
        config: &Service,
        objects: &mut Objects,
    ) -> Result<(Core, Parts), String> {
        if let Some(balancer) = &config.load_balancer {
            return self.load_balancer(name, config, balancer);
        }
        if config.type_of() == Type::None {
            return Err(format!(
                "the service \"{name}\" does not have any type defined"
            ));
        }
        self.composed(name, config, objects)
    }

    /// What the last run made of the same configuration and the same parts.
    pub(super) fn unchanged(&self, name: &str, config: &Service, parts: &Parts) -> Option<Core> {
        let before = self.before.get(name)?;
        (before.config == *config && before.parts.are(parts)).then(|| before.core.clone())
    }

    /// The service `name` as `user` uses it.
    pub(super) fn child(
        &mut self,
        name: &str,
        user: &str,
        objects: &mut Objects,
    ) -> Result<Child, String> {
        let name = qualify(name, provider(user));
        let handler = self.handler(&name, objects)?;
        let health = match self.built.get(&name) {
            Some(built) => built.core.health.clone(),
            None => Err("it is one of the gateway's own services".to_owned()),
        };
        Ok(Child { handler, health })
    }
}
