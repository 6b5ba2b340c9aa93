//! Health, metrics, the test page, and the end (specification, sections 5, 8 and 9).

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use sluice_tests::http1;
use sluice_tests::poll::{PATIENCE, until_true};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{ask, start, upgrade};

#[tokio::test]
async fn health_reports_every_part() -> Result<()> {
    let stream = start(&[]).await?;
    let at = stream.at.health.port();
    for port in [at, stream.at.api.port()] {
        let answer = http1::get(port, "x", "/health").await?;
        let body = answer.json()?;
        assert_eq!(
            (answer.status, &body["status"]),
            (200, &json!("ok")),
            "{body}"
        );
        let parts = &body["components"];
        assert_eq!(parts["http"]["port"], stream.at.api.port());
        assert_eq!(parts["websocket"]["isInitialized"], true);
        assert_eq!(parts["redis"], json!({"status": "ok", "mode": "embedded"}));
        assert_eq!(parts["state"]["dirty"], false);
    }
    for path in [
        "/health/live",
        "/health/ready",
        "/health/redis",
        "/health/ws",
    ] {
        let answer = http1::get(at, "x", path).await?;
        assert_eq!(
            (answer.status, &answer.json()?["status"]),
            (200, &json!("ok")),
            "{path}"
        );
    }
    let unknown = http1::get(at, "x", "/other").await?;
    assert_eq!(
        (unknown.status, &unknown.json()?["code"]),
        (404, &json!("NOT_FOUND"))
    );
    // The handshakes of the check were real, and counted nowhere.
    let text = http1::get(stream.at.metrics.port(), "x", "/metrics")
        .await?
        .text();
    assert!(!text.contains("ws_connections_total{"), "{text}");
    assert!(text.contains("ws_clients{channel=\"state\"} 0"), "{text}");
    Ok(())
}

#[tokio::test]
async fn the_probe_cannot_be_forged() -> Result<()> {
    let stream = start(&[("WS_MAX_CLIENTS", "0")]).await;
    // Whether or not no clients at all can be asked for, a made-up probe is nothing special.
    let stream = match stream {
        Ok(stream) => stream,
        Err(_) => {
            start(&[
                ("AUTH_MODE", "token"),
                ("STREAM_API_TOKENS", "a:viewer:0123456789abcdef"),
            ])
            .await?
        }
    };
    let answer = stream
        .knock(&upgrade("/ws", "X-Stream-Probe: guess\r\n"))
        .await?;
    assert!([401, 503].contains(&answer.status), "{}", answer.status);
    Ok(())
}

