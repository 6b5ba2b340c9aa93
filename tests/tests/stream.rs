//! The stream manager through the gateway: a thousand viewers, a store that dies, and input that is wrong.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice_tests::http1::{self, Client};
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::process::{self, Process};
use sluice_tests::redis::Redis;
use sluice_tests::websocket::Socket;
use sluice_tests::whole::Whole;
use sluice_tests::{binaries, ports, stream, usage};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// Control calls of a test are no flood.
const NO_LIMIT: (&str, &str) = ("RATE_LIMIT_REQUESTS", "1000000");
const IN_MEMORY: (&str, &str) = ("STORE_PATH", "memory");

const VIEWERS: usize = 999;
const VERSIONS: u64 = 120;
/// What either process may grow by while versions go out: far less than one version kept for each viewer and round.
const GROWTH: u64 = 24 << 20;

/// What a viewer saw: its number, the version, and when.
type Seen = (usize, Result<u64>, Instant);

/// Hands on every `stateUpdate`, until the socket or the test ends.
async fn watch(number: usize, mut socket: Socket, seen: mpsc::UnboundedSender<Seen>) {
    loop {
        let update = socket.receive_type("stateUpdate").await;
        let version = update.and_then(|update| update["version"].as_u64().context("no version"));
        let ends = version.is_err();
        if seen.send((number, version, Instant::now())).is_err() || ends {
            return;
        }
    }
}

/// Waits until every viewer has seen `version`, and says when each did; none may have missed one on the way.
async fn all_see(
    version: u64,
    last: &mut [u64],
    seen: &mut mpsc::UnboundedReceiver<Seen>,
) -> Result<Vec<Instant>> {
    let mut times = Vec::new();
    let mut behind = last.iter().filter(|last| **last < version).count();
    while behind > 0 {
        let next = poll::soon("every viewer's next version", async {
            seen.recv().await.context("no viewer is left")
        });
        let (number, found, at) = next
            .await
            .with_context(|| format!("{behind} lack {version}"))?;
        let found = found.with_context(|| format!("viewer {number}"))?;
        let last = &mut last[number];
        // Counters repeat the version; a change raises it by one.
        ensure!(
            *last == 0 || found == *last || found == *last + 1,
            "viewer {number}: {found} after {last}"
        );
        if *last < version && found >= version {
            behind -= 1;
            times.push(at);
        }
        *last = found;
    }
    Ok(times)
}

/// Milliseconds from order to sight that 99 of 100 do not exceed.
fn p99(mut latencies: Vec<Duration>) -> f64 {
    latencies.sort_unstable();
    let at = latencies.len() * 99 / 100;
    latencies.get(at).map_or(0.0, Duration::as_secs_f64) * 1000.0
}

/// A viewer that never reads, with as small a buffer as the system gives, and keeps asking for long answers.
async fn deaf_viewer(port: u16) -> Result<tokio::task::JoinHandle<()>> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let stream = socket.connect(address).await?;
    let url = format!("ws://localhost:{port}/api/stream/ws?target=state");
    let mut socket = Socket::over(Box::new(stream), &url, &[]).await?;
    let echo = json!({"type": "echo", "payload": {"text": "x".repeat(60_000)}});
    Ok(tokio::spawn(async move {
        // Below the rate at which messages are refused. It ends when the stream manager gives the viewer up.
        while socket.send_json(&echo).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }))
}

/// Waits until something waits for a viewer that takes nothing more.
async fn waits_for_one(whole: &Whole) -> Result<()> {
    poll::until_true("a viewer that takes nothing more", PATIENCE, async || {
        let depth = &health(whole).await?["components"]["websocket"]["queueDepth"];
        Ok(depth.as_u64() > Some(0))
    })
    .await
}

