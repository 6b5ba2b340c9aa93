//! Services: from configuration to what answers requests. Built when first asked for, and once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Input;
use super::objects::Objects;
use super::transports::{DEFAULT, Transports};
use crate::config::dynamic::{LoadBalancer as Config, Service, Type};
use crate::http::Handler;
use crate::observe::{ObservedService, PerWorker};
use crate::service::{LoadBalancer, Server};
use crate::upstream::{Target, Transport};

/// What a run built and the next may use again.
#[derive(Default)]
pub struct Kept {
    pub(super) transports: Transports,
    pub(super) services: BTreeMap<String, Built>,
    pub(super) middlewares: super::middlewares::Kept,
}

/// A service with everything it was made of.
pub(super) struct Built {
    config: Service,
    transport: Arc<Transport>,
    handler: Arc<dyn Handler>,
}

/// Builds services for one run.
pub(super) struct Services<'a> {
    input: &'a Input<'a>,
    transports: &'a Transports,
    before: Kept,
    built: BTreeMap<String, Built>,
}

impl<'a> Services<'a> {
    pub(super) fn new(input: &'a Input<'a>, transports: &'a Transports, before: Kept) -> Self {
        Self {
            input,
            transports,
            before,
            built: BTreeMap::new(),
        }
    }

    /// What the next run may use.
    pub(super) fn into_built(self) -> BTreeMap<String, Built> {
        self.built
    }

    /// The handler of a service, for the router (or service) `user`; else why there is none.
    pub(super) fn handler(
        &mut self,
        name: &str,
        user: &str,
        objects: &mut Objects,
    ) -> Result<Arc<dyn Handler>, String> {
        if let Some(internal) = self.input.internal.get(name) {
            if let Some(state) = objects.services.get_mut(name) {
                state.used_by.insert(user.to_owned());
            }
            return Ok(Arc::clone(internal));
        }
        let input = self.input;
        let config = input
            .merged
            .services
            .get(name)
            .ok_or_else(|| format!("the service \"{name}\" does not exist"))?;
        if let Some(state) = objects.services.get_mut(name) {
            state.used_by.insert(user.to_owned());
        }
        if let Some(built) = self.built.get(name) {
            return Ok(Arc::clone(&built.handler));
        }
        let built = self.build(name, config);
        if let Some(state) = objects.services.get_mut(name) {
            match &built {
                Ok(_) => state.in_use = true,
                Err(error) => state.disable(error.clone()),
            }
        }
        built
    }

    fn build(&mut self, name: &str, config: &Service) -> Result<Arc<dyn Handler>, String> {
        let (Type::One(_), Some(balancer)) = (config.type_of(), &config.load_balancer) else {
            return Err(unsupported(name, config));
        };
        let transport = self.transport(name, balancer)?;
        let same = self.before.services.get(name).filter(|before| {
            before.config == *config && Arc::ptr_eq(&before.transport, &transport)
        });
        let handler = match same {
            Some(before) => Arc::clone(&before.handler),
            None => {
                let observed = self.input.observer.service(name);
                Arc::new(load_balancer(name, balancer, &transport, observed)?)
            }
        };
        let built = Built {
            config: config.clone(),
            transport,
            handler: Arc::clone(&handler),
        };
        self.built.insert(name.to_owned(), built);
        Ok(handler)
    }

    fn transport(&self, service: &str, balancer: &Config) -> Result<Arc<Transport>, String> {
        let name = match balancer.servers_transport.as_str() {
            "" | "default" => DEFAULT.to_owned(),
            name => crate::aggregate::qualify(name, super::children::provider(service)),
        };
        match self.transports.get(&name) {
            Some((_, built)) => built.clone(),
            None => Err(not_found(balancer, &name)),
        }
    }
}

/// Traefik's words, which name the first server that would need it.
fn not_found(balancer: &Config, transport: &str) -> String {
    let why = format!("servers transport not found {transport}");
    match balancer.servers.first() {
        Some(server) => format!(
            "error building proxy for server URL {}: getting RoundTripper: {why}",
            server.url
        ),
        None => why,
    }
}

fn unsupported(name: &str, config: &Service) -> String {
    match config.type_of() {
        Type::None => format!("the service \"{name}\" does not have any type defined"),
        Type::Several => "cannot create service: multi-types service not supported, consider declaring two different pieces of service instead".to_owned(),
        Type::One(kind) => format!("services of type {kind} are not supported yet"),
    }
}

fn load_balancer(
    name: &str,
    config: &Config,
    transport: &Arc<Transport>,
    observed: PerWorker<ObservedService>,
) -> Result<LoadBalancer, String> {
    if !matches!(config.strategy.as_str(), "" | "wrr") {
        return Err(format!(
            "strategy {:?} of service {name} is not supported yet; wrr is",
            config.strategy
        ));
    }
    for (set, option) in [
        (config.sticky.is_some(), "sticky"),
        (config.health_check.is_some(), "healthCheck"),
        (config.passive_health_check.is_some(), "passiveHealthCheck"),
    ] {
        if set {
            // Serving without it is nearer to what the user wants than not serving.
            tracing::warn!(
                service = name,
                option,
                "this option is not supported yet and has no effect"
            );
        }
    }
    let mut servers = Vec::new();
    for server in &config.servers {
        let target = Target::new(&server.url, server.preserve_path, Arc::clone(transport))
            .map_err(|error| format!("error parsing server URL {}: {error}", server.url))?;
        if let Some(defect) = target.defect() {
            tracing::warn!(service = name, server = %server.url, "this server can never be reached: {defect}");
        }
        servers.push(Server {
            target: Arc::new(target),
            weight: server.weight.unwrap_or(1),
        });
    }
    Ok(LoadBalancer::new(
        servers,
        config.pass_host_header.unwrap_or(true),
        observed,
    ))
}