#[tokio::test]
async fn metrics_tell_of_clients_and_messages() -> Result<()> {
    let stream = start(&[]).await?;
    let mut socket = stream.subscriber().await?;
    stream.control("start").await?;
    socket.receive_type("stateUpdate").await?;
    stream.get("/stream/state").await?;
    for (line, value) in [
        (r#"ws_clients{channel="state"}"#, 1.0),
        (r#"ws_connections_active{quality="none"}"#, 1.0),
        (r#"ws_connections_total{quality="none"}"#, 1.0),
        (r#"ws_messages_sent_total{type="welcome"}"#, 1.0),
        (r#"ws_messages_sent_total{type="stateUpdate"}"#, 2.0),
        (r#"state_updates_total{type="stream"}"#, 1.0),
        ("state_degraded", 0.0),
        ("redis_connection_status", 0.0),
        (
            r#"http_request_duration_seconds_count{code="200",method="GET",route="/stream/state"}"#,
            1.0,
        ),
    ] {
        let same = async || Ok(stream.metric(line).await? == value);
        until_true(line, PATIENCE, same).await?;
    }
    // The figures of a live stream are broadcast, too, as time passes.
    assert!(stream.metric("ws_broadcast_latency_seconds_count").await? >= 1.0);
    assert!(stream.metric("process_resident_memory_bytes").await? > 1e6);
    assert!(stream.metric("process_open_fds").await? > 4.0);
    let unknown = http1::get(stream.at.metrics.port(), "x", "/").await?;
    assert_eq!(
        (unknown.status, &unknown.json()?["code"]),
        (404, &json!("NOT_FOUND"))
    );
    Ok(())
}

#[tokio::test]
async fn the_test_page_is_for_development() -> Result<()> {
    for (vars, status) in [
        ([("NODE_ENV", "development")], 200),
        ([("ENABLE_DEBUG_ENDPOINTS", "true")], 200),
        ([("ENABLE_DEBUG_ENDPOINTS", "false")], 404),
    ] {
        let stream = start(&vars).await?;
        for path in [
            "/test",
            "/test/",
            "/test/client.js",
            "/test/page.js",
            "/test/style.css",
        ] {
            assert_eq!(stream.get(path).await?.status, status, "{vars:?} {path}");
        }
        let page = stream.get("/test").await?;
        if status == 200 {
            let policy = page.header("content-security-policy").unwrap_or_default();
            assert!(policy.contains("script-src 'self'"), "{policy}");
            assert!(!page.text().contains("<script>"), "scripts are files");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_end_is_told_and_waited_for() -> Result<()> {
    let stream = start(&[]).await?;
    let (at, mut first) = (stream.at, stream.subscriber().await?);
    let ending = tokio::spawn(stream.shutdown());
    let told = first.receive_type("serverShutdown").await?;
    assert!(told["payload"]["reconnectAfterMs"].is_u64());
    let close = first.closed().await?.map(|close| close.code);
    assert_eq!(close, Some(CloseCode::Restart));
    ending.await?;
    // Every port is free again.
    for address in [at.api, at.ws, at.metrics, at.health] {
        // Another test may be given the number for a moment.
        let free = async || Ok(std::net::TcpListener::bind(address).is_ok());
        until_true("a free port", PATIENCE, free).await?;
    }
    Ok(())
}

#[tokio::test]
async fn many_are_sent_away_one_after_the_other() -> Result<()> {
    const GRACE: Duration = Duration::from_secs(20);
    // More than fifty for each thread, of which there is one a core.
    let count = 150 * std::thread::available_parallelism()?.get();
    let grace = GRACE.as_millis().to_string();
    let stream = start(&[("SHUTDOWN_GRACE_MS", &grace)]).await?;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..count {
        let mut client = stream.subscriber().await?;
        clients.spawn(async move {
            let told = tokio::time::timeout(GRACE, client.receive_type("serverShutdown"));
            told.await??;
            let at = Instant::now();
            let close = client.closed().await?.map(|close| close.code);
            Ok::<_, anyhow::Error>((at, close))
        });
    }
    let ending = tokio::spawn(stream.shutdown());
    let mut told = Vec::new();
    while let Some(client) = clients.join_next().await {
        let (at, close) = client??;
        assert_eq!(close, Some(CloseCode::Restart));
        told.push(at);
    }
    ending.await?;
    told.sort();
    // Waves of fifty from each thread, the last of them before half of the grace is over.
    let took = told[count - 1] - told[0];
    assert!(took > GRACE / 8 && took < GRACE, "{took:?}");
    let half = told[count / 2] - told[0];
    assert!(half > Duration::from_millis(100), "all at once: {half:?}");
    Ok(())
}

#[tokio::test]
async fn whoever_does_not_leave_is_dropped_at_the_end_of_the_grace() -> Result<()> {
    let stream = start(&[("SHUTDOWN_GRACE_MS", "3000")]).await?;
    let health = stream.at.health.port();
    // It never reads, so it never answers the close.
    let stuck = stream.subscriber().await?;
    let start = Instant::now();
    let ending = tokio::spawn(stream.shutdown());
    let leaving = async || Ok(http1::get(health, "x", "/health/ready").await?.status == 503);
    until_true("not ready", PATIENCE, leaving).await?;
    let live = ask(health, "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await?;
    assert_eq!(live.status, 200);
    ending.await?;
    let took = start.elapsed().as_secs_f64();
    assert!((3.0..10.0).contains(&took), "{took}");
    drop(stuck);
    Ok(())
}

#[tokio::test]
async fn two_can_run_in_one_process() -> Result<()> {
    let (one, two) = (start(&[]).await?, start(&[]).await?);
    one.control("start").await?;
    assert_eq!(two.get("/stream/state").await?.json()?["isLive"], false);
    one.shutdown().await;
    assert_eq!(two.get("/stream/state").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_named() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let Err(error) = start(&[("METRICS_PORT", &port)]).await else {
        anyhow::bail!("it started");
    };
    let error = error.to_string();
    assert!(
        error.contains("METRICS_PORT") && error.contains(&port),
        "{error}"
    );
    Ok(())
}