/// Judges resident bytes of gateway and backend, before and after, and the latencies without and beside a deaf viewer.
fn holds([before, after]: [[u64; 2]; 2], [alone, beside]: [f64; 2]) -> Result<()> {
    // Seen where the test harness keeps the output of tests that pass.
    writeln!(
        std::io::stderr(),
        "{VIEWERS} viewers, {VERSIONS} versions: resident bytes of gateway and backend before {before:?}, after {after:?}; \
         p99 from order to sight {alone:.1} ms, beside one that does not read {beside:.1} ms"
    )?;
    // Far above what a busy machine does to it, far below one wait for a socket that takes nothing.
    ensure!(beside < alone * 2.0 + 50.0, "{alone} ms became {beside} ms");
    for (name, (before, after)) in ["gateway", "backend"].iter().zip(before.iter().zip(&after)) {
        ensure!(
            *after < before + GROWTH,
            "{name}: {before} bytes grew to {after}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_thousand_viewers_get_every_version_in_order_though_one_does_not_read() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut whole = Whole::start(folder.path(), &[IN_MEMORY, NO_LIMIT]).await?;
    let whole_ids = [whole.gateway.process.id(), whole.backend.process.id()];
    let (sender, mut seen) = mpsc::unbounded_channel();
    let mut viewers = tokio::task::JoinSet::new();
    for number in 0..VIEWERS {
        let socket = whole
            .socket("state")
            .await
            .with_context(|| format!("viewer {number}"))?;
        viewers.spawn(watch(number, socket, sender.clone()));
    }
    drop(sender);

    let mut last = vec![0; VIEWERS];
    whole.order("/api/stream/start", "").await?;
    let first = whole.status().await?["version"]
        .as_u64()
        .context("a version")?;
    all_see(first, &mut last, &mut seen).await?;
    let resident = || whole_ids.map(|id| usage::resident_bytes(id).unwrap_or_default());
    let before = resident();
    let mut deaf = None;
    let mut latencies = [Vec::new(), Vec::new()];
    for round in 1..=VERSIONS {
        if round == VERSIONS / 2 + 1 {
            deaf = Some(deaf_viewer(whole.gateway.web).await?);
            waits_for_one(&whole).await?;
        }
        let begun = Instant::now();
        whole.order("/api/stream/pause", "").await?;
        let times = all_see(first + round, &mut last, &mut seen).await?;
        let times = times.into_iter().map(|at| at - begun);
        latencies[usize::from(deaf.is_some())].extend(times);
    }
    let deaf = deaf.context("it was there")?;
    ensure!(!deaf.is_finished(), "it was given up before the end");
    let after = resident();
    let resident = [before, after];
    holds(resident, latencies.map(p99))?;

    // It is given up, and nobody else is.
    poll::soon("the end of the viewer that does not read", async {
        Ok(deaf.await?)
    })
    .await?;
    whole.order("/api/stream/stop", "").await?;
    all_see(first + VERSIONS + 1, &mut last, &mut seen).await?;
    whole.still_run()
}

/// Sets another frame rate; whether the answer says that it is stored. Acknowledged either way.
async fn set_rate(whole: &Whole, rate: u64) -> Result<bool> {
    let body = json!({ "TARGET_FPS": rate }).to_string();
    let answer = http1::patch(whole.gateway.web, "localhost", "/api/stream/config", &body).await?;
    ensure!(answer.status == 200, "{}", answer.text());
    Ok(answer.header("X-State-Persisted") != Some("false"))
}

async fn health(whole: &Whole) -> Result<Value> {
    let answer = http1::get(whole.backend.health, "localhost", "/health").await?;
    ensure!(answer.status == 200, "{}", answer.text());
    answer.json()
}

async fn health_becomes(whole: &Whole, wanted: &str) -> Result<()> {
    let what = format!("health {wanted}");
    poll::until_true(&what, PATIENCE, async || {
        Ok(health(whole).await?["status"] == wanted)
    })
    .await
}

#[tokio::test]
async fn redis_dies_and_comes_back_and_no_acknowledged_change_is_lost() -> Result<()> {
    let mut redis = Redis::start().await?;
    let folder = tempfile::tempdir()?;
    let url = redis.url();
    let mut whole = Whole::start(folder.path(), &[("REDIS_URL", &url), NO_LIMIT]).await?;
    health_becomes(&whole, "ok").await?;
    let mut socket = whole.socket("state").await?;
    let before = whole.status().await?["version"]
        .as_u64()
        .context("a version")?;

    let mut changes = 0;
    let mut rate = 30;
    let mut change = async |whole: &Whole| -> Result<bool> {
        changes += 1;
        rate = 1 + changes % 59;
        set_rate(whole, rate).await
    };
    for _ in 0..20 {
        ensure!(change(&whole).await?, "not stored though Redis runs");
    }
    redis.kill().await?;
    let mut unstored = 0;
    for _ in 0..20 {
        unstored += u32::from(!change(&whole).await?);
    }
    ensure!(
        unstored == 20,
        "{unstored} of 20 answers say that they are not stored"
    );
    health_becomes(&whole, "degraded").await?;

    redis.restart().await?;
    for _ in 0..20 {
        change(&whole).await?;
    }
    health_becomes(&whole, "ok").await?;

    // Every change made a version, and viewers hear of the last one.
    let status = whole.status().await?;
    assert_eq!(status["version"], before + changes);
    assert_eq!(status["data"]["targetFPS"], rate);
    let last = socket
        .receive_where("the last version", |message| {
            message["version"] == before + changes
        })
        .await?;
    assert_eq!(last["payload"]["stream"]["targetFPS"], rate);

    // What is in Redis is what was acknowledged: a process that dies without a word leaves it there.
    whole.backend.process.kill().await?;
    whole.backend.restart().await?;
    poll::until_true("the state of before", PATIENCE, async || {
        let status = whole.status().await?;
        Ok(status["version"] == before + changes && status["data"]["targetFPS"] == rate)
    })
    .await
}

#[tokio::test]
async fn bad_messages_get_an_error_each_and_disturb_nobody() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut whole = Whole::start(folder.path(), &[IN_MEMORY, NO_LIMIT]).await?;
    let mut witness = whole.socket("state").await?;
    witness.receive_type("stateUpdate").await?;

    let mut socket = whole.socket("state").await?;
    socket.receive_type("stateUpdate").await?;
    let deep = format!(
        "{{\"type\":\"echo\",\"payload\":{}1{}}}",
        "{\"a\":".repeat(40),
        "}".repeat(40)
    );
    for (text, code) in [
        ("{", "INVALID_JSON"),
        ("", "INVALID_JSON"),
        ("[1]", "INVALID_MESSAGE"),
        ("{\"type\":7}", "INVALID_MESSAGE"),
        ("{\"type\":\"nothing-like-it\"}", "UNKNOWN_TYPE"),
        (
            "{\"type\":\"control\",\"payload\":{\"action\":\"explode\"}}",
            "VALIDATION_ERROR",
        ),
        (deep.as_str(), "INVALID_MESSAGE"),
    ] {
        socket.send(Message::text(text)).await?;
        let error = socket
            .receive_type("error")
            .await
            .with_context(|| text.to_owned())?;
        assert_eq!(error["payload"]["code"], code, "{text}: {error}");
    }
    for (message, code) in [
        (Message::binary(Bytes::from_static(&[0xff, 0xfe])), 1003),
        (Message::text("x".repeat(70_000)), 1009),
    ] {
        let mut socket = whole.socket("state").await?;
        socket.send(message).await?;
        let frame = socket.closed().await?.context("a close frame")?;
        assert_eq!(u16::from(frame.code), code, "{}", frame.reason);
    }

    whole.order("/api/stream/start", "").await?;
    witness
        .receive_where("the start", |message| {
            message["payload"]["stream"]["isLive"] == true
        })
        .await?;
    whole.still_run()
}

#[tokio::test]
async fn bad_calls_get_an_error_each() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut whole = Whole::start(folder.path(), &[IN_MEMORY, NO_LIMIT]).await?;
    for (path, body, status) in [
        ("/api/stream/playback", "{", 400),
        ("/api/stream/playback", "{\"action\":\"explode\"}", 400),
        ("/api/stream/pause", "{\"paused\":\"yes\"}", 400),
        ("/api/stream/nowhere", "{}", 404),
    ] {
        let answer = whole.post(path, body).await?;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
        let answer = answer.json()?;
        ensure!(
            answer["error"].is_string() && answer["success"] == false,
            "{path}: {answer}"
        );
    }
    let refused = Socket::connect(whole.gateway.web, "/api/stream/ws?target=nothing").await;
    let refused = refused.err().context("an unknown target is refused")?;
    ensure!(format!("{refused:#}").contains("400"), "{refused:#}");
    whole.order("/api/stream/start", "").await?;
    whole.still_run()
}

