//! Token buckets of this gateway, one for each client.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::dynamic::RateLimit as Config;

/// Clients whose buckets are kept at most (Traefik's figure).
pub(super) const MOST: usize = 65_536;

/// What holds for each bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    /// Tokens in a second.
    pub(super) rate: f64,
    /// Tokens that a bucket holds.
    pub(super) burst: f64,
    /// A request waits this long for its token, and is refused where it would be longer.
    pub(super) longest_wait: Duration,
    /// A bucket that was not used for so long is forgotten. Whole seconds.
    pub(super) forget: Duration,
}

/// What a bucket says of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Taken {
    /// Whether a token was taken. A refused request takes none.
    pub(super) granted: bool,
    /// How long until that token is there.
    pub(super) wait: Duration,
    /// What is left; below zero while requests wait.
    pub(super) tokens: f64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    pub(super) tokens: f64,
    pub(super) filled: Instant,
    pub(super) used: Instant,
}

/// The buckets of all clients, shared by all workers.
#[derive(Debug, Default)]
pub(super) struct Buckets(pub(super) Mutex<HashMap<Box<[u8]>, Bucket>>);

impl Limit {
    /// `None` lets everything pass.
    pub(super) fn new(config: &Config) -> Option<Self> {
        if config.average <= 0 {
            return None;
        }
        let period = match config.period.as_std() {
            Duration::ZERO => Duration::from_secs(1),
            period => period,
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rate of 2^53 requests is no limit"
        )]
        let (average, burst) = (config.average as f64, config.burst.max(1) as f64);
        let rate = average / period.as_secs_f64();
        // Traefik's figures: half the time between two tokens, but half a second where tokens are rarer than that.
        let longest_wait = match rate {
            slow if slow < 1.0 => Duration::from_millis(500),
            fast => Duration::from_secs_f64(0.5 / fast.floor()),
        };
        let forget = match rate {
            slow if slow < 1.0 => 1.0 + (1.0 / slow).floor(),
            _ => 2.0,
        };
        Some(Self {
            rate,
            burst,
            longest_wait,
            forget: Duration::try_from_secs_f64(forget).unwrap_or(Duration::MAX),
        })
    }
}

impl Buckets {
    /// Takes a token from the client's bucket.
    pub(super) fn take(&self, limit: &Limit, client: &[u8]) -> Taken {
        let now = Instant::now();
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(client)
            && now.duration_since(bucket.used) < limit.forget
        {
            return bucket.take(limit, now);
        }
        if buckets.len() >= MOST {
            make_room(&mut buckets, limit, now);
        }
        let mut bucket = Bucket {
            tokens: limit.burst,
            filled: now,
            used: now,
        };
        let taken = bucket.take(limit, now);
        buckets.insert(client.into(), bucket);
        taken
    }
}

impl Bucket {
    /// Takes a token, and tells how long to wait for it. Where that is too long, none is taken.
    pub(super) fn take(&mut self, limit: &Limit, now: Instant) -> Taken {
        // Workers read the clock before they have the lock: the one that waited is a little late.
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * limit.rate).min(limit.burst);
        (self.filled, self.used) = (now.max(self.filled), now.max(self.used));
        let after = self.tokens - 1.0;
        let wait = (-after / limit.rate).max(0.0);
        let wait = Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX);
        let granted = wait <= limit.longest_wait;
        if granted {
            self.tokens = after;
        }
        Taken {
            granted,
            wait,
            tokens: self.tokens,
        }
    }
}

/// Forgets what is stale; where that is not enough, the eighth that was not used for longest. Many at once, so that
/// a flood of new clients does not look through all of them each time.
fn make_room(buckets: &mut HashMap<Box<[u8]>, Bucket>, limit: &Limit, now: Instant) {
    buckets.retain(|_, bucket| now.duration_since(bucket.used) < limit.forget);
    if buckets.len() < MOST {
        return;
    }
    let mut used: Vec<Instant> = buckets.values().map(|bucket| bucket.used).collect();
    let (_, oldest, _) = used.select_nth_unstable(MOST / 8);
    let oldest = *oldest;
    buckets.retain(|_, bucket| bucket.used > oldest);
}
