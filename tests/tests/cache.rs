//! `httpCache` through the real program: what is stored and for how long, one request for many, stale answers while a
//! server fails, ranges and conditions, limits, reloads, and purging through the API.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sluice_tests::http1::{Client, Response};
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::recorder::{Arrived, Recorder, Reply};
use sluice_tests::stack::Gateway;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

const HOST: &str = "cache.test";

fn routes(port: u16, options: &str) -> String {
    format!(
        "\
http:
  routers:
    cached: {{rule: 'Host(`{HOST}`)', service: app, middlewares: [cache]}}
    beta: {{rule: 'Host(`{HOST}`) && Header(`X-Beta`, `1`)', service: app, middlewares: [cache]}}
  middlewares:
    cache: {{httpCache: {{{options}}}}}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
"
    )
}

/// An answer with the number of the request as its body.
fn numbered(fields: &'static str) -> impl Fn(&Arrived) -> Reply + Send + Sync + 'static {
    let count = AtomicUsize::new(0);
    move |_| {
        let body = (count.fetch_add(1, Ordering::SeqCst) + 1).to_string();
        Reply::Keep(answer("200 OK", fields, &body))
    }
}

fn answer(status: &str, fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{fields}\r\n{body}").into_bytes()
}

async fn ask(gateway: &Gateway, method: &str, path: &str, headers: &str) -> Result<Response> {
    let mut client = Client::connect(gateway.web).await?;
    client.ask(method, HOST, path, headers).await
}

fn says(response: &Response, body: &str, status: &str) -> Result<()> {
    let told = response.header("cache-status").unwrap_or_default();
    ensure!(
        response.text() == body && told.starts_with(status),
        "{:?} with {told:?} in place of {body:?} with {status:?}",
        response.text()
    );
    Ok(())
}

#[tokio::test]
async fn what_is_fresh_is_not_asked_for_again() -> Result<()> {
    let server = Recorder::start(numbered("Cache-Control: max-age=60\r\nETag: \"e\"\r\n")).await?;
    let gateway = Gateway::start(&routes(server.port, "")).await?;
    let first = gateway.get(HOST, "/a?x=1").await?;
    says(&first, "1", "Sluice; fwd=uri-miss; fwd-status=200; stored")?;
    ensure!(first.header("x-cache-status") == Some("MISS"));
    let second = gateway.get(HOST, "/a?x=1").await?;
    says(&second, "1", "Sluice; hit; ttl=")?;
    ensure!(second.header("x-cache-status") == Some("HIT"));
    ensure!(second.header("age").is_some() && second.header("date").is_some());
    says(
        &ask(&gateway, "HEAD", "/a?x=1", "").await?,
        "",
        "Sluice; hit",
    )?;
    says(
        &gateway.get(HOST, "/a?x=2").await?,
        "2",
        "Sluice; fwd=uri-miss",
    )?;
    // Another router may lead elsewhere.
    let beta = ask(&gateway, "GET", "/a?x=1", "X-Beta: 1\r\n").await?;
    says(&beta, "3", "Sluice; fwd=uri-miss")?;
    let known = ask(&gateway, "GET", "/a?x=1", "If-None-Match: W/\"e\"\r\n").await?;
    ensure!(known.status == 304 && known.header("content-length").is_none());
    // What clients ask of caches.
    let reload = ask(&gateway, "GET", "/a?x=1", "Cache-Control: no-cache\r\n").await?;
    says(&reload, "4", "Sluice; fwd=request; fwd-status=200; stored")?;
    let none = ask(&gateway, "GET", "/new", "Cache-Control: only-if-cached\r\n").await?;
    ensure!(none.status == 504);
    let around = ask(&gateway, "GET", "/a?x=1", "Cache-Control: no-store\r\n").await?;
    says(&around, "5", "Sluice; fwd=request")?;
    let hits = gateway
        .metric(r#"sluice_http_cache_requests_total{middleware="cache@file",result="hit"}"#)
        .await?;
    ensure!(hits == 3.0, "{hits}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_for_others_is_not_stored() -> Result<()> {
    let server = Recorder::start(|arrived| {
        let fields = match arrived.line() {
            line if line.contains("/cookie") => "Cache-Control: max-age=60\r\nSet-Cookie: a=b\r\n",
            line if line.contains("/private") => "Cache-Control: private, max-age=60\r\n",
            line if line.contains("/shared") => "Cache-Control: s-maxage=60\r\n",
            line if line.contains("/user") => "Cache-Control: max-age=60\r\n",
            _ => "",
        };
        Reply::Keep(answer("200 OK", fields, "x"))
    })
    .await?;
    let gateway = Gateway::start(&routes(server.port, "")).await?;
    let secret = "Authorization: Bearer x\r\n";
    for (path, headers, asked) in [
        ("/cookie", "", 3),
        ("/private", "", 3),
        ("/nothing", "", 3),
        ("/user", secret, 3),
        ("/shared", secret, 1),
    ] {
        let before = server.seen().len();
        for _ in 0..3 {
            ensure!(ask(&gateway, "GET", path, headers).await?.status == 200);
        }
        let sent = server.seen().len() - before;
        ensure!(sent == asked, "{path}: {sent}");
    }
    // What a user was refused to share does not keep others from it.
    for _ in 0..2 {
        gateway.get(HOST, "/user").await?;
    }
    says(&gateway.get(HOST, "/user").await?, "x", "Sluice; hit")
}

#[tokio::test]
async fn answers_that_vary_are_kept_apart() -> Result<()> {
    let server = Recorder::start(|arrived| {
        let language = arrived.values("accept-language").join(",");
        let fields = "Cache-Control: max-age=60\r\nVary: Accept-Language\r\n";
        Reply::Keep(answer("200 OK", fields, &language))
    })
    .await?;
    let gateway = Gateway::start(&routes(server.port, "")).await?;
    for (language, status) in [
        ("de", "Sluice; fwd=uri-miss"),
        ("en", "Sluice; fwd=vary-miss"),
        ("de", "Sluice; hit"),
        ("en", "Sluice; hit"),
    ] {
        let headers = format!("Accept-Language: {language}\r\n");
        says(
            &ask(&gateway, "GET", "/", &headers).await?,
            language,
            status,
        )?;
    }
    // A change makes all of them old.
    ensure!(ask(&gateway, "DELETE", "/", "").await?.status == 200);
    for language in ["de", "en"] {
        let headers = format!("Accept-Language: {language}\r\n");
        let response = ask(&gateway, "GET", "/", &headers).await?;
        says(&response, language, "Sluice; fwd=")?;
    }
    Ok(())
}

#[tokio::test]
async fn stale_answers_are_confirmed_or_stand_in_for_errors() -> Result<()> {
    let (fails, changed) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (failing, changing) = (Arc::clone(&fails), Arc::clone(&changed));
    let server = Recorder::start(move |arrived| {
        let strict = arrived.line().contains("/strict");
        let fields = match strict {
            true => "Cache-Control: max-age=0, must-revalidate\r\nETag: \"1\"\r\n",
            false => "Cache-Control: max-age=0, stale-if-error=60\r\nETag: \"1\"\r\n",
        };
        Reply::Keep(match arrived.values("if-none-match").as_slice() {
            _ if failing.load(Ordering::SeqCst) => answer("503 Service Unavailable", "", "down"),
            ["\"1\""] if !changing.load(Ordering::SeqCst) => {
                format!("HTTP/1.1 304 Not Modified\r\nX-News: 1\r\n{fields}\r\n").into_bytes()
            }
            _ => answer("200 OK", fields, "page"),
        })
    })
    .await?;
    let gateway = Gateway::start(&routes(server.port, "")).await?;
    for path in ["/", "/strict"] {
        says(
            &gateway.get(HOST, path).await?,
            "page",
            "Sluice; fwd=uri-miss",
        )?;
        let confirmed = gateway.get(HOST, path).await?;
        says(
            &confirmed,
            "page",
            "Sluice; fwd=stale; fwd-status=304; stored",
        )?;
        ensure!(confirmed.status == 200 && confirmed.header("x-news") == Some("1"));
    }
    fails.store(true, Ordering::SeqCst);
    let instead = gateway.get(HOST, "/").await?;
    says(
        &instead,
        "page",
        "Sluice; fwd=stale; fwd-status=503; detail=stale-if-error",
    )?;
    ensure!(instead.status == 200);
    ensure!(gateway.get(HOST, "/strict").await?.status == 503);
    fails.store(false, Ordering::SeqCst);
    changed.store(true, Ordering::SeqCst);
    says(
        &gateway.get(HOST, "/").await?,
        "page",
        "Sluice; fwd=stale; fwd-status=200; stored",
    )
}

#[tokio::test]
async fn while_a_new_answer_is_fetched_the_old_one_serves() -> Result<()> {
    let fields = "Cache-Control: max-age=1, stale-while-revalidate=60\r\n";
    let server = Recorder::start(numbered(fields)).await?;
    let gateway = Gateway::start(&routes(server.port, "")).await?;
    says(&gateway.get(HOST, "/").await?, "1", "Sluice; fwd=uri-miss")?;
    let waited = std::time::Instant::now();
    poll::until_true("the next answer", PATIENCE, async || {
        let response = gateway.get(HOST, "/").await?;
        let told = response.header("cache-status").context("a status")?;
        ensure!(told.starts_with("Sluice; hit"), "{told}");
        Ok(response.text() == "2")
    })
    .await?;
    ensure!(waited.elapsed() >= Duration::from_millis(900));
    Ok(())
}

#[tokio::test]
async fn a_part_of_what_is_stored() -> Result<()> {
    let server = Recorder::start(|_| {
        let fields = "Cache-Control: max-age=60\r\nETag: \"e\"\r\n";
        Reply::Keep(answer("200 OK", fields, "0123456789"))
    })
    .await?;
    let gateway = Gateway::start(&routes(server.port, "")).await?;
    let range = "Range: bytes=2-4\r\n";
    // Nothing is stored yet: the server may do what it likes with it.
    says(
        &ask(&gateway, "GET", "/", range).await?,
        "0123456789",
        "Sluice; fwd=uri-miss",
    )?;
    gateway.get(HOST, "/").await?;
    let part = ask(&gateway, "GET", "/", range).await?;
    says(&part, "234", "Sluice; hit")?;
    ensure!(part.status == 206 && part.header("content-range") == Some("bytes 2-4/10"));
    let none = ask(&gateway, "GET", "/", "Range: bytes=10-\r\n").await?;
    ensure!(none.status == 416 && none.header("content-range") == Some("bytes */10"));
    let other = format!("{range}If-Range: \"x\"\r\n");
    says(
        &ask(&gateway, "GET", "/", &other).await?,
        "0123456789",
        "Sluice; hit",
    )
}

/// A server that says half of its answer and waits.
struct Slow {
    port: u16,
    asked: Arc<AtomicUsize>,
    gate: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Slow {
    async fn start(head: &'static str, halves: [&'static str; 2]) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (gate, opened) = watch::channel(false);
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (count, opened) = (Arc::clone(&count), opened.clone());
                connections.spawn(serve(stream, head, halves, count, opened));
            }
        });
        Ok(Self {
            port,
            asked,
            gate,
            task,
        })
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    head: &'static str,
    halves: [&'static str; 2],
    count: Arc<AtomicUsize>,
    mut opened: watch::Receiver<bool>,
) -> Option<()> {
    let mut asked = Vec::new();
    loop {
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.ok()?);
        }
        count.fetch_add(1, Ordering::SeqCst);
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.write_all(halves[0].as_bytes()).await.ok()?;
        opened.wait_for(|open| *open).await.ok()?;
        stream.write_all(halves[1].as_bytes()).await.ok()?;
        asked.clear();
    }
}

