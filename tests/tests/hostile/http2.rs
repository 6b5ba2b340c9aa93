//! HTTP/2: what becomes of it towards servers, and what a connection may cost.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use sluice_tests::http1;
use sluice_tests::poll::until_true;
use sluice_tests::recorder::{Recorder, Reply, ok};
use sluice_tests::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::frames::{
    CONTINUATION, Connection, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Outcome, PING, RESET,
    SETTINGS, WINDOW_UPDATE, block, frame, get, request,
};
use crate::support::{Site, routes, until_closed, within};

const ENHANCE_YOUR_CALM: u32 = 11;

/// One request on a connection of its own.
async fn ask<N: AsRef<[u8]>, V: AsRef<[u8]>>(site: &Site, fields: &[(N, V)]) -> Result<Outcome> {
    let mut connection = Connection::open(site.gateway.web).await?;
    connection.send(&request(1, fields)).await?;
    connection.outcome(1).await
}

fn with<'a>(path: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [get(path).as_slice(), more].concat()
}

#[tokio::test]
async fn what_http1_could_not_carry_is_refused() -> Result<()> {
    let mut site = Site::start().await?;
    ensure!(ask(&site, &get("/x")).await? == Outcome::Status(200));
    let before = site.upstream.seen().len();
    for (name, value) in [
        ("transfer-encoding", "chunked"),
        ("connection", "x-real-ip"),
        ("upgrade", "websocket"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("te", "gzip"),
        ("x", "a\r\nTransfer-Encoding: chunked"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("", "x"),
        ("X-Upper", "x"),
        ("x y", "z"),
        ("x\r\nhost: evil", "z"),
        (":unknown", "z"),
        (":path", "/evil"),
        ("content-length", "5"),
        ("content-length", "-1"),
        ("content-length", "0x1"),
        ("transfer_encoding", "chunked"),
    ] {
        let outcome = ask(&site, &with("/x", &[(name, value)])).await?;
        ensure!(is_refused(outcome), "{name:?}: {value:?}: {outcome:?}");
    }
    let after = site.upstream.seen().len();
    ensure!(
        after == before,
        "a server heard of it: {:?}",
        site.upstream.last()
    );
    site.lives().await
}

fn is_refused(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Reset(_) | Outcome::Ended | Outcome::Status(400)
    )
}

#[tokio::test]
async fn targets_and_hosts_are_those_of_http1() -> Result<()> {
    let mut site = Site::start().await?;
    for path in [
        "/a b",
        "/a\tb",
        "/a\r\nX: y",
        "",
        "admin",
        "http://a.test/x",
        "*",
    ] {
        let outcome = ask(&site, &get(path)).await?;
        ensure!(is_refused(outcome), "{path:?}: {outcome:?}");
    }
    for authority in [
        "a.test:x",
        "a@a.test",
        "a.test/x",
        "b.test a.test",
        "[a.test]",
    ] {
        let mut fields = get("/x");
        fields[3].1 = authority;
        let outcome = ask(&site, &fields).await?;
        ensure!(is_refused(outcome), "{authority:?}: {outcome:?}");
    }
    // A fragment is cut off before it is matched: what is forwarded is what was matched.
    ensure!(ask(&site, &get("/x#/../y")).await? == Outcome::Status(200));
    ensure!(site.upstream.last()?.line() == "GET /x HTTP/1.1");
    ensure!(
        site.upstream.seen().len() == 1,
        "a server heard of it: {:?}",
        site.upstream.last()
    );
    site.lives().await
}

#[tokio::test]
async fn there_is_one_host_here_too() -> Result<()> {
    let mut site = Site::start().await?;
    // The authority wins, and the server hears of no other.
    ensure!(ask(&site, &with("/x", &[("host", "b.test")])).await? == Outcome::Status(200));
    ensure!(site.upstream.last()?.values("Host") == ["a.test"]);
    let mut fields = get("/x");
    fields.pop();
    let two = [fields.as_slice(), &[("host", "a.test"), ("host", "b.test")]].concat();
    ensure!(ask(&site, &two).await? == Outcome::Status(400));
    let one = [fields.as_slice(), &[("host", "a.test")]].concat();
    ensure!(ask(&site, &one).await? == Outcome::Status(200));
    site.lives().await
}

#[tokio::test]
async fn a_body_is_as_long_as_it_says() -> Result<()> {
    let mut site = Site::start().await?;
    for (announced, sent) in [("5", "hell"), ("5", "hello!"), ("0", "x"), ("3", "")] {
        let mut connection = Connection::open(site.gateway.web).await?;
        let mut fields = with("/evil-length", &[("content-length", announced)]);
        fields[0].1 = "POST";
        connection
            .send(&frame(HEADERS, END_HEADERS, 1, &block(&fields)))
            .await?;
        connection
            .send(&frame(DATA, END_STREAM, 1, sent.as_bytes()))
            .await?;
        let outcome = connection.outcome(1).await?;
        ensure!(
            outcome != Outcome::Status(200),
            "{announced}: {sent}: {outcome:?}"
        );
    }
    // Promised, and never sent: the server gets no end of it.
    let mut connection = Connection::open(site.gateway.web).await?;
    let mut fields = with("/promised", &[("content-length", "5")]);
    fields[0].1 = "POST";
    connection
        .send(&frame(HEADERS, END_HEADERS, 1, &block(&fields)))
        .await?;
    connection.send(&frame(DATA, 0, 1, b"he")).await?;
    drop(connection);
    for seen in site.upstream.seen() {
        ensure!(
            !seen.line().contains("length") || seen.body.is_empty(),
            "{seen:?}"
        );
    }
    let answer = site.gateway.get("a.test", "/after").await?;
    ensure!(answer.text() == "fine");
    ensure!(site.upstream.last()?.line().contains("/after"));
    site.gateway.process.still_runs()
}

#[tokio::test]
async fn a_tunnel_is_never_opened() -> Result<()> {
    let mut site = Site::start().await?;
    let connect = [(":method", "CONNECT"), (":authority", "a.test:80")];
    ensure!(ask(&site, &connect).await? == Outcome::Status(501));
    let extended = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":path", "/x"),
        (":authority", "a.test"),
    ];
    let outcome = ask(&site, &extended).await?;
    ensure!(
        matches!(
            outcome,
            Outcome::Reset(_) | Outcome::Ended | Outcome::Status(501)
        ),
        "{outcome:?}"
    );
    let mut client = site.client().await?;
    client
        .send("CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n")
        .await?;
    ensure!(client.answer().await?.status == 501);
    ensure!(site.upstream.seen().is_empty(), "a server heard of it");
    site.lives().await
}

