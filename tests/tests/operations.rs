//! The dashboard and the alerts in `docs/` ask only for what the programs expose.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice_tests::binaries::root;
use sluice_tests::http1;
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::redis::Redis;
use sluice_tests::stack::Backend;
use sluice_tests::websocket::Socket;

/// What others expose: Prometheus itself, the gateway (its own tests name them), Redis's exporter.
const OTHERS: [&str; 3] = [
    "up",
    "traefik_entrypoint_requests_total",
    "redis_memory_used_bytes",
];
/// Words of the query language that stand where names may.
const WORDS: [&str; 8] = [
    "sum",
    "rate",
    "by",
    "le",
    "histogram_quantile",
    "job",
    "instance",
    "code",
];

/// Names of metrics in a query: what stands before a label list, a range, an operator or the end.
fn names(query: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    // Ranges are no names.
    let query: String = query
        .split('[')
        .map(|part| part.split_once(']').map_or(part, |(_, after)| after))
        .collect();
    let mut rest = query.as_str();
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_lowercase()) {
        rest = &rest[start..];
        let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
        // Labels stand in braces and after `by`.
        rest = match after.chars().next() {
            Some('{') => after.split_once('}').map_or("", |(_, after)| after),
            _ if name == "by" => after.split_once(')').map_or("", |(_, after)| after),
            _ => after,
        };
        if !WORDS.contains(&name) {
            names.insert(name.to_owned());
        }
    }
    names
}

fn queries() -> Result<Vec<String>> {
    let text = std::fs::read_to_string(root().join("docs/grafana/stream-manager.json"))?;
    let dashboard: Value = serde_json::from_str(&text)?;
    let panels = dashboard["panels"].as_array().context("panels")?;
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let asked = targets
        .flatten()
        .filter_map(|target| target["expr"].as_str());
    let mut queries: Vec<String> = asked.map(str::to_owned).collect();
    ensure!(queries.len() > 20, "{}", queries.len());
    let alerts = std::fs::read_to_string(root().join("docs/prometheus/alerts.yaml"))?;
    let (mut found, mut folded) = (0, false);
    for line in alerts.lines() {
        let line = line.trim();
        if let Some(query) = line.strip_prefix("expr: ") {
            (found, folded) = (found + 1, query == ">");
            queries.push(query.trim_start_matches('>').to_owned());
        } else if folded && !line.starts_with("for:") {
            queries.last_mut().context("a query")?.push_str(line);
        } else {
            folded = false;
        }
    }
    ensure!(found == 5, "{found} alerts");
    Ok(queries)
}

/// A little of everything, so that every metric has a first sample.
async fn use_it(backend: &Backend) -> Result<()> {
    let mut socket = Socket::connect(backend.ws, "/ws?target=state,preview").await?;
    socket.receive_type("welcome").await?;
    socket.send_json(&json!({"type": "nothing"})).await?;
    socket.receive_type("error").await?;
    backend.post("/stream/start", "").await?;
    socket.receive_type("frame").await?;
    let refused = http1::get(backend.ws, "localhost", "/ws").await?;
    ensure!(refused.status == 426);
    Ok(())
}

#[tokio::test]
async fn dashboard_and_alerts_ask_for_what_there_is() -> Result<()> {
    let redis = Redis::start().await?;
    let folder = tempfile::tempdir()?;
    let environment = [
        ("REDIS_URL", redis.url()),
        ("STREAM_RESOLUTION", "160x90".to_owned()),
        ("WS_PING_INTERVAL_MS", "100".to_owned()),
    ];
    let environment: Vec<(&str, &str)> = environment
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let backend = Backend::start(folder.path(), &environment).await?;
    use_it(&backend).await?;
    let wanted: BTreeSet<String> = queries()?.iter().flat_map(|query| names(query)).collect();
    poll::until_true("every metric", PATIENCE, async || {
        let page = http1::get(backend.metrics, "localhost", "/metrics").await?.text();
        let exposed = |name: &String| {
            OTHERS.contains(&name.as_str())
                // Nobody was too slow or too many here.
                || name == "ws_messages_dropped_total"
                || page.lines().any(|line| line.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(['{', ' '])))
        };
        let missing: Vec<_> = wanted.iter().filter(|name| !exposed(name)).collect();
        ensure!(missing.len() < 30, "{missing:?}");
        match missing.is_empty() {
            true => Ok(true),
            false => anyhow::bail!("not exposed: {missing:?}"),
        }
    })
    .await
}
