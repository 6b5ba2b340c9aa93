//! Services made of other services: weighted, highest random weight, mirroring, failover.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::objects::Objects;
use super::load_balancer::sticky;
use super::{Child, Core, Parts, Services};
use crate::config::dynamic::{
    Failover as FailoverConfig, Mirroring as MirroringConfig, Service, Weighted as WeightedConfig,
    WeightedService,
};
use crate::http::Handler;
use crate::service::{
    Balancer, Failover, FailoverErrors, FailoverSide, Health, Mirror, Mirroring, Strategy,
    Weighted, WeightedChild,
};
use crate::types::StatusRanges;

/// A handler, and its health or why it tells none.
type Made = Result<(Arc<dyn Handler>, Result<Health, String>), String>;

impl Services<'_> {
    /// Builds the services it is made of, then the service.
    pub(super) fn composed(
        &mut self,
        name: &str,
        config: &Service,
        objects: &mut Objects,
    ) -> Result<(Core, Parts), String> {
        let mut children = Vec::new();
        for child in names(config) {
            let built = self.child(child, name, objects);
            let built = built.map_err(|error| match config.weighted {
                Some(_) => format!("building HTTP service {child:?}: {error}"),
                None => error,
            });
            children.push(built?);
        }
        let handlers = children.iter().map(|child| Arc::clone(&child.handler));
        let parts = Parts::Services(handlers.collect());
        if let Some(core) = self.unchanged(name, config, &parts) {
            return Ok((core, parts));
        }
        let (handler, health) = if let Some(config) = &config.weighted {
            weighted(name, config, children)?
        } else if let Some(config) = &config.highest_random_weight {
            let wants_health = config.health_check.is_some();
            highest_random_weight(name, &config.services, wants_health, children)?
        } else if let Some(config) = &config.mirroring {
            mirroring(config, children)?
        } else if let Some(config) = &config.failover {
            failover(name, config, children)?
        } else {
            return Err(format!("the type of service {name} is not known"));
        };
        let core = Core {
            handler,
            health,
            servers: BTreeMap::new(),
            check: None,
        };
        Ok((core, parts))
    }
}

/// The services that one is made of, as its configuration names them and in the order in which the functions below
/// expect them.
fn names(config: &Service) -> Vec<&str> {
    if let Some(config) = &config.weighted {
        return weighted_names(&config.services);
    }
    if let Some(config) = &config.highest_random_weight {
        return weighted_names(&config.services);
    }
    if let Some(config) = &config.mirroring {
        let mirrors = config.mirrors.iter().map(|mirror| mirror.name.as_str());
        return [config.service.as_str()]
            .into_iter()
            .chain(mirrors)
            .collect();
    }
    match &config.failover {
        Some(config) => vec![&config.service, &config.fallback],
        None => Vec::new(),
    }
}

fn weighted_names(services: &[WeightedService]) -> Vec<&str> {
    let names = services.iter().map(|service| service.name.as_str());
    names.collect()
}

fn shares(services: &[WeightedService]) -> Vec<(&str, i64)> {
    services
        .iter()
        .map(|service| (service.name.as_str(), service.weight.unwrap_or(1)))
        .collect()
}

fn weighted(name: &str, config: &WeightedConfig, children: Vec<Child>) -> Made {
    let choices = shares(&config.services);
    let wants_health = config.health_check.is_some();
    let (children, health) = with_health(name, &choices, wants_health, "weighted", children)?;
    let strategy = Strategy::wrr(choices.iter().map(|(_, weight)| *weight));
    let sticky = sticky(name, config.sticky.as_ref(), &choices);
    let handler = Weighted::new(children, Balancer::new(strategy, sticky));
    Ok((Arc::new(handler), health))
}

fn highest_random_weight(
    name: &str,
    services: &[WeightedService],
    wants_health: bool,
    children: Vec<Child>,
) -> Made {
    let choices = shares(services);
    let (children, health) = with_health(name, &choices, wants_health, "HRW", children)?;
    let strategy = Strategy::hrw(&choices);
    let handler = Weighted::new(children, Balancer::new(strategy, None));
    Ok((Arc::new(handler), health))
}

