//! Active health checks: every server of a load balancer is asked again and again, and what it answers decides whether
//! it takes requests.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::grpc;
use super::probe::Probe;
use crate::config::dynamic::ServerHealthCheck as Config;
use crate::upstream::Transport;

/// Traefik's values in place of those that make no sense.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(5);

/// The check of one load balancer.
pub struct Check {
    service: Box<str>,
    servers: Box<[Server]>,
    /// From one probe to the next while a server is up.
    interval: Duration,
    /// The same while it is down.
    unhealthy_interval: Duration,
    /// For all of a probe, redirections included.
    timeout: Duration,
    /// Probes in a row that make a server up, and down.
    thresholds: (u32, u32),
    /// The first probe is not one interval away.
    at_once: bool,
}

/// A server's probes so far.
#[derive(Default)]
struct Run {
    good: u32,
    bad: u32,
}

impl Run {
    /// What follows from one more probe for a server that `was_up`.
    fn then(&mut self, good: bool, was_up: bool, thresholds: (u32, u32)) -> bool {
        if good {
            *self = Self {
                good: self.good.saturating_add(1),
                bad: 0,
            };
            was_up || self.good >= thresholds.0
        } else {
            *self = Self {
                good: 0,
                bad: self.bad.saturating_add(1),
            };
            was_up && self.bad < thresholds.1
        }
    }
}

struct Server {
    url: Box<str>,
    up: Arc<AtomicBool>,
    probe: AnyProbe,
}

enum AnyProbe {
    Http(Box<Probe>),
    Grpc(grpc::Probe),
}

impl Check {
    /// The check of `servers` by their URLs. What is wrong with its options is the reason why they are down.
    pub fn new(
        service: &str,
        config: &Config,
        transport: &Arc<Transport>,
        servers: &BTreeMap<String, Arc<AtomicBool>>,
    ) -> Self {
        let positive = |option: &str, duration: crate::types::Duration, default| {
            let duration = duration.as_std();
            if duration.is_zero() {
                tracing::error!(
                    service,
                    "healthCheck.{option} is not above zero; {default:?} is used instead"
                );
                return default;
            }
            duration
        };
        let interval = positive("interval", config.interval, INTERVAL);
        let server = |(url, up): (&String, &Arc<AtomicBool>)| Server {
            url: url.as_str().into(),
            up: Arc::clone(up),
            probe: match config.mode.as_str() {
                "grpc" => AnyProbe::Grpc(grpc::Probe::new(config, url)),
                _ => AnyProbe::Http(Box::new(Probe::new(config, url, transport))),
            },
        };
        Self {
            service: service.into(),
            servers: servers.iter().map(server).collect(),
            interval,
            unhealthy_interval: match config.unhealthy_interval {
                Some(given) => positive("unhealthyInterval", given, INTERVAL),
                None => interval,
            },
            timeout: positive("timeout", config.timeout, TIMEOUT),
            thresholds: (
                threshold(config.healthy_threshold),
                threshold(config.unhealthy_threshold),
            ),
            at_once: starts_down(config),
        }
    }

    /// Probes until it is dropped. Servers do not wait for each other. The first probe is one interval away, as in
    /// Traefik: until then servers are taken to be up. Where they are taken to be down it is at once.
    pub async fn run(self: Arc<Self>) {
        let mut probing = JoinSet::new();
        for index in 0..self.servers.len() {
            let check = Arc::clone(&self);
            probing.spawn_local(async move {
                if let Some(server) = check.servers.get(index) {
                    check.watch(server).await;
                }
            });
        }
        while probing.join_next().await.is_some() {}
    }

    async fn watch(&self, server: &Server) {
        let mut next = Instant::now();
        if !self.at_once {
            next += self.interval;
        }
        let mut run = Run::default();
        loop {
            tokio::time::sleep_until(next).await;
            let start = Instant::now();
            let result = match tokio::time::timeout(self.timeout, server.probe.ask()).await {
                Ok(result) => result,
                Err(_) => Err(format!("no answer in {:?}", self.timeout)),
            };
            let was_up = server.up.load(Ordering::Relaxed);
            let up = run.then(result.is_ok(), was_up, self.thresholds);
            server.up.store(up, Ordering::Relaxed);
            let (service, url) = (&self.service, &server.url);
            match result {
                Err(reason) if was_up && !up => {
                    tracing::warn!(%service, server = %url, %reason, "Health check failed: the server is DOWN");
                }
                Ok(()) if up && !was_up => {
                    tracing::info!(%service, server = %url, "The server is UP again");
                }
                _ => {}
            }
            next = start
                + if up {
                    self.interval
                } else {
                    self.unhealthy_interval
                };
        }
    }
}

/// Whether servers are down until a probe says otherwise (`initialStatus`).
pub fn starts_down(config: &Config) -> bool {
    config.initial_status.eq_ignore_ascii_case("DOWN")
}

fn threshold(said: Option<i64>) -> u32 {
    said.and_then(|said| u32::try_from(said).ok())
        .unwrap_or(1)
        .max(1)
}

impl AnyProbe {
    async fn ask(&self) -> Result<(), String> {
        match self {
            Self::Http(probe) => probe.ask().await,
            Self::Grpc(probe) => probe.ask().await,
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("service", &self.service)
            .field("servers", &self.servers.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_count_probes_in_a_row() {
        let mut run = Run::default();
        let mut up = true;
        let mut states = String::new();
        for probe in "bbgbbbggbgggb".chars() {
            up = run.then(probe == 'g', up, (3, 3));
            states.push(if up { 'U' } else { 'D' });
        }
        assert_eq!(states, "UUUUUDDDDDDUU");
    }
}