#[tokio::test]
async fn requests_that_are_taken_back_end_the_connection() -> Result<()> {
    let upstream = Recorder::start(|seen| match seen.line().contains("/slow") {
        true => Reply::Hang(Vec::new()),
        false => Reply::Keep(ok("fine")),
    });
    let mut site = Site::with(upstream.await?, routes, "", &[]).await?;
    // At once, and each one first let through: the two are counted in different places.
    for pause in [false, true] {
        let connection = Connection::open(site.gateway.web).await?;
        let (mut read, mut write) = tokio::io::split(connection.into_stream());
        let ended = tokio::spawn(async move {
            let mut all = Vec::new();
            let _ = read.read_to_end(&mut all).await;
        });
        let mut sent = 0;
        for n in 0..20_000_u32 {
            let stream = 2 * n + 1;
            let mut both = request(stream, &get("/slow"));
            both.extend(frame(RESET, 0, stream, &8_u32.to_be_bytes()));
            if write.write_all(&both).await.is_err() || ended.is_finished() {
                break;
            }
            if pause {
                tokio::task::yield_now().await;
            }
            sent += 1;
        }
        within(
            Duration::from_secs(20),
            "the end of the connection",
            async { Ok(ended.await?) },
        )
        .await?;
        ensure!(sent < 20_000, "all were taken");
    }
    site.lives().await
}

