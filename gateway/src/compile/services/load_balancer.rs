//! Load balancers: servers, how one is chosen, and whether they are up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::super::children::provider;
use super::super::transports::DEFAULT;
use super::{Core, Parts, Services};
use crate::config::dynamic::{LoadBalancer as Config, Service, Sticky as StickyConfig};
use crate::service::{
    Balancer, Health, HealthCheck, LeastTime, LoadBalancer, P2c, Passive, Server, SlowStart,
    Sticky, Strategy, cookie_name, starts_down,
};
use crate::upstream::{Target, Transport};

impl Services<'_> {
    pub(super) fn load_balancer(
        &self,
        name: &str,
        service: &Service,
        config: &Config,
    ) -> Result<(Core, Parts), String> {
        let transport = self.transport(name, config)?;
        let parts = Parts::Transport(Arc::clone(&transport));
        let core = match self.unchanged(name, service, &parts) {
            Some(core) => core,
            None => self.new_load_balancer(name, config, &transport)?,
        };
        Ok((core, parts))
    }

    fn transport(&self, service: &str, balancer: &Config) -> Result<Arc<Transport>, String> {
        let name = match balancer.servers_transport.as_str() {
            "" | "default" => DEFAULT.to_owned(),
            name => crate::aggregate::qualify(name, provider(service)),
        };
        match self.transports.get(&name) {
            Some(made) => Ok(Arc::clone(&made.transport)),
            None => Err(not_found(balancer, &name)),
        }
    }

    fn new_load_balancer(
        &self,
        name: &str,
        config: &Config,
        transport: &Arc<Transport>,
    ) -> Result<Core, String> {
        let weight = |weight: Option<i64>| weight.unwrap_or(1);
        let choices: Vec<(&str, i64)> = config
            .servers
            .iter()
            .map(|server| (server.url.as_str(), weight(server.weight)))
            .collect();
        let balancer = balancer(name, config, &choices)?;
        let initial = config
            .health_check
            .as_ref()
            .map(|check| check.initial_status.as_str());
        if let Some(other) = initial.filter(|word| !matches!(*word, "" | "UP" | "DOWN")) {
            return Err(format!("invalid initialStatus {other:?}; write UP or DOWN"));
        }
        let health_check = config.health_check.as_ref();
        let before = self.before.get(name);
        let known = before.map(|built| &built.core.servers);
        // What an active check found out of a server holds until it is asked again.
        let checked = before.and_then(|built| built.config.load_balancer.as_ref());
        let same_check = checked.is_some_and(|before| before.health_check == config.health_check);
        let inherited = known.filter(|_| same_check && health_check.is_some());
        let (servers, states) = servers(name, config, transport, inherited)?;
        // Weights count for nothing then.
        let everyone = config.strategy == "p2c";
        let counted = choices
            .iter()
            .filter(|(_, weight)| *weight > 0 || everyone)
            .filter_map(|(url, _)| states.get(*url).cloned());
        let health = match health_check {
            Some(_) => Ok(Health::Servers(counted.collect())),
            None => Err(format!(
                "healthCheck not enabled in config for this {} service",
                strategy_name(config)
            )),
        };
        let handler = LoadBalancer::new(
            servers,
            balancer,
            slow_start(config, known),
            config.pass_host_header.unwrap_or(true),
            self.input.observer.service(name),
        );
        Ok(Core {
            handler: Arc::new(handler),
            health,
            check: health_check.map(|config| {
                let check = HealthCheck::new(name, config, transport, &states);
                Arc::new(check)
            }),
            servers: states,
        })
    }
}

/// Whether servers are up, by URL.
type States = BTreeMap<String, Arc<AtomicBool>>;

fn servers(
    name: &str,
    config: &Config,
    transport: &Arc<Transport>,
    inherited: Option<&States>,
) -> Result<(Vec<Server>, States), String> {
    let active = config.health_check.is_some();
    let starts_up = !config.health_check.as_ref().is_some_and(starts_down);
    let state = |url: &str| match inherited.and_then(|inherited| inherited.get(url)) {
        Some(state) => Arc::clone(state),
        None => Arc::new(AtomicBool::new(starts_up)),
    };
    let (mut states, mut watched) = (States::new(), BTreeMap::new());
    let mut servers = Vec::new();
    for server in &config.servers {
        let target = Target::new(&server.url, server.preserve_path, Arc::clone(transport))
            .map_err(|error| format!("error parsing server URL {}: {error}", server.url))?;
        if let Some(defect) = target.defect() {
            tracing::warn!(service = name, server = %server.url, "this server can never be reached: {defect}");
        }
        // One that is named twice is one server as far as its health goes.
        let up = states
            .entry(server.url.clone())
            .or_insert_with(|| state(&server.url));
        let watch = |config| Arc::new(Passive::new(config, active, Arc::clone(up)));
        let passive = config.passive_health_check.as_ref().map(|config| {
            let known = watched.entry(server.url.as_str());
            Arc::clone(known.or_insert_with(|| watch(config)))
        });
        servers.push(Server {
            target: Arc::new(target),
            up: Arc::clone(up),
            passive,
        });
    }
    Ok((servers, states))
}

/// Servers that join others grow to their share; where all are new there is nobody to take it meanwhile.
fn slow_start(config: &Config, known: Option<&States>) -> Option<SlowStart> {
    let period = config.slow_start?.as_std();
    let joins = |url: &String| known.is_some_and(|known| !known.contains_key(url));
    let new = config.servers.iter().map(|server| joins(&server.url));
    (!period.is_zero()).then(|| SlowStart::new(period, new))
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

/// How Traefik calls a service with this strategy where it has no health check.
fn strategy_name(config: &Config) -> &'static str {
    match config.strategy.as_str() {
        "p2c" => "P2C",
        "hrw" => "HRW",
        "leasttime" => "LeastTime",
        _ => "weighted",
    }
}

fn balancer(name: &str, config: &Config, choices: &[(&str, i64)]) -> Result<Balancer, String> {
    let strategy = match config.strategy.as_str() {
        "" | "wrr" => Strategy::wrr(choices.iter().map(|(_, weight)| *weight)),
        "hrw" => Strategy::hrw(choices),
        "p2c" => Strategy::P2c(P2c::new(choices.len())),
        "leasttime" => {
            let weights = choices.iter().map(|(_, weight)| *weight);
            Strategy::LeastTime(LeastTime::new(weights))
        }
        other => return Err(format!("unsupported load-balancer strategy {other:?}")),
    };
    let sticky = match strategy {
        // The client's address decides, and Traefik writes no cookie then.
        Strategy::Hrw(_) => None,
        // Weights count for nothing.
        Strategy::P2c(_) => {
            let choices: Vec<_> = choices.iter().map(|(url, _)| (*url, 1)).collect();
            sticky(name, config.sticky.as_ref(), &choices)
        }
        _ => sticky(name, config.sticky.as_ref(), choices),
    };
    Ok(Balancer::new(strategy, sticky))
}

/// The cookie that brings clients back to their choice, where one is wanted.
pub(super) fn sticky(
    service: &str,
    config: Option<&StickyConfig>,
    choices: &[(&str, i64)],
) -> Option<Sticky> {
    let cookie = config?.cookie.as_ref()?;
    let name = cookie_name(&cookie.name, service);
    Some(Sticky::new(cookie, name, choices.iter().copied()))
}
