//! A self-checking stress run of the stream manager: two instances on one Redis, viewers of every kind, and faults.
//!
//! `SLUICE_STRESS_SECONDS` (15) says how long, `SLUICE_STRESS_SEED` which run; a failure names its seed.

mod driver;
mod noise;
mod random;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sluice_tests::redis::Redis;
use sluice_tests::stack::Backend;
use sluice_tests::{poll, usage};

use driver::Driver;
use random::Random;
use watcher::Watcher;

/// Viewers that read, at each instance.
const WATCHERS: usize = 6;
/// What an instance may grow by: buffers and tables, not a message kept for each viewer.
const GROWTH: u64 = 48 << 20;
/// How long the last messages may take, after the last fault.
const SETTLING: Duration = Duration::from_secs(30);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test]
async fn every_viewer_ends_with_everything_in_order_once() -> Result<()> {
    let seed = number("SLUICE_STRESS_SEED").unwrap_or_else(random::any);
    let seconds = number("SLUICE_STRESS_SECONDS").unwrap_or(15);
    run(seed, Duration::from_secs(seconds))
        .await
        .with_context(|| format!("SLUICE_STRESS_SEED={seed} SLUICE_STRESS_SECONDS={seconds}"))
}

async fn instance(redis: &Redis, folder: &std::path::Path, name: &str) -> Result<Backend> {
    let url = redis.url();
    let environment = [
        ("REDIS_URL", url.as_str()),
        ("INSTANCE_ID", name),
        ("RATE_LIMIT_REQUESTS", "100000000"),
        ("WS_WRITE_TIMEOUT_MS", "1500"),
        ("LOG_LEVEL", "warn"),
        ("STREAM_RESOLUTION", "160x90"),
    ];
    Backend::start(folder, &environment).await
}

async fn run(seed: u64, time: Duration) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let redis = Redis::start().await?;
    let one = instance(&redis, folder.path(), "one").await?;
    let two = instance(&redis, folder.path(), "two").await?;
    let id = one.process.id();
    let (files, memory) = (usage::descriptors(id)?, usage::resident_bytes(id)?);
    let ports = (one.ws, two.ws);
    let mut driver = Driver::new(Random::new(seed), redis, one, two).await?;
    let mut watchers = Vec::new();
    for number in 0..2 * WATCHERS {
        let (port, may_break) = match number % 2 {
            0 => (ports.0, false),
            _ => (ports.1, true),
        };
        watchers.push(Watcher::start(port, may_break));
    }
    for watcher in &watchers {
        watcher.ready().await?;
    }
    let noise = noise::start(ports.0, seed);
    driver.run(time).await?;
    let truth = Arc::new(driver.settle().await?);
    for watcher in &watchers {
        let what = "a viewer to have everything";
        poll::until_true(what, SETTLING, async || watcher.has(&truth))
            .await
            .with_context(|| watcher.report())?;
        ensure!(
            watcher.violations().is_empty(),
            "{:?}",
            watcher.violations()
        );
    }
    println!("{}", driver.told());
    drop((watchers, noise));
    driver.nothing_is_left(files, memory, GROWTH).await
}