#[tokio::test]
async fn resets_that_a_client_provokes_end_the_connection() -> Result<()> {
    let mut site = Site::start().await?;
    let mut connection = Connection::open(site.gateway.web).await?;
    let mut bytes = Vec::new();
    for n in 0..2_000_u32 {
        let stream = 2 * n + 1;
        let mut fields = get("/x");
        fields[0].1 = "POST";
        bytes.extend(frame(HEADERS, END_HEADERS, stream, &block(&fields)));
        // A window may not be opened by nothing: the stream's error, and ours to reset.
        bytes.extend(frame(WINDOW_UPDATE, 0, stream, &0_u32.to_be_bytes()));
    }
    let _ = connection.send(&bytes).await;
    let code = within(
        Duration::from_secs(20),
        "the end of the connection",
        connection.end(),
    )
    .await?;
    ensure!(
        code.is_none_or(|code| code == ENHANCE_YOUR_CALM || code == 1),
        "{code:?}"
    );
    site.lives().await
}

#[tokio::test]
async fn heads_without_end_end_the_connection() -> Result<()> {
    // More than the buffers between the two hold, however late the gateway gets its turn.
    const MOST: usize = 64 << 20;
    let mut site = Site::start().await?;
    for filler in [Vec::new(), block(&[("x-y", "z".repeat(1000))])] {
        let connection = Connection::open(site.gateway.web).await?;
        let mut stream = connection.into_stream();
        stream
            .write_all(&frame(HEADERS, END_STREAM, 1, &block(&get("/evil"))))
            .await?;
        let mut taken = 0_usize;
        let more = frame(CONTINUATION, 0, 1, &filler).repeat(64);
        while taken < MOST && stream.write_all(&more).await.is_ok() {
            taken += more.len();
        }
        ensure!(
            taken < MOST,
            "{} bytes a frame: taken without end",
            filler.len()
        );
    }
    site.lives().await
}

#[tokio::test]
async fn decoded_fields_are_limited() -> Result<()> {
    let mut site = Site::start().await?;
    // A field of 4,000 bytes in the table, then named again by one byte each: 4 MB out of a few kilobytes.
    let mut bomb = block(&get("/evil"));
    let value = vec![b'x'; 3900];
    bomb.push(0x40);
    bomb.extend_from_slice(&block(&[("x-bomb", value)])[1..]);
    bomb.extend(std::iter::repeat_n(0xbe, 1200));
    // Many small cookies, which are joined.
    let mut cookies = block(&get("/evil"));
    cookies.extend(block(&vec![("cookie", "a=b"); 60_000]));
    // Many fields of different names.
    let names: Vec<(String, &str)> = (0..10_050).map(|n| (format!("x-{n}"), "y")).collect();
    let mut many = block(&get("/evil"));
    many.extend(block(&names));
    for head in [bomb, cookies, many] {
        let mut connection = Connection::open(site.gateway.web).await?;
        let mut pieces = head.chunks(16_000).peekable();
        let mut kind = HEADERS;
        while let Some(piece) = pieces.next() {
            let end = if pieces.peek().is_none() {
                END_HEADERS
            } else {
                0
            };
            let flags = if kind == HEADERS {
                END_STREAM | end
            } else {
                end
            };
            let _ = connection.send(&frame(kind, flags, 1, piece)).await;
            kind = CONTINUATION;
        }
        let outcome = connection.outcome(1).await?;
        let refused = matches!(
            outcome,
            Outcome::Status(431) | Outcome::Reset(_) | Outcome::Ended
        );
        ensure!(refused, "{} bytes: {outcome:?}", head.len());
    }
    ensure!(site.upstream.seen().is_empty(), "a server heard of it");
    site.lives().await
}

