//! What the gateway tells about itself and its requests, through real sockets and files.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde_json::Value;
use sluice_tests::http1::{self, Client};
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::process::{self, Process};
use sluice_tests::stack::Gateway;
use sluice_tests::upstream::Upstream;
use sluice_tests::{binaries, ports};

fn routes(port: u16) -> String {
    format!(
        "\
http:
  routers:
    app: {{rule: 'Host(`a.test`)', service: app}}
    lost: {{rule: 'Host(`b.test`)', service: nowhere}}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
"
    )
}

async fn start(port: u16, install: &str) -> Result<Gateway> {
    Gateway::start_in(tempfile::tempdir()?, &routes(port), install).await
}

/// The lines of a file, once there are `count`.
async fn lines(path: &Path, count: usize) -> Result<Vec<String>> {
    let what = format!("{count} lines in {}", path.display());
    poll::until(&what, PATIENCE, async || {
        let text = std::fs::read_to_string(path)?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        Ok((lines.len() >= count).then_some(lines))
    })
    .await
}

async fn metrics(gateway: &Gateway) -> Result<String> {
    let page = http1::get(gateway.admin, "localhost", "/metrics").await?;
    Ok(page.text())
}

/// The page with the metrics, once it has these lines.
async fn shows(gateway: &Gateway, lines: &[&str]) -> Result<String> {
    poll::until("the counts", PATIENCE, async || {
        let page = metrics(gateway).await?;
        match lines.iter().find(|line| !page.contains(**line)) {
            Some(missing) => bail!("no {missing} in\n{page}"),
            None => Ok(Some(page)),
        }
    })
    .await
}

