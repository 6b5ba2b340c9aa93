//! Who may come in, beyond Traefik's open edition: API keys, through the real program and its logs.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sluice_tests::http1::{self, Client, Response};
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::stack::Gateway;
use sluice_tests::upstream::Upstream;

/// SHA-256 of `open sesame`, and bcrypt of `foo`.
const QUICK: &str = "{SHA256}41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb";
const SLOW: &str = "$2y$05$D4SPFxzfWKcx1OXfVhRbvOTH/QB0Lm6AXTk8.NOmU4rPLX2t6UUuW";

const LOGS: &str = "\
THROTTLE 1ms
accessLog: {filePath: access.log, format: json, bufferingSize: 0, fields: {headers: {defaultMode: keep}}}
";

/// A router for each of `guards`, by the host of its name.
fn routes(port: u16, guards: &[(&str, &str)]) -> String {
    let routers = guards.iter().map(|(name, _)| {
        format!(
            "    {name}: {{rule: 'Host(`{name}.test`)', service: app, middlewares: [{name}]}}\n"
        )
    });
    let middlewares = guards
        .iter()
        .map(|(name, guard)| format!("    {name}: {guard}\n"));
    format!(
        "\
http:
  routers:
{}  middlewares:
{}  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
",
        routers.collect::<String>(),
        middlewares.collect::<String>(),
    )
}

async fn start(port: u16, guards: &[(&str, &str)]) -> Result<Gateway> {
    Gateway::start_in(tempfile::tempdir()?, &routes(port, guards), LOGS).await
}

async fn ask(gateway: &Gateway, host: &str, path: &str, fields: &str) -> Result<Response> {
    let mut client = Client::connect(gateway.web).await?;
    client.ask("GET", host, path, fields).await
}

/// The lines of the access log, once there are `count`.
async fn logged(folder: &Path, count: usize) -> Result<Vec<Value>> {
    let lines = poll::until("the access log", PATIENCE, async || {
        let text = std::fs::read_to_string(folder.join("access.log"))?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        Ok((lines.len() >= count).then_some(lines))
    })
    .await?;
    let read = lines.iter().map(|line| serde_json::from_str(line));
    Ok(read.collect::<Result<_, _>>()?)
}

#[tokio::test]
async fn an_api_key_lets_in_and_is_told_nobody() -> Result<()> {
    let upstream = Upstream::saying("fine").await?;
    let guard = format!(
        "{{apiKey: {{keySource: {{header: X-Api-Key, query: key}}, secretNonBase64Encoded: true, \
         keys: [{{id: quick, value: '{QUICK}', metadata: {{team: blue}}}}, {{id: slow, value: '{SLOW}'}}], \
         forwardHeaders: {{X-Consumer: _id, X-Team: team}}}}}}"
    );
    let broken = "{apiKey: {keySource: {header: X-Api-Key}, secretValues: [hunter2]}}";
    let gateway = start(upstream.port, &[("keys", &guard), ("broken", broken)]).await?;

    let spoofed = "X-Consumer: root\r\nX_Team: red\r\n";
    let quick = format!("X-Api-Key: open sesame\r\n{spoofed}");
    let answer = ask(&gateway, "keys.test", "/a", &quick).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let answer = ask(&gateway, "keys.test", "/b?x=1&key=foo&y=2", spoofed).await?;
    ensure!(answer.status == 200, "{answer:?}");
    for wrong in [
        "",
        "X-Api-Key: bar\r\n",
        "X-Api-Key: foo\r\nX-Api-Key: foo\r\n",
    ] {
        let answer = ask(&gateway, "keys.test", "/c", wrong).await?;
        ensure!(answer.status == 401, "{wrong}: {answer:?}");
        let challenge = answer.header("WWW-Authenticate");
        ensure!(
            challenge == Some("ApiKey realm=\"traefik\""),
            "{challenge:?}"
        );
    }

    let seen = upstream.seen();
    let [first, second] = seen.as_slice() else {
        anyhow::bail!("{} requests arrived", seen.len());
    };
    ensure!(first.header("X-Consumer") == Some("quick"), "{first:?}");
    ensure!(first.header("X-Team") == Some("blue"), "{first:?}");
    ensure!(first.header("X-Api-Key").is_none(), "{first:?}");
    ensure!(second.line() == "GET /b?x=1&y=2 HTTP/1.1", "{second:?}");
    ensure!(second.header("X-Consumer") == Some("slow"), "{second:?}");
    ensure!(
        second.header("X-Team").is_none() && second.header("X_Team").is_none(),
        "{second:?}"
    );

    let lines = logged(gateway.path(), 5).await?;
    let users: Vec<_> = lines
        .iter()
        .map(|line| line["ClientUsername"].as_str())
        .collect();
    ensure!(
        users.iter().filter(|user| **user == Some("quick")).count() == 1,
        "{users:?}"
    );
    ensure!(
        users.iter().filter(|user| **user == Some("slow")).count() == 1,
        "{users:?}"
    );
    let shown = std::fs::read_to_string(gateway.path().join("access.log"))?;
    ensure!(shown.contains("/b?x=1&key=REDACTED&y=2"), "{shown}");

    let api = http1::get(gateway.admin, "localhost", "/api/http/middlewares").await?;
    let router = http1::get(gateway.admin, "localhost", "/api/http/routers/broken@file").await?;
    let router = router.json()?;
    let reason = router["error"][0].as_str().context("a reason")?;
    ensure!(reason.contains("secretValues[0] is no hash"), "{reason}");
    ensure!(router["status"] == "disabled", "{router}");
    for (place, text) in [
        ("log", shown),
        ("API", api.text()),
        ("router", router.to_string()),
    ] {
        for secret in [
            "sesame", "=foo", ":\"foo\"", "41ef4bb0", "$2y$05", "hunter2",
        ] {
            ensure!(!text.contains(secret), "{secret} stands in {place}: {text}");
        }
    }
    Ok(())
}