#[tokio::test]
async fn broken_frames_end_their_own_socket_only() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut whole = Whole::start(folder.path(), &[IN_MEMORY]).await?;
    let mut witness = whole.socket("state").await?;
    for bytes in [
        // Not masked; reserved bits; a reserved opcode; a long ping; a length that never comes.
        &[0x81, 0x02, b'h', b'i'][..],
        &[0xf1, 0x80, 0, 0, 0, 0],
        &[0x83, 0x80, 0, 0, 0, 0],
        &[0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0],
        &[
            0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
        ],
    ] {
        let mut client = Client::connect(whole.gateway.web).await?;
        client
            .send(
                "GET /api/stream/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
            )
            .await?;
        assert_eq!(client.answer().await?.status, 101);
        client.send(bytes).await?;
        // The close frame, if any, and the end.
        client
            .rest()
            .await
            .with_context(|| format!("after {bytes:x?}"))?;
    }
    witness
        .send_json(&json!({"type": "ping", "timestamp": 1}))
        .await?;
    witness.receive_type("pong").await?;
    whole.still_run()
}

#[tokio::test]
async fn tokens_that_are_wrong_are_refused_before_the_upgrade() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let environment = [
        IN_MEMORY,
        ("AUTH_MODE", "token"),
        ("STREAM_API_TOKENS", "desk:operator:correct-horse-battery"),
    ];
    let mut whole = Whole::start(folder.path(), &environment).await?;
    let port = whole.gateway.web;
    let url = format!("ws://localhost:{port}/api/stream/ws?target=state");
    let open = async |headers: &[(&'static str, &str)]| -> Result<Socket> {
        Socket::over(Box::new(stream::plain(port).await?), &url, headers).await
    };
    for token in [
        "",
        "Bearer",
        "Bearer wrong",
        "Basic Y29ycmVjdA==",
        "Bearer a.b.c",
        "Bearer \u{7f}",
    ] {
        let Ok(_) = http::HeaderValue::from_str(token) else {
            continue;
        };
        let error = open(&[("authorization", token)]).await.err();
        let error = error.with_context(|| format!("{token:?} is let in"))?;
        ensure!(format!("{error:#}").contains("401"), "{token:?}: {error:#}");
    }
    let mut socket = open(&[("authorization", "Bearer correct-horse-battery")]).await?;
    socket.receive_type("welcome").await?;

    let answer = whole.post("/api/stream/start", "").await?;
    assert_eq!(answer.status, 401, "{}", answer.text());
    ensure!(
        answer
            .header("WWW-Authenticate")
            .is_some_and(|value| value.starts_with("Bearer"))
    );
    whole.still_run()
}

