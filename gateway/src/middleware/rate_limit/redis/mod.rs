//! Buckets in Redis, which several gateways share.

mod cluster;
mod endpoint;
mod link;
mod node;
mod script;
mod slots;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::cluster::Cluster;
use self::endpoint::Endpoint;
use self::node::{Node, Trouble};
use self::script::Take;
use super::bucket::{Limit, Taken};
use crate::config::dynamic::RateLimitRedis as Config;

/// See the module.
#[derive(Debug)]
pub(super) struct Redis {
    servers: Servers,
    script: Take,
    /// What stands before a client in its key: keys are those of Traefik, `rate:NAME@PROVIDER:CLIENT`.
    prefix: String,
    /// What happens while it is away.
    pub(super) fallback: Fallback,
}

/// Where the buckets are.
#[derive(Debug)]
enum Servers {
    One(Arc<Node>),
    Cluster(Cluster),
}

impl Servers {
    /// More than one address is a cluster, as in Traefik.
    fn new(config: &Config) -> Result<Self, String> {
        let endpoints = config.endpoints.iter();
        let endpoints = endpoints.map(|text| Endpoint::new(text, config).map(Arc::new));
        let endpoints: Vec<_> = endpoints.collect::<Result<_, _>>()?;
        match <[_; 1]>::try_from(endpoints) {
            Ok([one]) => Ok(Self::One(Arc::new(Node::new(one)))),
            Err(none) if none.is_empty() => {
                Err("redis.endpoints must name a Redis, or nodes of a Redis Cluster".to_owned())
            }
            Err(seeds) => {
                if config.db != 0 {
                    let db = config.db;
                    return Err(format!(
                        "redis.db: a Redis Cluster has no database {db}, only 0"
                    ));
                }
                if seeds.iter().any(|seed| seed.host().is_empty()) {
                    return Err(
                        "redis.endpoints: the nodes of a Redis Cluster are named by host and port"
                            .to_owned(),
                    );
                }
                Ok(Self::Cluster(Cluster::new(seeds)))
            }
        }
    }
}

/// What happens to requests while Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fallback {
    /// A 500, as in Traefik.
    Deny,
    /// They pass.
    Allow,
    /// This gateway's own buckets count.
    Local,
}

impl Redis {
    /// Connects to nothing yet.
    pub(super) fn new(config: &Config) -> Result<Self, String> {
        let fallback = match config.on_unavailable.as_str() {
            "" | "deny" => Fallback::Deny,
            "allow" => Fallback::Allow,
            "local" => Fallback::Local,
            other => {
                return Err(format!(
                    "redis.onUnavailable: {other:?} is none of deny, allow and local"
                ));
            }
        };
        Ok(Self {
            servers: Servers::new(config)?,
            script: Take::new(),
            prefix: String::new(),
            fallback,
        })
    }

    /// The middleware's name, for the keys.
    pub(super) fn named(&mut self, name: &str) {
        self.prefix = format!("rate:{name}:");
    }

    /// The key of a client's bucket.
    pub(super) fn key(&self, client: &[u8]) -> Vec<u8> {
        [self.prefix.as_bytes(), client].concat()
    }

    /// Takes a token from the bucket; `None` where Redis is away.
    pub(super) async fn take(&self, limit: &Limit, key: &[u8]) -> Option<Taken> {
        let (node, taken) = match &self.servers {
            Servers::One(node) => {
                let taken = node.take(&self.script, limit, key, false).await;
                (Some(Arc::clone(node)), taken.map_err(told))
            }
            Servers::Cluster(cluster) => match cluster.take(&self.script, limit, key).await {
                Ok((node, taken)) => {
                    if cluster.outage.ends() {
                        tracing::info!(redis = "cluster", "the Redis of a rateLimit is back");
                    }
                    (Some(node), Ok(taken))
                }
                Err((node, why)) => (node, Err(why)),
            },
        };
        match (taken, node, &self.servers) {
            (Ok(taken), node, _) => {
                if let Some(node) = node.filter(|node| node.outage.ends()) {
                    tracing::info!(redis = %node.endpoint, "the Redis of a rateLimit is back");
                }
                return Some(taken);
            }
            (Err(why), Some(node), _) => {
                if node.outage.begins() {
                    self.say_away(&node.endpoint, &why);
                }
            }
            (Err(why), None, Servers::Cluster(cluster)) => {
                if cluster.outage.begins() {
                    self.say_away(&"cluster", &why);
                }
            }
            (Err(_), None, Servers::One(_)) => {}
        }
        None
    }

    fn say_away(&self, redis: &dyn std::fmt::Display, why: &str) {
        tracing::error!(%redis, why, until_then = ?self.fallback, keys = %self.prefix,
            "the Redis of a rateLimit is away: requests are treated as onUnavailable says until it is back");
    }
}

/// Why the only Redis took no token.
fn told(trouble: Trouble) -> Arc<str> {
    match trouble {
        Trouble::Away(why) => why,
        Trouble::Moved(to) | Trouble::Ask(to) => {
            format!("it is a node of a Redis Cluster, and the key is at {to}: name more of its nodes in redis.endpoints").into()
        }
    }
}