const KNOWN: &str = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\n";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Asks from many clients at once.
fn crowd(port: u16, clients: usize) -> JoinSet<Result<Response>> {
    let mut crowd = JoinSet::new();
    for _ in 0..clients {
        crowd.spawn(async move { Client::connect(port).await?.get(HOST, "/").await });
    }
    crowd
}

/// All have the whole answer; returns how many of them the server gave.
async fn all(mut crowd: JoinSet<Result<Response>>) -> Result<usize> {
    let mut asked = 0;
    while let Some(response) = crowd.join_next().await {
        let response = response??;
        ensure!(response.text() == "0123456789", "{}", response.text());
        let told = response.header("cache-status").unwrap_or_default();
        asked += usize::from(told.contains("fwd-status"));
    }
    Ok(asked)
}

#[tokio::test]
async fn one_request_asks_for_many() -> Result<()> {
    for (head, halves) in [
        (KNOWN, ["01234", "56789"]),
        (CHUNKED, ["5\r\n01234\r\n", "5\r\n56789\r\n0\r\n\r\n"]),
    ] {
        let server = Slow::start(head, halves).await?;
        let gateway = Gateway::start(&routes(server.port, "")).await?;
        let clients = crowd(gateway.web, 32);
        poll::until_true("a request", PATIENCE, async || {
            Ok(server.asked.load(Ordering::SeqCst) > 0)
        })
        .await?;
        let waiting = r#"traefik_open_connections{entrypoint="web",protocol="TCP"}"#;
        poll::until_true("all clients", PATIENCE, async || {
            Ok(gateway.metric(waiting).await? >= 32.0)
        })
        .await?;
        if head == KNOWN {
            ensure!(server.asked.load(Ordering::SeqCst) == 1);
        }
        server.gate.send_replace(true);
        let asked = all(clients).await?;
        // Of an answer whose length nobody knows, others have the first half only when it is whole.
        ensure!(head == CHUNKED || asked == 1, "{asked}");
        ensure!(all(crowd(gateway.web, 8)).await? == 0);
    }
    Ok(())
}

