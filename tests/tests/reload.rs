//! Reloads under load and routers by the thousand: nothing fails, nothing grows, and a request costs what it did.
//!
//! Short by default. `SLUICE_STORM_SECONDS=60 SLUICE_RELOADS=10000 cargo test -p sluice-tests --test reload -- --nocapture`
//! runs it whole, and then compares response times too.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sluice_tests::http1::Client;
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::stack::Gateway;
use sluice_tests::upstream::Upstream;
use sluice_tests::usage;

const RELOADS: &str = "traefik_config_reloads_total";
const CLIENTS: usize = 8;

/// As many routers, of which the one with the number 0 has also something that differs from `turn` to `turn`.
fn routers(count: usize, upstream: u16, turn: usize) -> String {
    let mut text = String::from("http:\n  routers:\n");
    for number in 0..count {
        let _ = writeln!(
            text,
            "    r{number}: {{rule: 'Host(`h{number}.test`) && PathPrefix(`/`)', service: app, entryPoints: [web], middlewares: [mark]}}"
        );
    }
    let _ = write!(
        text,
        "    turn: {{rule: 'Path(`/turn-{turn}`)', service: app}}\n  \
         middlewares:\n    mark: {{headers: {{customRequestHeaders: {{X-Turn: '{turn}'}}}}}}\n  \
         services:\n    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{upstream}'}}]}}}}\n"
    );
    text
}

async fn start(count: usize, upstream: u16) -> Result<Gateway> {
    let folder = tempfile::tempdir()?;
    Gateway::start_in(folder, &routers(count, upstream, 0), "THROTTLE 1ms").await
}

fn wanted(variable: &str, default: u64) -> Result<u64> {
    match std::env::var(variable) {
        Ok(text) => text.parse().with_context(|| variable.to_owned()),
        Err(_) => Ok(default),
    }
}

/// Asks until told to stop; the times of the answers. Any failure is one too many.
async fn ask(port: u16, stop: Arc<AtomicBool>) -> Result<Vec<Duration>> {
    let mut client = Client::connect(port).await?;
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        let answer = client.get("h0.test", "/").await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        ensure!(answer.text() == "hello", "{}", answer.text());
        times.push(start.elapsed());
    }
    Ok(times)
}

/// Load for a while, with something else beside it; all times, sorted.
async fn load(port: u16, beside: impl Future<Output = Result<()>>) -> Result<Vec<Duration>> {
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(ask(port, Arc::clone(&stop))))
        .collect();
    let beside = beside.await;
    stop.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await??);
    }
    times.sort();
    beside.map(|()| times)
}

fn p99(times: &[Duration]) -> Duration {
    let place = times.len() * 99 / 100;
    times.get(place).copied().unwrap_or_default()
}

#[tokio::test]
async fn a_storm_of_reloads_fails_no_request() -> Result<()> {
    let seconds = wanted("SLUICE_STORM_SECONDS", 5)?;
    let upstream = Upstream::forgetful("hello").await?;
    let gateway = start(100, upstream.port).await?;
    let lasts = Duration::from_secs(seconds);
    let calm = load(gateway.web, async {
        tokio::time::sleep(lasts / 2).await;
        Ok(())
    })
    .await?;
    let before = gateway.metric(RELOADS).await?;
    let storm = load(gateway.web, async {
        let mut turns = tokio::time::interval(Duration::from_millis(200));
        for turn in 0..seconds * 5 {
            turns.tick().await;
            gateway.reconfigure(&routers(100, upstream.port, usize::try_from(turn)? + 1))?;
        }
        Ok(())
    })
    .await?;
    let reloads = gateway.metric(RELOADS).await? - before;
    eprintln!(
        "{seconds} s, {reloads} reloads: {} requests, p99 {:?}; without reloads {} requests, p99 {:?}",
        storm.len(),
        p99(&storm),
        calm.len(),
        p99(&calm)
    );
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let most = seconds as f64 * 4.0;
    assert!(reloads >= most, "{reloads}");
    if seconds >= 30 {
        assert!(p99(&storm) <= p99(&calm) * 2);
    }
    Ok(())
}

