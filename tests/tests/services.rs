//! What services have beyond Traefik's: slow start, a first state, limits of time.

use std::time::{Duration, Instant};

use anyhow::Result;
use sluice_tests::http1::Client;
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::stack::Gateway;
use sluice_tests::upstream::{Upstream, ok};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

/// One router for `a.test` with these options, and its load balancer with those.
fn route(router: &str, balancer: &str, ports: &[u16]) -> String {
    let servers: Vec<String> = ports
        .iter()
        .map(|port| format!("{{url: 'http://127.0.0.1:{port}'}}"))
        .collect();
    let servers = servers.join(", ");
    format!(
        "\
http:
  routers:
    app: {{rule: 'Host(`a.test`)', service: app, {router}}}
  services:
    app: {{loadBalancer: {{servers: [{servers}], {balancer}}}}}
"
    )
}

#[tokio::test]
async fn a_server_that_joins_grows_into_its_share() -> Result<()> {
    let (old, new) = (
        Upstream::saying("old").await?,
        Upstream::saying("new").await?,
    );
    let folder = tempfile::tempdir()?;
    let alone = route("", "slowStart: 1h", &[old.port]);
    let gateway = Gateway::start_in(folder, &alone, "THROTTLE 1ms").await?;
    gateway.reconfigure(&route("", "slowStart: 1h", &[old.port, new.port]))?;
    let mut client = Client::connect(gateway.web).await?;
    poll::until_true("the new server", PATIENCE, async || {
        Ok(client.get("a.test", "/").await?.text() == "new")
    })
    .await?;
    let mut count = 0;
    for _ in 0..500 {
        count += usize::from(client.get("a.test", "/").await?.text() == "new");
    }
    // A twentieth of its half; all of it would be 250.
    assert!((1..60).contains(&count), "{count}");

    // Alone it takes everything, warm or not.
    gateway.reconfigure(&route("", "slowStart: 1h", &[new.port]))?;
    poll::until_true("only the new server", PATIENCE, async || {
        for _ in 0..20 {
            if client.get("a.test", "/").await?.text() != "new" {
                return Ok(false);
            }
        }
        Ok(true)
    })
    .await
}

#[tokio::test]
async fn a_server_that_leaves_finishes_what_it_has() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let leaving = listener.local_addr()?.port();
    let staying = Upstream::saying("staying").await?;
    let folder = tempfile::tempdir()?;
    let alone = route("", "", &[leaving]);
    let gateway = Gateway::start_in(folder, &alone, "THROTTLE 1ms").await?;
    let mut client = Client::connect(gateway.web).await?;
    client
        .send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .await?;
    let (mut server, _) = poll::soon("the request", async { Ok(listener.accept().await?) }).await?;
    server
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        .await?;

    let reloads = async || gateway.metric("traefik_config_reloads_total").await;
    let before = reloads().await?;
    gateway.reconfigure(&route("", "", &[staying.port]))?;
    poll::until_true("the reload", PATIENCE, async || {
        Ok(reloads().await? > before)
    })
    .await?;
    assert_eq!(gateway.get("a.test", "/").await?.text(), "staying");
    server.write_all(b"half").await?;
    assert_eq!(client.answer().await?.text(), "halfhalf");
    Ok(())
}

#[tokio::test]
async fn servers_may_be_down_until_they_are_probed() -> Result<()> {
    let well = Upstream::saying("well").await?;
    let sick =
        Upstream::start(|_| b"HTTP/1.1 500 Sick\r\nContent-Length: 0\r\n\r\n".to_vec()).await?;
    let check = "healthCheck: {path: /health, interval: 1h, initialStatus: DOWN}";
    let gateway = Gateway::start(&route("", check, &[sick.port, well.port])).await?;
    // The first probe does not wait for an hour.
    poll::until_true("the healthy server", PATIENCE, async || {
        Ok(gateway.get("a.test", "/").await?.status == 200)
    })
    .await?;
    for _ in 0..10 {
        assert_eq!(gateway.get("a.test", "/").await?.text(), "well");
    }
    let asked: Vec<_> = sick
        .seen()
        .iter()
        .map(|seen| seen.line().to_owned())
        .collect();
    assert_eq!(asked, ["GET /health HTTP/1.1"]);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_504() -> Result<()> {
    // It takes requests, and answers those for /quick only.
    let upstream = Upstream::start(|request| {
        if request.line().contains("/quick") {
            ok("quick")
        } else {
            Vec::new()
        }
    })
    .await?;
    for (router, balancer) in [("timeout: 300ms", ""), ("", "timeout: 300ms")] {
        let gateway = Gateway::start(&route(router, balancer, &[upstream.port])).await?;
        assert_eq!(gateway.get("a.test", "/quick").await?.text(), "quick");
        let start = Instant::now();
        let answer = gateway.get("a.test", "/slow").await?;
        assert_eq!(
            (answer.status, answer.text()),
            (504, "Gateway Timeout".to_owned())
        );
        assert!(start.elapsed() >= Duration::from_millis(300));
        assert!(start.elapsed() < Duration::from_secs(10));
        assert_eq!(gateway.get("a.test", "/quick").await?.text(), "quick");
    }
    Ok(())
}
