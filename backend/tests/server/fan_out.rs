//! A thousand clients, one of which does not read (specification, section 3.8).

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;
use sluice_tests::websocket::Socket;
use tokio::task::JoinSet;

use crate::support::{Raw, start};

const CLIENTS: usize = 999;
const CHANGES: usize = 60;

/// Resident memory of this process, which holds both sides.
fn resident() -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line
        .and_then(|line| line.split_whitespace().next())
        .context("VmRSS")?;
    Ok(kib.parse::<usize>()? * 1024)
}

async fn versions(mut socket: Socket, count: usize) -> Result<Vec<u64>> {
    let mut seen = Vec::with_capacity(count);
    while seen.len() < count {
        let message = socket.receive_type("stateUpdate").await?;
        seen.push(version(&message)?);
    }
    Ok(seen)
}

fn version(message: &Value) -> Result<u64> {
    message["version"]
        .as_u64()
        .with_context(|| format!("no version: {message}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_does_not_read_disturbs_none_of_a_thousand() -> Result<()> {
    let vars = [
        ("WS_WRITE_TIMEOUT_MS", "60000"),
        ("WS_PING_INTERVAL_MS", "60000"),
        ("WS_TIMEOUT_MS", "120000"),
    ];
    let stream = start(&vars).await?;
    // It reads nothing, ever; a small buffer so that it is full soon.
    let stuck = Raw::connect_with_buffer(&stream, 4096).await?;
    let mut readers = JoinSet::new();
    let mut first = 0;
    for _ in 0..CLIENTS {
        let socket = stream.subscriber().await?;
        readers.spawn(versions(socket, CHANGES));
        first = version(&stream.get("/status").await?.json()?)?;
    }
    let before = resident()?;
    let begun = Instant::now();
    for change in 0..CHANGES {
        stream
            .control(if change % 2 == 0 { "start" } else { "stop" })
            .await?;
        // Each is out before the next: what a client sees is then every version, also by the latest-wins rule.
        let sent = (change + 1) * CLIENTS;
        let out = async || {
            let line = r#"ws_messages_sent_total{type="stateUpdate"}"#;
            #[expect(clippy::cast_precision_loss, reason = "a small count")]
            let expected = (CLIENTS + 1 + sent) as f64;
            Ok(stream.metric(line).await? >= expected)
        };
        sluice_tests::poll::until_true("delivery", Duration::from_secs(20), out).await?;
    }
    let expected: Vec<u64> = (1..=CHANGES as u64).map(|step| first + step).collect();
    while let Some(seen) = readers.join_next().await {
        assert_eq!(seen??, expected);
    }
    let took = begun.elapsed();
    let grown = resident()?.saturating_sub(before);
    eprintln!(
        "{CLIENTS} clients, {CHANGES} changes in {took:?}, memory grew by {} KiB",
        grown / 1024
    );
    assert!(grown < 32 * 1024 * 1024, "{grown}");
    drop(stuck);
    Ok(())
}

#[tokio::test]
async fn one_that_never_reads_is_dropped_in_the_end() -> Result<()> {
    let vars = [
        ("WS_WRITE_TIMEOUT_MS", "300"),
        ("WS_RATE_PER_SEC", "1000"),
        ("WS_RATE_BURST", "1000"),
    ];
    let stream = start(&vars).await?;
    let mut stuck = Raw::connect_with_buffer(&stream, 4096).await?;
    let mut other = stream.subscriber().await?;
    // Echoes fill its socket faster than updates would.
    let large = format!(r#"{{"type":"echo","message":"{}"}}"#, "x".repeat(60_000));
    let frame = crate::support::frame(0x81, large.as_bytes());
    let gone = async {
        for _ in 0..500 {
            if stuck.send(&frame).await.is_err() {
                break;
            }
        }
        anyhow::Ok(())
    };
    let _ = tokio::time::timeout(Duration::from_secs(5), gone).await;
    let dropped = async || {
        Ok(stream
            .metric(r#"ws_disconnections_total{code="1013"}"#)
            .await?
            >= 1.0)
    };
    sluice_tests::poll::until_true("the drop", sluice_tests::poll::PATIENCE, dropped).await?;
    stream.control("start").await?;
    assert_eq!(
        other.receive_type("stateUpdate").await?["payload"]["stream"]["isLive"],
        true
    );
    Ok(())
}
