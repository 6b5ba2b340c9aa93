//! Buckets in Redis, which several gateways share.

mod endpoint;
mod link;
mod script;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::RedisError;

use self::endpoint::Endpoint;
use self::link::Links;
use self::script::Take;
use super::bucket::{Limit, Taken};
use crate::config::dynamic::RateLimitRedis as Config;

/// See the module.
#[derive(Debug)]
pub(super) struct Redis {
    endpoint: Arc<Endpoint>,
    links: Links,
    script: Take,
    /// What stands before a client in its key: keys are those of Traefik, `rate:NAME@PROVIDER:CLIENT`.
    prefix: String,
    /// What happens while it is away.
    pub(super) fallback: Fallback,
    /// Whether it is away, so that it is said once.
    away: AtomicBool,
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
            endpoint: Arc::new(Endpoint::new(config)?),
            links: Links::default(),
            script: Take::new(),
            prefix: String::new(),
            fallback,
            away: AtomicBool::new(false),
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
        match self.try_take(limit, key).await {
            Ok(taken) => {
                if self.away.load(Ordering::Relaxed) && self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!(redis = %self.endpoint, "the Redis of a rateLimit is back");
                }
                Some(taken)
            }
            Err(why) => {
                if !self.away.swap(true, Ordering::Relaxed) {
                    tracing::error!(redis = %self.endpoint, %why, until_then = ?self.fallback, keys = %self.prefix,
                        "the Redis of a rateLimit is away: requests are treated as onUnavailable says until it is back");
                }
                None
            }
        }
    }

    async fn try_take(&self, limit: &Limit, key: &[u8]) -> Result<Taken, Arc<str>> {
        let link = self.links.of_this_worker(&self.endpoint);
        let mut again = true;
        loop {
            let (number, mut connection) = link.connection().await?;
            let error = match self.script.run(limit, key, &mut connection).await {
                Ok(taken) => return Ok(taken),
                Err(error) => error,
            };
            let why = error.to_string();
            if error.is_timeout() {
                link.lost(number, Some(&why));
                return Err(why.into());
            }
            if !broken(&error) {
                return Err(why.into());
            }
            // Redis has perhaps closed it long ago. If it did take the token, one is lost, and none won.
            link.lost(number, None);
            if !std::mem::take(&mut again) {
                return Err(why.into());
            }
        }
    }
}

/// Whether another connection might do better.
fn broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error()
}
