//! `inFlightReq` under many clients at once: never one too many at the server over all workers, and every place comes back.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sluice_tests::echo::Echo;
use sluice_tests::http1::Client;
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::stack::Gateway;
use sluice_tests::stream;
use sluice_tests::websocket::Socket;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

const CLIENTS: usize = 64;
const AMOUNT: usize = 10;

/// A server that counts the requests that it has at once. It answers `/quick` in a moment, and all others once its gate
/// is open.
struct Slow {
    port: u16,
    counts: Arc<Counts>,
    gate: watch::Sender<bool>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    now: AtomicUsize,
    most: AtomicUsize,
    answered: AtomicUsize,
}

impl Counts {
    fn enter(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Slow {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let counts = Arc::new(Counts::default());
        let (gate, opened) = watch::channel(false);
        let shared = Arc::clone(&counts);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&shared), opened.clone()));
            }
        });
        Ok(Self {
            port,
            counts,
            gate,
            task,
        })
    }

    fn now(&self) -> usize {
        self.counts.now.load(Ordering::SeqCst)
    }

    fn most(&self) -> usize {
        self.counts.most.load(Ordering::SeqCst)
    }

    async fn has(&self, count: usize) -> Result<()> {
        let what = format!("{count} requests at the server");
        poll::until_true(&what, PATIENCE, async || Ok(self.now() == count)).await
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers until the connection ends.
async fn serve(
    mut stream: TcpStream,
    counts: Arc<Counts>,
    mut opened: watch::Receiver<bool>,
) -> Option<()> {
    let mut head = Vec::new();
    loop {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        counts.enter();
        if head.starts_with(b"GET /quick ") {
            tokio::time::sleep(Duration::from_millis(3)).await;
        } else {
            let mut byte = [0];
            let ready = tokio::select! {
                open = opened.wait_for(|open| *open) => open.is_ok(),
                // The gateway has given the request up.
                _ = stream.read(&mut byte) => false,
            };
            if !ready {
                counts.leave();
                return None;
            }
        }
        counts.leave();
        counts.answered.fetch_add(1, Ordering::SeqCst);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        stream.write_all(answer).await.ok()?;
        head.clear();
    }
}

fn routes(port: u16, sockets: u16) -> String {
    format!(
        "\
http:
  routers:
    many: {{rule: 'Host(`many.test`)', service: app, middlewares: [ten]}}
    short: {{rule: 'Host(`short.test`)', service: app, middlewares: [ten], timeout: 500ms}}
    sockets: {{rule: 'Host(`sockets.test`)', service: sockets, middlewares: [two]}}
  middlewares:
    ten: {{inFlightReq: {{amount: {AMOUNT}}}}}
    two: {{inFlightReq: {{amount: 2}}}}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
    sockets: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{sockets}'}}]}}}}
"
    )
}

/// Sends a request from each of many clients, and answers with the statuses as they come.
fn crowd(port: u16, host: &'static str, clients: usize) -> JoinSet<Result<u16>> {
    let mut crowd = JoinSet::new();
    for _ in 0..clients {
        crowd.spawn(async move {
            let mut client = Client::connect(port).await?;
            Ok(client.get(host, "/slow").await?.status)
        });
    }
    crowd
}

/// The next answers, which must have that status.
async fn all(crowd: &mut JoinSet<Result<u16>>, count: usize, status: u16) -> Result<()> {
    for _ in 0..count {
        let next = poll::soon("an answer", async {
            crowd.join_next().await.context("a client is left")??
        });
        let found = next.await?;
        ensure!(found == status, "{found} in place of {status}");
    }
    Ok(())
}

#[tokio::test]
async fn never_more_than_the_amount_at_the_server_and_the_counts_are_exact() -> Result<()> {
    let server = Slow::start().await?;
    let gateway = Gateway::start(&routes(server.port, server.port)).await?;
    for _ in 0..3 {
        let mut clients = crowd(gateway.web, "many.test", CLIENTS);
        // Those for whom there is no place hear so while the others wait.
        all(&mut clients, CLIENTS - AMOUNT, 429).await?;
        server.has(AMOUNT).await?;
        server.gate.send_replace(true);
        all(&mut clients, AMOUNT, 200).await?;
        server.gate.send_replace(false);
    }
    ensure!(server.most() == AMOUNT, "{} at once", server.most());

    // Without pause: what the server has answered is what clients got, and never was there one too many.
    let before = server.counts.answered.load(Ordering::SeqCst);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let port = gateway.web;
        clients.spawn(async move {
            let mut client = Client::connect(port).await?;
            let mut passed = 0;
            for _ in 0..50 {
                match client.get("many.test", "/quick").await?.status {
                    200 => passed += 1,
                    429 => {}
                    other => anyhow::bail!("{other}"),
                }
            }
            Ok(passed)
        });
    }
    let mut passed = 0;
    while let Some(client) = clients.join_next().await {
        passed += client??;
    }
    let answered = server.counts.answered.load(Ordering::SeqCst) - before;
    ensure!(passed == answered, "{passed} got what {answered} were sent");
    ensure!(passed >= AMOUNT, "{passed}");
    ensure!(server.most() == AMOUNT, "{} at once", server.most());
    // All places are there again.
    let mut clients = crowd(gateway.web, "many.test", AMOUNT);
    server.has(AMOUNT).await?;
    server.gate.send_replace(true);
    all(&mut clients, AMOUNT, 200).await
}

#[tokio::test]
async fn places_come_back_after_clients_that_went_and_servers_that_hang() -> Result<()> {
    let server = Slow::start().await?;
    let gateway = Gateway::start(&routes(server.port, server.port)).await?;
    for _ in 0..3 {
        let clients = crowd(gateway.web, "many.test", AMOUNT);
        server.has(AMOUNT).await?;
        // Their connections are closed with them.
        drop(clients);
        server.has(0).await?;
    }
    // The server answers nobody: each is told so in time, and leaves its place.
    for _ in 0..3 {
        let mut clients = crowd(gateway.web, "short.test", AMOUNT);
        all(&mut clients, AMOUNT, 504).await?;
        server.has(0).await?;
    }
    let mut clients = crowd(gateway.web, "many.test", CLIENTS);
    all(&mut clients, CLIENTS - AMOUNT, 429).await?;
    server.gate.send_replace(true);
    all(&mut clients, AMOUNT, 200).await?;
    ensure!(server.most() == AMOUNT, "{} at once", server.most());
    Ok(())
}

async fn socket(gateway: &Gateway) -> Result<Socket> {
    let stream = Box::new(stream::plain(gateway.web).await?);
    Socket::over(stream, "ws://sockets.test/", &[]).await
}

#[tokio::test]
async fn a_socket_keeps_its_place_as_long_as_it_is_open() -> Result<()> {
    let echo = Echo::start().await?;
    let gateway = Gateway::start(&routes(echo.port, echo.port)).await?;
    for _ in 0..3 {
        let (one, other) = poll::until("two places", PATIENCE, async || {
            let (one, other) = (socket(&gateway).await?, socket(&gateway).await?);
            Ok(Some((one, other)))
        })
        .await?;
        let third = socket(&gateway).await.err().context("a third place")?;
        ensure!(third.to_string().contains("429"), "{third}");
        one.close().await?;
        drop(other);
    }
    Ok(())
}