#[tokio::test]
async fn streams_at_once_are_limited() -> Result<()> {
    let upstream = Recorder::start(|seen| match seen.line().contains("/hang") {
        true => Reply::Hang(Vec::new()),
        false => Reply::Keep(ok("fine")),
    });
    let install = "WEB http2: {maxConcurrentStreams: 5}";
    let mut site = Site::with(upstream.await?, routes, install, &[]).await?;
    let mut connection = Connection::open(site.gateway.web).await?;
    let settings = connection.next().await?;
    let payload = settings
        .map(|settings| settings.payload)
        .unwrap_or_default();
    let told = payload.chunks(6).any(|pair| pair == [0, 3, 0, 0, 0, 5]);
    ensure!(
        told,
        "SETTINGS_MAX_CONCURRENT_STREAMS is not told: {payload:?}"
    );
    for n in 0..6 {
        connection.send(&request(2 * n + 1, &get("/hang"))).await?;
    }
    // REFUSED_STREAM: the client may ask again.
    ensure!(connection.outcome(11).await? == Outcome::Reset(7));
    site.lives().await
}

#[tokio::test]
async fn frames_that_make_no_sense_end_the_connection_at_most() -> Result<()> {
    let mut site = Site::start().await?;
    let zero_frames = [0, 5, 0, 0, 0, 0];
    let garbage = frame(HEADERS, END_STREAM | END_HEADERS, 1, &[0xff; 64]);
    let mut trailers = request(1, &get("/x"));
    trailers[4] = END_HEADERS;
    trailers.extend(frame(DATA, 0, 1, b"x"));
    trailers.extend(frame(HEADERS, END_HEADERS, 1, &block(&[("x", "y")])));
    for bytes in [
        frame(SETTINGS, 0, 0, &zero_frames),
        frame(SETTINGS, 0, 0, &[0; 5]),
        frame(SETTINGS, 0, 1, &[]),
        frame(SETTINGS, 1, 0, &[0; 6]),
        garbage,
        trailers,
        frame(DATA, 0, 0, b"x"),
        frame(DATA, END_STREAM, 7, b"x"),
        frame(HEADERS, END_STREAM | END_HEADERS, 2, &block(&get("/evil"))),
        frame(PING, 0, 0, &[0; 7]),
        frame(WINDOW_UPDATE, 0, 0, &0_u32.to_be_bytes()),
        frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()).repeat(2),
        frame(GOAWAY, 0, 0, &[0; 3]),
        frame(5, END_HEADERS, 1, &block(&get("/evil"))),
        frame(HEADERS, 0x20 | END_HEADERS, 1, &[0; 5]),
        frame(HEADERS, 0x08 | END_HEADERS, 1, &[200, 0]),
        [0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1].to_vec(),
    ] {
        let mut connection = Connection::open(site.gateway.web).await?;
        connection.send(&bytes).await?;
        // An error of its stream or of the connection, told or not.
        let outcome = connection.outcome(1).await?;
        ensure!(outcome != Outcome::Status(200), "{bytes:02x?}");
    }
    // Kinds that nobody knows are passed over.
    let mut connection = Connection::open(site.gateway.web).await?;
    for kind in 0x0a..0x20 {
        connection.send(&frame(kind, 0xff, 0, &[1; 8])).await?;
        connection.send(&frame(kind, 0xff, 1, &[])).await?;
    }
    connection.send(&request(1, &get("/x"))).await?;
    ensure!(connection.outcome(1).await? == Outcome::Status(200));
    site.lives().await
}

#[tokio::test]
async fn floods_of_small_frames_cost_no_memory() -> Result<()> {
    let mut site = Site::start().await?;
    let before = memory(&site)?;
    for flood in [
        frame(PING, 0, 0, &[0; 8]),
        frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255]),
    ] {
        let connection = Connection::open(site.gateway.web).await?;
        let mut stream = connection.into_stream();
        let bytes = flood.repeat(1000);
        // Its answers are never read: in the end nothing more is taken.
        let all = async {
            for _ in 0..5_000 {
                stream.write_all(&bytes).await?;
            }
            anyhow::Ok(())
        };
        let _ = tokio::time::timeout(Duration::from_secs(3), all).await;
        let grown = memory(&site)?.saturating_sub(before);
        ensure!(grown < 64 * 1024, "{grown} KiB more are resident");
        site.gateway.get("a.test", "/x").await?;
    }
    site.lives().await
}