#[tokio::test]
async fn who_asked_for_many_may_leave() -> Result<()> {
    let server = Slow::start(KNOWN, ["01234", "56789"]).await?;
    let gateway = Gateway::start(&routes(server.port, "")).await?;
    let mut first = Client::connect(gateway.web).await?;
    first
        .send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
        .await?;
    poll::until_true("a request", PATIENCE, async || {
        Ok(server.asked.load(Ordering::SeqCst) == 1)
    })
    .await?;
    let others = crowd(gateway.web, 8);
    drop(first);
    server.gate.send_replace(true);
    ensure!(all(others).await? == 0);
    ensure!(server.asked.load(Ordering::SeqCst) == 1);
    Ok(())
}

#[tokio::test]
async fn memory_is_bounded_and_long_bodies_pass_whole() -> Result<()> {
    let server = Recorder::start(|arrived| {
        let length = if arrived.line().contains("/long") { 400_000 } else { 50_000 };
        let body = "x".repeat(length);
        if arrived.line().contains("chunked") {
            let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut bytes = head.as_bytes().to_vec();
            for piece in body.as_bytes().chunks(10_000) {
                bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                bytes.extend_from_slice(piece);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\nX-Trailer: 1\r\n\r\n");
            return Reply::Keep(bytes);
        }
        Reply::Keep(answer("200 OK", "Cache-Control: max-age=60\r\n", &body))
    })
    .await?;
    let options = "maxBodyBytes: 100000, store: {memory: {limit: 1Mi}}";
    let gateway = Gateway::start(&routes(server.port, options)).await?;
    for path in ["/long", "/long-chunked"] {
        for _ in 0..2 {
            let response = gateway.get(HOST, path).await?;
            ensure!(response.body.len() == 400_000, "{}", response.body.len());
        }
    }
    ensure!(server.seen().len() == 4, "{}", server.seen().len());
    for number in 0..60 {
        let response = gateway.get(HOST, &format!("/{number}")).await?;
        ensure!(response.body.len() == 50_000);
    }
    let bytes = gateway
        .metric(r#"sluice_http_cache_bytes{middleware="cache@file"}"#)
        .await?;
    ensure!((50_000.0..1_048_576.0).contains(&bytes), "{bytes}");
    let evicted = r#"sluice_http_cache_evictions_total{middleware="cache@file"}"#;
    ensure!(gateway.metric(evicted).await? >= 40.0);
    Ok(())
}

/// Three answers are stored.
async fn three(server: &Recorder, options: &str) -> Result<(Gateway, Client)> {
    let gateway = Gateway::start(&routes(server.port, options)).await?;
    for (path, body) in [("/a", "1"), ("/a?x", "2"), ("/b", "3")] {
        says(
            &gateway.get(HOST, path).await?,
            body,
            "Sluice; fwd=uri-miss",
        )?;
    }
    let api = Client::connect(gateway.admin).await?;
    Ok((gateway, api))
}

const PURGE: &str = "/api/http/caches/cache@file";

#[tokio::test]
async fn a_reload_keeps_what_is_stored() -> Result<()> {
    let server = Recorder::start(numbered("Cache-Control: max-age=60\r\n")).await?;
    let (gateway, mut api) = three(&server, "purge: true").await?;
    let config = routes(server.port, "purge: true");
    let more = config.replace(
        "  services:",
        "    other: {addPrefix: {prefix: /x}}\n  services:",
    );
    gateway.reconfigure(&more)?;
    poll::until_true("the new configuration", PATIENCE, async || {
        let path = "/api/http/middlewares/other@file";
        Ok(api.get("localhost", path).await?.status == 200)
    })
    .await?;
    says(&gateway.get(HOST, "/b").await?, "3", "Sluice; hit")?;
    // Other options are another cache, and where they do not allow it, nobody purges.
    gateway.reconfigure(&routes(server.port, ""))?;
    poll::until_true("purging to be refused", PATIENCE, async || {
        Ok(api.ask("DELETE", "localhost", PURGE, "").await?.status == 403)
    })
    .await?;
    says(&gateway.get(HOST, "/b").await?, "4", "Sluice; fwd=uri-miss")
}

#[tokio::test]
async fn the_api_lists_caches_and_makes_them_forget() -> Result<()> {
    let server = Recorder::start(numbered("Cache-Control: max-age=60\r\n")).await?;
    let (gateway, mut api) = three(&server, "purge: true").await?;
    let listed = api.get("localhost", "/api/http/caches").await?.json()?;
    ensure!(
        listed[0]["name"] == "cache@file" && listed[0]["entries"] == 3,
        "{listed}"
    );
    let one = format!("{PURGE}?url=https%3A%2F%2F{HOST}%2Fa");
    for (method, path, headers, status) in [
        ("DELETE", one.as_str(), "Origin: http://localhost\r\n", 403),
        ("POST", &one, "", 404),
        ("DELETE", &format!("{PURGE}?url=%2Fa"), "", 400),
        ("DELETE", "/api/http/caches/x@file", "", 404),
    ] {
        let found = api.ask(method, "localhost", path, headers).await?;
        ensure!(found.status == status, "{method} {path}: {}", found.status);
    }
    let below = format!("{PURGE}?url=http%3A%2F%2F{HOST}%2Fa*");
    for (path, purged) in [(one.as_str(), 1), (&below, 1), (PURGE, 1), (PURGE, 0)] {
        let found = api.ask("DELETE", "localhost", path, "").await?.json()?;
        ensure!(found["purged"] == purged, "{path}: {found}");
        if path == one {
            says(&gateway.get(HOST, "/a?x").await?, "2", "Sluice; hit")?;
        }
        if path != PURGE {
            says(&gateway.get(HOST, "/b").await?, "3", "Sluice; hit")?;
        }
    }
    says(&gateway.get(HOST, "/a").await?, "4", "Sluice; fwd=uri-miss")
}
