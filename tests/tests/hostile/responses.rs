//! Servers that answer with what could be taken for somebody else's answer.

use anyhow::{Result, ensure};
use sluice_tests::recorder::{Recorder, Reply, ok};

use crate::support::{Site, routes};

const INJECTED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL";

async fn site() -> Result<Site> {
    let upstream = Recorder::start(|seen| {
        let line = seen.line().to_owned();
        let answer = match line.split(' ').nth(1).unwrap_or_default() {
            "/both" => format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{INJECTED}"
            ),
            "/two" => format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 4\r\n\r\n{INJECTED}"
            ),
            "/sign" => format!("HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\n{INJECTED}"),
            "/more" => format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine{INJECTED}"),
            "/none" => format!("HTTP/1.1 204 No Content\r\n\r\n{INJECTED}"),
            "/none-length" => {
                format!("HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nEVIL{INJECTED}")
            }
            "/same" => {
                format!("HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nEVIL{INJECTED}")
            }
            "/head" => format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL{INJECTED}"),
            "/coding" => {
                format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n{INJECTED}")
            }
            "/chunk" => format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x4\r\nEVIL\r\n0\r\n\r\n{INJECTED}"
            ),
            "/name" => format!("HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n{INJECTED}"),
            "/value" => {
                format!("HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n{INJECTED}")
            }
            "/garbage" => "\0\u{1}\u{2} not HTTP at all\r\n\r\n".to_owned(),
            "/tls" => "\u{15}\u{3}\u{1}\0\u{2}\u{2}(".to_owned(),
            "/interim" => "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(10_000),
            "/switch" => format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n{INJECTED}"
            ),
            "/huge" => format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(20 << 20)),
            _ => return Reply::Keep(ok("fine")),
        };
        Reply::Keep(answer.into_bytes())
    });
    Site::with(upstream.await?, routes, "", &[]).await
}

#[tokio::test]
async fn an_answer_ends_where_it_ends() -> Result<()> {
    let mut site = site().await?;
    for path in [
        "/both",
        "/two",
        "/sign",
        "/more",
        "/none",
        "/none-length",
        "/same",
        "/coding",
        "/chunk",
        "/name",
        "/value",
        "/garbage",
        "/tls",
        "/switch",
    ] {
        // On one connection of the client, as an attacker and then a victim behind the same cache would be.
        let mut client = site.client().await?;
        client
            .send(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n"))
            .await?;
        let first = client.answer().await;
        if let Ok(first) = &first {
            ensure!(!first.text().contains("EVIL"), "{path}: {first:?}");
        }
        let used = site.upstream.last()?.connection;
        for _ in 0..3 {
            let next = site.gateway.get("a.test", "/next").await?;
            ensure!(next.text() == "fine", "{path}: {next:?}");
            ensure!(
                site.upstream.last()?.connection != used,
                "{path}: its connection is used again"
            );
        }
    }
    site.lives().await
}

#[tokio::test]
async fn an_answer_to_head_has_no_body() -> Result<()> {
    let mut site = site().await?;
    let mut client = site.client().await?;
    let answer = client.ask("HEAD", "a.test", "/head", "").await?;
    ensure!(answer.status == 200);
    ensure!(client.get("a.test", "/next").await?.text() == "fine");
    site.lives().await
}

#[tokio::test]
async fn interim_answers_and_heads_are_limited() -> Result<()> {
    let mut site = site().await?;
    for path in ["/interim", "/huge"] {
        let answer = site.gateway.get("a.test", path).await?;
        ensure!(answer.status >= 500, "{path}: {}", answer.status);
    }
    site.lives().await
}