/// KiB that the gateway has resident.
fn memory(site: &Site) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", site.gateway.process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let Some(line) = line else { bail!("no VmRSS") };
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[tokio::test]
async fn a_preface_that_breaks_off_is_not_waited_for() -> Result<()> {
    let install = "WEB transport: {respondingTimeouts: {readTimeout: 1s, idleTimeout: 1s}}";
    let mut site = Site::with(Recorder::fine().await?, routes, install, &[]).await?;
    let start = Instant::now();
    for bytes in ["PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "P"] {
        until_closed(site.gateway.web, bytes.as_bytes()).await?;
        // A window that is never opened, and a body that never comes.
    }
    let mut quiet = Connection::open(site.gateway.web).await?;
    quiet.send(&request(1, &get("/x"))).await?;
    quiet.end().await?;
    let mut half = Connection::open(site.gateway.web).await?;
    let mut fields = get("/half");
    fields[0].1 = "POST";
    half.send(&frame(HEADERS, END_HEADERS, 1, &block(&fields)))
        .await?;
    let outcome = half.outcome(1).await?;
    ensure!(
        matches!(
            outcome,
            Outcome::Status(408 | 400 | 502) | Outcome::Reset(_)
        ),
        "{outcome:?}"
    );
    ensure!(
        start.elapsed() < Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
    site.lives().await
}

#[tokio::test]
async fn a_connection_ends_after_so_many_requests() -> Result<()> {
    let install = "WEB transport: {keepAliveMaxRequests: 3}";
    let site = Site::with(Recorder::fine().await?, routes, install, &[]).await?;
    let mut connection = Connection::open(site.gateway.web).await?;
    for stream in [1, 3, 5] {
        connection.send(&request(stream, &get("/x"))).await?;
        if connection.outcome(stream).await? == Outcome::Ended {
            return Ok(());
        }
    }
    // NO_ERROR: it is no fault of the client's.
    ensure!(connection.end().await? == Some(0));
    Ok(())
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut() -> Result<()> {
    let upstream = Recorder::start(|_| Reply::Close(ok(&"x".repeat(8 << 20)))).await?;
    let install = "WEB transport: {respondingTimeouts: {writeTimeout: 1s}}";
    let site = Site::with(upstream, routes, install, &[]).await?;
    let mut connection = Connection::open(site.gateway.web).await?;
    connection.send(&request(1, &get("/big"))).await?;
    within(
        Duration::from_secs(15),
        "the end of HTTP/2",
        connection.end(),
    )
    .await?;

    // The same over HTTP/1, where the socket's buffers fill up.
    let mut stalled = stream::plain(site.gateway.web).await?;
    stalled
        .write_all(b"GET /big HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .await?;
    // Nothing is read until the gateway has given up: it has no connection left then.
    let cut = async || {
        let asked = site.upstream.seen().len() == 2;
        let open = r#"traefik_open_connections{entrypoint="web",protocol="TCP"}"#;
        Ok(asked && site.gateway.metric(open).await? == 0.0)
    };
    until_true("the cut", Duration::from_secs(15), cut).await?;
    let mut all = Vec::new();
    let read = within(Duration::from_secs(15), "the end of HTTP/1", async {
        let _ = stalled.read_to_end(&mut all).await;
        Ok(all.len())
    });
    ensure!(read.await? < 8 << 20, "the answer was sent to nobody");
    let answer = http1::get(site.gateway.web, "a.test", "/big").await?;
    ensure!(
        answer.body.len() == 8 << 20,
        "a client that reads gets all of it"
    );
    Ok(())
}
