//! The script that takes a token, at once or not at all.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};

use crate::middleware::rate_limit::bucket::{Limit, Taken};

/// A key is kept so long at most, in seconds; Redis refuses times that its clock cannot hold.
const LONGEST: u64 = 10 * 365 * 24 * 3600;

/// See the module.
#[derive(Debug)]
pub(super) struct Take(Script);

impl Take {
    /// The script is sent to a Redis that does not know it yet; afterwards its hash is enough.
    pub(super) fn new() -> Self {
        Self(Script::new(include_str!("take.lua")))
    }

    /// Takes a token from the bucket `key`.
    pub(super) async fn run(
        &self,
        limit: &Limit,
        key: &[u8],
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<Taken> {
        let longest_wait = u64::try_from(limit.longest_wait.as_micros()).unwrap_or(u64::MAX);
        let (granted, wait, tokens): (bool, f64, f64) = self
            .0
            .key(key)
            // Time is counted in microseconds.
            .arg(limit.rate / 1e6)
            .arg(limit.burst)
            .arg(limit.forget.as_secs().min(LONGEST))
            .arg(longest_wait)
            .invoke_async(connection)
            .await?;
        Ok(Taken {
            granted,
            wait: Duration::try_from_secs_f64(wait / 1e6).unwrap_or(Duration::MAX),
            tokens,
        })
    }
}