#[tokio::test]
async fn half_open_sockets_are_given_up_and_hurt_nobody() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let environment = [
        IN_MEMORY,
        ("WS_PING_INTERVAL_MS", "200"),
        ("WS_TIMEOUT_MS", "800"),
    ];
    let mut whole = Whole::start(folder.path(), &environment).await?;
    let mut held = Vec::new();
    for port in [
        whole.gateway.web,
        whole.backend.ws,
        whole.backend.api,
        whole.backend.health,
    ] {
        for text in [
            "",
            "G",
            "GET /api/stream/ws HTTP/1.1\r\nHost: loc",
            "\x16\x03\x01",
        ] {
            let mut stream = stream::plain(port).await?;
            stream.write_all(text.as_bytes()).await?;
            held.push(stream);
        }
    }
    // Upgraded, and then nothing: nobody answers the pings.
    let mut silent = Client::connect(whole.gateway.web).await?;
    silent
        .send(
            "GET /api/stream/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        )
        .await?;
    assert_eq!(silent.answer().await?.status, 101);
    let mut socket = whole.socket("state").await?;
    socket.receive_type("welcome").await?;
    let rest = silent.rest().await?;
    let code = 4408_u16.to_be_bytes();
    ensure!(
        rest.windows(2).any(|pair| pair == code),
        "no close with 4408 in {} bytes",
        rest.len()
    );
    assert_eq!(whole.get("/api/stream/status").await?.status, 200);
    drop(held);
    whole.still_run()
}