/// The children of a balancer, who are asked for their health where the balancer wants it. It is then up while one of those
/// is that get requests at all.
fn with_health(
    name: &str,
    choices: &[(&str, i64)],
    wanted: bool,
    kind: &str,
    children: Vec<Child>,
) -> Result<(Vec<WeightedChild>, Result<Health, String>), String> {
    let mut all = Vec::new();
    let mut parts = Vec::new();
    for (child, (child_name, weight)) in children.into_iter().zip(choices) {
        let health = if wanted {
            let health = registered(child_name, name, child.health)?;
            if *weight > 0 {
                parts.push(health.clone());
            }
            Some(health)
        } else {
            None
        };
        all.push(WeightedChild {
            handler: child.handler,
            health,
        });
    }
    let health = if wanted {
        Ok(Health::Any(parts.into()))
    } else {
        Err(not_enabled(kind))
    };
    Ok((all, health))
}

fn not_enabled(kind: &str) -> String {
    format!("healthCheck not enabled in config for this {kind} service")
}

/// Traefik's words for a child that does not tell its health.
fn registered(child: &str, parent: &str, health: Result<Health, String>) -> Result<Health, String> {
    health.map_err(|why| format!("cannot register {child} as updater for {parent}: {why}"))
}

fn mirroring(config: &MirroringConfig, children: Vec<Child>) -> Made {
    let mut children = children.into_iter();
    let Some(main) = children.next() else {
        return Err("mirroring without a service".to_owned());
    };
    let mut mirrors = Vec::new();
    for (child, mirror) in children.zip(&config.mirrors) {
        let percent = u8::try_from(mirror.percent).ok();
        let percent = percent.filter(|percent| *percent <= 100);
        mirrors.push(Mirror {
            handler: child.handler,
            percent: percent.ok_or("percent must be between 0 and 100")?,
        });
    }
    let health = match config.health_check {
        Some(_) => main
            .health
            .map_err(|why| format!("cannot register service of mirroring as updater: {why}")),
        None => Err(not_enabled("mirroring")),
    };
    let handler = Mirroring::new(
        main.handler,
        mirrors,
        config.mirror_body.unwrap_or(true),
        most(config.max_body_size),
    );
    Ok((Arc::new(handler), health))
}

/// A limit in bytes; negative means none.
fn most(bytes: Option<i64>) -> Option<u64> {
    u64::try_from(bytes.unwrap_or(-1)).ok()
}

fn failover(name: &str, config: &FailoverConfig, children: Vec<Child>) -> Made {
    let mut children = children.into_iter();
    let (Some(main), Some(fallback)) = (children.next(), children.next()) else {
        return Err("failover without its two services".to_owned());
    };
    let errors = match &config.errors {
        Some(errors) if !errors.status.is_empty() => Some(FailoverErrors {
            statuses: StatusRanges::parse(&errors.status)
                .map_err(|error| format!("error creating failover service {name}: {error}"))?,
            most_body: most(errors.max_request_body_bytes),
        }),
        _ => None,
    };
    // With statuses to go by, the first service need not tell its health.
    let main_health = match registered(&config.service, name, main.health) {
        Ok(health) => Some(health),
        Err(_) if errors.is_some() => None,
        Err(error) => return Err(error),
    };
    let (fallback_health, health) = match config.health_check {
        Some(_) => {
            let fallback = registered(&config.fallback, name, fallback.health)?;
            let health = match &main_health {
                Some(main) => Health::Any([main.clone(), fallback.clone()].into()),
                // It is always taken to be up, and so is the whole.
                None => Health::Always,
            };
            (Some(fallback), Ok(health))
        }
        None => (None, Err(not_enabled("failover"))),
    };
    let side = |handler, health| FailoverSide { handler, health };
    let handler = Failover::new(
        side(main.handler, main_health),
        side(fallback.handler, fallback_health),
        errors,
    );
    Ok((Arc::new(handler), health))
}