#[tokio::test]
async fn memory_is_flat_over_reloads() -> Result<()> {
    let wanted = wanted("SLUICE_RELOADS", 60)?;
    let upstream = Upstream::forgetful("hello").await?;
    let gateway = start(100, upstream.port).await?;
    let id = gateway.process.id();
    let mut turn = 0;
    let mut reach = async |count: f64| -> Result<(u64, usize)> {
        loop {
            let known = gateway.metric(RELOADS).await?;
            if known >= count {
                return Ok((usage::resident_bytes(id)?, usage::descriptors(id)?));
            }
            turn += 1;
            gateway.reconfigure(&routers(100, upstream.port, turn))?;
            poll::until_true("the reload", PATIENCE, async || {
                Ok(gateway.metric(RELOADS).await? > known)
            })
            .await?;
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let wanted = wanted as f64;
    let (memory, descriptors) = reach(wanted / 3.0).await?;
    let (then, open) = reach(wanted).await?;
    let reloads = gateway.metric(RELOADS).await?;
    eprintln!("{reloads} reloads: resident {memory} bytes after a third, {then} at the end");
    assert!(then < memory + 8 * 1024 * 1024, "{memory} -> {then}");
    assert!(open < descriptors + 16, "{descriptors} -> {open}");
    Ok(())
}

#[tokio::test]
async fn routers_by_the_thousand_cost_a_request_nothing() -> Result<()> {
    const ROUNDS: usize = 10;
    const REQUESTS: usize = 1000;
    let upstream = Upstream::forgetful("hello").await?;
    let mut tried = Vec::new();
    for count in [1, 1000, 10_000] {
        let gateway = start(count, upstream.port).await?;
        let client = Client::connect(gateway.web).await?;
        tried.push((count, gateway, client, Duration::ZERO));
    }
    for round in 0..=ROUNDS {
        for (count, gateway, client, sum) in &mut tried {
            let id = gateway.process.id();
            let host = format!("h{}.test", *count - 1);
            let before = usage::cpu(id)?;
            for _ in 0..REQUESTS {
                ensure!(client.get(&host, "/").await?.status == 200);
            }
            // The first one warms up.
            if round > 0 {
                *sum += usage::cpu(id)? - before;
            }
        }
    }
    let cost = |place: usize| {
        let requests = f64::from(u32::try_from(ROUNDS * REQUESTS).unwrap_or(u32::MAX));
        tried[place].3.as_secs_f64() * 1e6 / requests
    };
    let (one, thousand, ten) = (cost(0), cost(1), cost(2));
    eprintln!(
        "CPU us a request with 1, 1,000 and 10,000 routers: {one:.2}, {thousand:.2}, {ten:.2} (ratios {:.3}, {:.3})",
        thousand / one,
        ten / one
    );
    // The aim is 1.1; what is above it here is what else the machine does.
    assert!(thousand / one < 1.3 && ten / one < 1.3);
    Ok(())
}

/// What it takes now to check 8 MiB of text, in the standard library and so optimised: the least of some times, since the
/// others were interrupted.
fn known_work() -> Duration {
    let text = "ä".repeat(4 * 1024 * 1024);
    let times = (0..10).map(|_| {
        let start = Instant::now();
        let checked = std::str::from_utf8(std::hint::black_box(text.as_bytes()));
        assert!(std::hint::black_box(checked).is_ok());
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

#[tokio::test]
async fn a_reload_of_a_thousand_routers_is_cheap() -> Result<()> {
    const TURNS: u32 = 20;
    let upstream = Upstream::forgetful("hello").await?;
    let gateway = start(1000, upstream.port).await?;
    let id = gateway.process.id();
    let mut client = Client::connect(gateway.web).await?;
    let mut sum = Duration::ZERO;
    for turn in 1..=TURNS {
        let text = routers(1000, upstream.port, usize::try_from(turn)?);
        let path = format!("/turn-{turn}");
        let before = usage::cpu(id)?;
        gateway.reconfigure(&text)?;
        // A request costs next to nothing; the metrics of a thousand routers would cost as much as the reload.
        poll::until_true("the reload", PATIENCE, async || {
            Ok(client.get("turn.test", &path).await?.status == 200)
        })
        .await?;
        sum += usage::cpu(id)? - before;
    }
    let each = sum / TURNS;
    // The aim is 20 ms, alone on a machine. Others that share a core make CPU time longer, that of a known work too.
    let known = known_work();
    let ratio = each.as_secs_f64() / known.as_secs_f64();
    eprintln!(
        "a reload of 1,000 routers: {each:?} of CPU, {ratio:.1} times checking 8 MiB of UTF-8"
    );
    assert!(ratio < 8.0, "{ratio}");
    Ok(())
}
