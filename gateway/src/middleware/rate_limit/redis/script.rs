//! The script that takes a token, at once or not at all.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};

use crate::middleware::rate_limit::bucket::{Limit, Taken};

/// A key is kept so long at most, in seconds; Redis refuses times that its clock cannot hold.
const LONGEST: u64 = 10 * 365 * 24 * 3600;

const TEXT: &str = include_str!("take.lua");

/// See the module.
#[derive(Debug)]
pub(super) struct Take(Script);

impl Take {
    /// The script is sent to a Redis that does not know it yet; afterwards its hash is enough.
    pub(super) fn new() -> Self {
        Self(Script::new(TEXT))
    }

    /// Takes a token from the bucket `key`. With `asking`, from a node of a cluster that is about to get it.
    pub(super) async fn run(
        &self,
        limit: &Limit,
        key: &[u8],
        asking: bool,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<Taken> {
        let longest_wait = u64::try_from(limit.longest_wait.as_micros()).unwrap_or(u64::MAX);
        // Time is counted in microseconds.
        let arguments = (
            limit.rate / 1e6,
            limit.burst,
            limit.forget.as_secs().min(LONGEST),
            longest_wait,
        );
        let (granted, wait, tokens): (bool, f64, f64) = if asking {
            // It counts for the next command of the connection only, and others use the connection, too.
            let mut both = redis::pipe();
            both.cmd("ASKING").ignore();
            both.cmd("EVAL").arg(TEXT).arg(1).arg(key).arg(arguments);
            let (taken,) = both.query_async(connection).await?;
            taken
        } else {
            let mut script = self.0.key(key);
            script.arg(arguments);
            script.invoke_async(connection).await?
        };
        Ok(Taken {
            granted,
            wait: Duration::try_from_secs_f64(wait / 1e6).unwrap_or(Duration::MAX),
            tokens,
        })
    }
}