#[tokio::test]
async fn wrong_environment_is_named_and_ends_the_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, value) in [
        ("PORT", "ninety"),
        ("WS_PORT", "70000"),
        ("TARGET_FPS", "0"),
        ("LOG_LEVEL", "loud"),
        ("REDIS_URL", "http://localhost"),
    ] {
        let mut command = process::command(binaries::backend()?, folder.path());
        command.env("STORE_PATH", "memory").env("HOST", "127.0.0.1");
        for port in ["PORT", "WS_PORT", "METRICS_PORT", "HEALTH_PORT"] {
            command.env(port, ports::free()?.to_string());
        }
        command.env(name, value);
        let mut process = Process::start("backend", command)?;
        let status = process.exit(PATIENCE).await?;
        ensure!(!status.success(), "{name}={value} is accepted");
        poll::until_true("the variable's name in the log", PATIENCE, async || {
            Ok(process.log().contains(name))
        })
        .await?;
    }
    Ok(())
}

/// What `docs/troubleshooting.md` says of the log: of every line, and of some types and events.
const EVERY_LINE: &str = "level time msg service component environment timestamp";
const LOGGED: [(&str, &str, &str); 5] = [
    ("websocket", "connected", "clientId ip user channel clients"),
    ("websocket", "error", "clientId ip code reason requestId"),
    (
        "websocket",
        "disconnected",
        "clientId ip code durationMs clients",
    ),
    ("state", "update", "kind version changes clients bytes"),
    (
        "metrics",
        "performance",
        "fps droppedFrames clients messagesPerSecond queueDepth cpuUsage memoryUsage",
    ),
];

/// Lines of the stream manager's log of that type and event.
fn logged(whole: &Whole, kind: &str, event: &str) -> Vec<Value> {
    let log = whole.backend.process.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["type"] == kind && line["event"] == event)
        .collect()
}

#[tokio::test]
async fn the_log_tells_who_came_what_changed_and_how_it_goes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let environment = [IN_MEMORY, ("RENDER_METRICS_INTERVAL", "100")];
    let whole = Whole::start(folder.path(), &environment).await?;
    let mut socket = whole.socket("state").await?;
    whole.order("/api/stream/start", "").await?;
    let bad = json!({"type": "control", "payload": {"action": "fly"}, "requestId": "r1"});
    socket.send_json(&bad).await?;
    socket.receive_type("error").await?;
    // Several of them; the log gets one in ten seconds.
    for _ in 0..5 {
        socket.receive_type("metricsUpdate").await?;
    }
    socket.close().await?;
    poll::until_true("the end of the client", PATIENCE, async || {
        Ok(!logged(&whole, "websocket", "disconnected").is_empty())
    })
    .await?;
    for (kind, event, fields) in LOGGED {
        let lines = logged(&whole, kind, event);
        let line = lines.last().with_context(|| format!("no {kind} {event}"))?;
        for field in EVERY_LINE.split(' ').chain(fields.split(' ')) {
            ensure!(!line[field].is_null(), "no {field} in {line}");
        }
    }
    ensure!(logged(&whole, "metrics", "performance").len() == 1);
    Ok(())
}

/// A password must not be told to whoever reads the log.
#[tokio::test]
async fn no_secret_is_logged() -> Result<()> {
    let redis = Redis::start().await?;
    let folder = tempfile::tempdir()?;
    let url = redis.url();
    let whole = Whole::start(
        folder.path(),
        &[("REDIS_URL", &url), ("LOG_LEVEL", "trace")],
    )
    .await?;
    whole.order("/api/stream/start", "").await?;
    let log = whole.backend.process.log();
    ensure!(
        !log.is_empty() && !log.contains(sluice_tests::redis::PASSWORD),
        "{log}"
    );
    Ok(())
}
