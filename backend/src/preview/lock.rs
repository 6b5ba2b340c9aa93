//! The ticker's lock (specification, section 4.4): of several instances on one Redis, one counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use redis::{Client, Script};

use crate::config::Store;
use crate::store::{StoreError, random_id};

const KEY: &str = "lock:stream-manager:ticker";
/// How long it holds without being renewed, and how often it is.
const HOLDS_MS: u64 = 10_000;
const RENEW: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(1);

/// Takes it if nobody has it, and renews one's own.
const TAKE: &str = r"
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
";

/// See the head of this file. Without Redis it is always held.
#[derive(Debug)]
pub(super) struct Lock {
    held: Arc<AtomicBool>,
    keeper: Option<tokio::task::JoinHandle<()>>,
}

impl Lock {
    pub(super) fn new(config: &Store) -> Result<Self, StoreError> {
        let Some(url) = &config.redis else {
            return Ok(Self {
                held: Arc::new(AtomicBool::new(true)),
                keeper: None,
            });
        };
        // The error may repeat the URL, and with it the password.
        let client = Client::open(url.expose());
        let client = client.map_err(|_| StoreError("REDIS_URL can't be used".to_owned()))?;
        let held = Arc::new(AtomicBool::new(false));
        let name = format!("{}:{}", config.instance_id, random_id());
        let keeper = tokio::spawn(keep(client, name, Arc::clone(&held)));
        Ok(Self {
            held,
            keeper: Some(keeper),
        })
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.load(Relaxed)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
    }
}

async fn keep(client: Client, name: String, held: Arc<AtomicBool>) {
    loop {
        // While Redis is away every instance counts for its own clients; the state's versions keep them apart.
        let taken = tokio::time::timeout(TIMEOUT, take(&client, &name)).await;
        held.store(taken.ok().and_then(Result::ok).unwrap_or(true), Relaxed);
        tokio::time::sleep(RENEW).await;
    }
}

async fn take(client: &Client, name: &str) -> redis::RedisResult<bool> {
    let mut connection = client.get_multiplexed_async_connection().await?;
    let script = Script::new(TAKE);
    let mut call = script.key(KEY);
    call.arg(name).arg(HOLDS_MS);
    call.invoke_async(&mut connection).await
}