#[tokio::test]
async fn requests_are_counted_by_entry_point_and_service_but_not_our_own() -> Result<()> {
    let upstream = Upstream::saying("hello").await?;
    let gateway = start(upstream.port, "").await?;
    // More connections than workers: what they count is one sum.
    for _ in 0..8 {
        gateway.get("a.test", "/").await?;
    }
    gateway.get("none.test", "/").await?;
    // A request is counted when its answer has left, which may be after the client has read it.
    let page = shows(&gateway, &[
        r#"traefik_service_requests_total{code="200",method="GET",protocol="http",service="app@file"} 8"#,
        r#"traefik_entrypoint_requests_total{code="200",entrypoint="web",method="GET",protocol="http"} 8"#,
        r#"traefik_entrypoint_requests_total{code="404",entrypoint="web",method="GET",protocol="http"} 1"#,
        r#"traefik_service_responses_bytes_total{code="200",method="GET",protocol="http",service="app@file"} 40"#,
        r#"traefik_entrypoint_request_duration_seconds_bucket{code="200",entrypoint="web",method="GET",protocol="http",le="5"} 8"#,
    ])
    .await?;
    assert!(!page.contains(r#"_requests_total{code="200",entrypoint="traefik""#));
    assert!(!page.contains("traefik_router_"));
    let reloads = page
        .lines()
        .find_map(|line| line.strip_prefix("traefik_config_reloads_total "));
    assert!(reloads.context("reloads")?.parse::<u32>()? >= 2);
    Ok(())
}

#[tokio::test]
async fn a_client_that_went_away_is_a_499() -> Result<()> {
    // It never answers.
    let upstream = Upstream::start(|_| Vec::new()).await?;
    let install = "accessLog: {filePath: access.log, format: json}";
    let gateway = start(upstream.port, install).await?;
    let mut client = Client::connect(gateway.web).await?;
    client
        .send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .await?;
    poll::until_true("the request reaching the server", PATIENCE, async || {
        Ok(!upstream.seen().is_empty())
    })
    .await?;
    drop(client);
    let lines = lines(&gateway.path().join("access.log"), 1).await?;
    let line: Value = serde_json::from_str(&lines[0])?;
    assert_eq!(line["DownstreamStatus"], 499);
    assert_eq!(line["RouterName"], "app@file");
    assert_eq!(line["ServiceName"], "app@file");
    shows(&gateway, &[
        r#"traefik_entrypoint_requests_total{code="499",entrypoint="web",method="GET",protocol="http"} 1"#,
    ])
    .await?;
    Ok(())
}

#[tokio::test]
async fn the_access_log_is_in_order_reopened_and_complete_at_the_end() -> Result<()> {
    let upstream = Upstream::saying("hello").await?;
    let mut gateway = start(upstream.port, "accessLog: {filePath: access.log}").await?;
    for number in 0..20 {
        gateway.get("a.test", &format!("/{number}")).await?;
    }
    let log = gateway.path().join("access.log");
    let first = lines(&log, 20).await?;
    for (number, line) in first.iter().enumerate() {
        let count = number + 1;
        let url = format!("http://127.0.0.1:{}", upstream.port);
        assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
        let rest =
            format!(r#"] "GET /{number} HTTP/1.1" 200 5 "-" "-" {count} "app@file" "{url}" "#);
        assert!(line.contains(&rest), "{line}");
    }
    let moved = gateway.path().join("moved.log");
    std::fs::rename(&log, &moved)?;
    gateway.process.signal(Signal::USR1)?;
    poll::until_true("a new file", PATIENCE, async || Ok(log.exists())).await?;
    gateway.get("none.test", "/last").await?;
    gateway.process.terminate()?;
    let status = gateway.process.exit(PATIENCE).await?;
    assert!(status.success());
    let last = std::fs::read_to_string(&log)?;
    assert!(
        last.contains(r#""GET /last HTTP/1.1" 404 19 "-" "-" 21 "-" "-" "#),
        "{last}"
    );
    assert_eq!(std::fs::read_to_string(&moved)?.lines().count(), 20);
    Ok(())
}

#[tokio::test]
async fn the_api_tells_what_is_wrong_and_who_uses_what() -> Result<()> {
    let upstream = Upstream::saying("hello").await?;
    let gateway = start(upstream.port, "").await?;
    let get = async |path: &str| http1::get(gateway.admin, "localhost", path).await?.json();
    let lost = get("/api/http/routers/lost@file").await?;
    assert_eq!(lost["status"], "disabled");
    assert_eq!(
        lost["error"][0],
        "the service \"nowhere@file\" does not exist"
    );
    let app = get("/api/http/services/app@file").await?;
    assert_eq!(app["usedBy"][0], "app@file");
    let url = format!("http://127.0.0.1:{}", upstream.port);
    assert_eq!(app["serverStatus"][&url], "UP");
    let overview = get("/api/overview").await?;
    // `websecure` gives TLS to its routers, so the router became two.
    assert_eq!(overview["http"]["routers"]["errors"], 2);
    assert_eq!(overview["features"]["metrics"], "Prometheus");
    let raw = http1::get(gateway.admin, "localhost", "/api/rawdata").await?;
    assert!(raw.text().contains("Host(`a.test`)"));

    // What a reload changes is seen, and the page keeps what left for one more look.
    gateway.get("a.test", "/").await?;
    gateway.reconfigure("http: {routers: {new: {rule: 'Path(`/n`)', service: noop@internal}}}")?;
    poll::until_true("the new router", PATIENCE, async || {
        let routers = get("/api/http/routers?search=file").await?;
        Ok(routers[0]["name"] == "new@file")
    })
    .await?;
    let gone = r#"service="app@file""#;
    assert!(metrics(&gateway).await?.contains(gone));
    assert!(!metrics(&gateway).await?.contains(gone));
    Ok(())
}

#[tokio::test]
async fn ping_says_when_the_end_is_near_and_a_quiet_log_stays_empty() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let admin = ports::free()?;
    let install = format!(
        "\
entryPoints:
  traefik: {{address: '127.0.0.1:{admin}', transport: {{lifeCycle: {{requestAcceptGraceTimeout: 20s}}}}}}
ping: {{terminatingStatusCode: 418}}
log: {{filePath: logs/traefik.log, level: ERROR}}
"
    );
    std::fs::write(folder.path().join("traefik.yml"), install)?;
    let mut command = process::command(binaries::gateway()?, folder.path());
    command.arg("--configFile=traefik.yml");
    let mut gateway = Process::start("gateway", command)?;
    let ping = async |status: u16| {
        poll::until_true(&format!("ping saying {status}"), PATIENCE, async || {
            Ok(http1::get(admin, "localhost", "/ping").await?.status == status)
        })
        .await
    };
    ping(200).await?;
    gateway.terminate()?;
    ping(418).await?;
    gateway.still_runs()?;
    let log = folder.path().join("logs/traefik.log");
    assert_eq!(std::fs::read_to_string(log)?, "");
    gateway.kill().await
}

#[tokio::test]
async fn the_log_is_told_in_json_and_opened_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let admin = ports::free()?;
    let install = format!(
        "\
entryPoints: {{traefik: {{address: '127.0.0.1:{admin}'}}}}
providers: {{file: {{filename: dynamic.yml}}}}
log: {{filePath: traefik.log, level: INFO, format: json}}
"
    );
    std::fs::write(folder.path().join("traefik.yml"), install)?;
    std::fs::write(folder.path().join("dynamic.yml"), "http: {}")?;
    let mut command = process::command(binaries::gateway()?, folder.path());
    command.arg("--configFile=traefik.yml");
    let mut gateway = Process::start("gateway", command)?;
    let log = folder.path().join("traefik.log");
    poll::until_true("the provider's line", PATIENCE, async || {
        let text = std::fs::read_to_string(&log)?;
        for line in text.lines() {
            let line: Value = serde_json::from_str(line)?;
            if line["message"] == "Starting provider" {
                return Ok(line["level"] == "info" && line["provider"] == "file");
            }
        }
        Ok(false)
    })
    .await?;
    std::fs::rename(&log, folder.path().join("old.log"))?;
    gateway.signal(Signal::USR1)?;
    poll::until_true("a line in a new file", PATIENCE, async || {
        Ok(std::fs::read_to_string(&log)?.contains("SIGUSR1"))
    })
    .await?;
    gateway.kill().await
}
