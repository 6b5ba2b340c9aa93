//! Upgrades: only a server's own 101 opens a tunnel, and only to what was asked for.

use anyhow::{Result, ensure};
use sluice_tests::http1::Client;
use sluice_tests::recorder::{Recorder, Reply, ok};

use crate::support::{EVIL, Site, routes};

fn ask(path: &str, protocol: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade{more}\r\nUpgrade: {protocol}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

async fn site() -> Result<Site> {
    let upstream = Recorder::start(|seen| {
        let switch = |protocol: &str| {
            let text = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
            );
            Reply::Hang(text.into_bytes())
        };
        match seen.line() {
            line if line.contains("/ws") => switch("websocket"),
            line if line.contains("/other") => switch("h2c"),
            _ => Reply::Keep(ok("fine")),
        }
    });
    Site::with(upstream.await?, routes, "", &[]).await
}

#[tokio::test]
async fn http2_is_not_tunnelled_past_the_rules() -> Result<()> {
    let mut site = site().await?;
    for protocol in ["h2c", "H2C", "websocket, h2c", "h2c, foo"] {
        let mut client = site.client().await?;
        let head = ask("/other", protocol, ", HTTP2-Settings")
            .replace("\r\n\r\n", "\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
        client.send(head).await?;
        // The server of this test switches anyway: that is its fault, and no tunnel.
        let answer = client.answer().await?;
        ensure!(answer.status >= 500, "{protocol}: {answer:?}");
        let seen = site.upstream.last()?;
        ensure!(
            seen.values("Upgrade").is_empty() && seen.values("HTTP2-Settings").is_empty(),
            "{seen:?}"
        );
    }
    site.lives().await
}

#[tokio::test]
async fn bytes_behind_an_upgrade_wait_for_its_101() -> Result<()> {
    let mut site = site().await?;
    // The server does not switch: what stands behind the request is at most a request of its own, never bytes of a tunnel.
    let mut client = site.client().await?;
    client
        .send(format!(
            "{}{}",
            ask("/plain", "websocket", ""),
            "\u{1}\u{2}\u{3}raw bytes\r\n\r\n"
        ))
        .await?;
    ensure!(client.answer().await?.text() == "fine");
    let rest = client.rest().await?;
    let rest = String::from_utf8_lossy(&rest);
    ensure!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 400"),
        "{rest:?}"
    );
    let heads: String = site
        .upstream
        .seen()
        .into_iter()
        .map(|seen| seen.head + &seen.body)
        .collect();
    ensure!(!heads.contains("raw bytes"), "{heads:?}");

    // The connection to the server is not used again: it may think that it speaks another protocol.
    let used = site.upstream.last()?.connection;
    ensure!(site.gateway.get("a.test", "/next").await?.status == 200);
    ensure!(
        site.upstream.last()?.connection != used,
        "the connection was kept"
    );
    site.lives().await
}

#[tokio::test]
async fn a_server_switches_to_what_was_asked_for_or_not_at_all() -> Result<()> {
    let mut site = site().await?;
    for (path, protocol) in [
        ("/other", "websocket"),
        ("/ws", "foo"),
        ("/ws", "websocket2"),
    ] {
        let mut client = site.client().await?;
        client.send(ask(path, protocol, "")).await?;
        let answer = client.answer().await?;
        ensure!(answer.status >= 500, "{path} {protocol}: {answer:?}");
    }
    let mut plain = site.client().await?;
    plain
        .send("GET /ws HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .await?;
    ensure!(
        plain.answer().await?.status >= 500,
        "101 that nobody asked for"
    );
    // An upgrade of HTTP/1.0 is none.
    let mut old = site.client().await?;
    old.send(ask("/plain", "websocket", "").replace("HTTP/1.1", "HTTP/1.0"))
        .await?;
    ensure!(old.answer().await?.status == 200);
    ensure!(site.upstream.last()?.values("Upgrade").is_empty());
    site.lives().await
}

#[tokio::test]
async fn a_body_cannot_hide_behind_an_upgrade() -> Result<()> {
    let mut site = site().await?;
    let length = EVIL.len();
    let head = ask("/plain", "websocket", "")
        .replace("\r\n\r\n", &format!("\r\nContent-Length: {length}\r\n\r\n"));
    let mut client: Client = site.client().await?;
    client.send(format!("{head}{EVIL}")).await?;
    ensure!(client.answer().await?.status == 200);
    let coded = ask("/plain", "websocket", "").replace(
        "\r\n\r\n",
        "\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
    );
    site.refuses(coded, &[400]).await?;
    site.lives().await
}
