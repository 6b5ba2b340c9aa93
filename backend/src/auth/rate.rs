//! Token buckets: so many at once, so many a second after that.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses remembered before those with a full bucket are forgotten.
const REMEMBERED: usize = 16_384;

/// One bucket. It starts full.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub fn new(burst: f64, now: Instant) -> Self {
        Self {
            tokens: burst,
            filled: now,
        }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// How long until there is one.
    pub fn take(&mut self, rate: f64, burst: f64, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(burst);
        self.filled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - self.tokens) / rate.max(f64::MIN_POSITIVE);
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }
}

/// A bucket for each address.
#[derive(Debug)]
pub struct Rates {
    rate: f64,
    burst: f64,
    pub(super) buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

impl Rates {
    /// `rate` a second, `burst` at once.
    pub fn new(rate: f64, burst: f64) -> Self {
        Self {
            rate,
            burst,
            buckets: Mutex::default(),
        }
    }

    /// Counts one call; `times` multiplies what is allowed.
    ///
    /// # Errors
    /// Too many. How long until the next one is allowed.
    pub fn take(&self, address: IpAddr, times: f64, now: Instant) -> Result<(), Duration> {
        let (rate, burst) = (self.rate * times, self.burst * times);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED && !buckets.contains_key(&address) {
            self.forget(&mut buckets, now);
        }
        let bucket = buckets
            .entry(address)
            .or_insert_with(|| Bucket::new(burst, now));
        bucket.take(rate, burst, now)
    }

    /// A full bucket says nothing; and if all are in use, a new start is better than memory without end.
    fn forget(&self, buckets: &mut HashMap<IpAddr, Bucket>, now: Instant) {
        let full = |bucket: &Bucket| {
            let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
            bucket.tokens + passed * self.rate >= self.burst
        };
        buckets.retain(|_, bucket| !full(bucket));
        if buckets.len() >= REMEMBERED {
            buckets.clear();
        }
    }
}
