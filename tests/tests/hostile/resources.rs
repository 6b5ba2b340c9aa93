//! Clients that are slow, many, or both.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::recorder::Recorder;
use sluice_tests::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Site, routes, statuses, until_closed, within};

const IMPATIENT: &str = "WEB transport: {respondingTimeouts: {readTimeout: 1s, idleTimeout: 1s}}\nWEBSECURE transport: {respondingTimeouts: {readTimeout: 1s, idleTimeout: 1s}}";

#[tokio::test]
async fn what_a_client_promises_is_not_waited_for_without_end() -> Result<()> {
    let mut site = Site::with(Recorder::fine().await?, routes, IMPATIENT, &[]).await?;
    let start = Instant::now();
    for bytes in [
        "",
        "G",
        "GET /x HTTP/1.1\r\nHost: a.test\r\nX: ",
        "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "POST /x HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ] {
        let answer = until_closed(site.gateway.web, bytes.as_bytes()).await?;
        let got = statuses(&answer);
        let whole = bytes.ends_with("a.test\r\n\r\n");
        let fits = match got.as_slice() {
            [200] => whole,
            [] | [408] | [400] | [100, 408] | [502] => true,
            _ => false,
        };
        ensure!(fits, "{bytes:?}: {got:?}");
    }
    ensure!(
        start.elapsed() < Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
    site.lives().await
}

#[tokio::test]
async fn a_head_has_a_deadline_however_it_drips() -> Result<()> {
    let mut site = Site::with(Recorder::fine().await?, routes, IMPATIENT, &[]).await?;
    let stream = stream::plain(site.gateway.web).await?;
    let (mut read, mut write) = stream.into_split();
    let drip = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        while write.write_all(b"X").await.is_ok() {
            ticks.tick().await;
        }
    });
    let end = within(
        Duration::from_secs(10),
        "the end of a dripping head",
        async {
            let mut all = Vec::new();
            let _ = read.read_to_end(&mut all).await;
            Ok(())
        },
    );
    end.await?;
    drip.abort();
    site.lives().await
}

#[tokio::test]
async fn a_slow_upload_that_goes_on_lives() -> Result<()> {
    let site = Site::with(Recorder::fine().await?, routes, IMPATIENT, &[]).await?;
    let mut client = site.client().await?;
    client
        .send("POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n")
        .await?;
    let mut ticks = tokio::time::interval(Duration::from_millis(300));
    for byte in b"0123456789" {
        ticks.tick().await;
        client.send([*byte]).await?;
    }
    // Three seconds in all, where one second of silence would have ended it.
    ensure!(client.answer().await?.status == 200);
    ensure!(site.upstream.last()?.body == "0123456789");
    Ok(())
}

#[tokio::test]
async fn connections_are_limited_where_that_is_asked_for() -> Result<()> {
    let install = "WEB proxyProtocol: {insecure: true}";
    let args = ["--max-connections=4", "--max-connections-per-client=2"];
    let mut site = Site::with(Recorder::fine().await?, routes, install, &args).await?;
    let proxied = |client: &str| {
        format!("PROXY TCP4 {client} 127.0.0.1 1 80\r\nGET /x HTTP/1.1\r\nHost: a.test\r\n\r\n")
    };
    let mut open = Vec::new();
    for client in ["10.0.0.1", "10.0.0.1", "10.0.0.2"] {
        let mut connection = site.client().await?;
        connection.send(proxied(client)).await?;
        ensure!(connection.answer().await?.status == 200, "{client}");
        open.push(connection);
    }
    let refused = site.until_closed(proxied("10.0.0.1")).await?;
    ensure!(
        refused.is_empty(),
        "a third of one client: {:?}",
        statuses(&refused)
    );
    let mut last = site.client().await?;
    last.send(proxied("10.0.0.3")).await?;
    ensure!(last.answer().await?.status == 200);
    let refused = site.until_closed(proxied("10.0.0.4")).await?;
    ensure!(refused.is_empty(), "a fifth: {:?}", statuses(&refused));
    // The open ones are served, and a place comes back.
    let first = &mut open[0];
    ensure!(first.get("a.test", "/x").await?.status == 200);
    drop(open.pop());
    poll::until_true("a place for another client", PATIENCE, async || {
        let mut next = site.client().await?;
        next.send(proxied("10.0.0.5")).await?;
        Ok(next.answer().await?.status == 200)
    })
    .await?;
    let log = site.gateway.process.log();
    ensure!(log.contains("--max-connections"), "nobody is told");
    drop((open, last));
    site.gateway.process.still_runs()
}

#[tokio::test]
async fn many_connections_that_say_nothing_are_borne() -> Result<()> {
    let mut site = Site::with(Recorder::fine().await?, routes, IMPATIENT, &[]).await?;
    let mut idle = Vec::new();
    for n in 0..500 {
        let mut connection = stream::plain(site.gateway.web).await?;
        if n % 2 == 0 {
            connection.write_all(b"GET / HT").await?;
        }
        idle.push(connection);
    }
    ensure!(site.gateway.get("a.test", "/x").await?.status == 200);
    // They are all let go.
    let all = async {
        for mut connection in idle {
            let mut rest = Vec::new();
            let _ = connection.read_to_end(&mut rest).await;
        }
        Ok(())
    };
    within(Duration::from_secs(20), "the end of idle connections", all).await?;
    site.lives().await
}

#[tokio::test]
async fn a_connection_that_asks_and_asks_ends_in_the_end() -> Result<()> {
    let install = "WEB transport: {keepAliveMaxRequests: 3, keepAliveMaxTime: 1h}";
    let mut site = Site::with(Recorder::fine().await?, routes, install, &[]).await?;
    let many = "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n".repeat(10);
    ensure!(statuses(&site.until_closed(many).await?) == [200; 3]);
    site.lives().await
}
