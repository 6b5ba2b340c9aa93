//! WebSockets under the limits of `webSocket`, through the real program: what ends them, and how both sides hear of it.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use rustix::process::{Resource, getrlimit, setrlimit};
use sluice_tests::http1::{Client, Response};
use sluice_tests::poll::{self, PATIENCE, soon};
use sluice_tests::stack::Gateway;
use sluice_tests::websocket::Socket;
use sluice_tests::{stream, usage};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

/// A server that sends back what it gets, and tells the code with which each of its sockets was closed; `None` where one
/// just ended.
struct Echo {
    port: u16,
    ended: mpsc::UnboundedReceiver<Option<u16>>,
    task: tokio::task::JoinHandle<()>,
}

impl Echo {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (sender, ended) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let mut sockets = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                sockets.spawn(async move {
                    let code = echo(stream).await;
                    sender.send(code).ok();
                });
            }
        });
        Ok(Self { port, ended, task })
    }

    async fn next_end(&mut self) -> Result<Option<u16>> {
        soon("the end of a socket of the server", async {
            self.ended.recv().await.context("the server runs")
        })
        .await
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn echo(stream: TcpStream) -> Option<u16> {
    let mut socket = tokio_tungstenite::accept_async(stream).await.ok()?;
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Close(frame) => return frame.map(|frame| frame.code.into()),
            Message::Text(text) if text.starts_with("flood") => {
                let block = Message::binary(vec![0x81; 1_000_000]);
                while socket.send(block.clone()).await.is_ok() {}
                // What it could not send any more does not matter: what it was told does.
            }
            Message::Text(_) | Message::Binary(_) => socket.send(message).await.ok()?,
            _ => {}
        }
    }
    None
}

/// A site for each of `limits`, by the host of its name.
fn routes(port: u16, limits: &[(&str, &str)]) -> String {
    let routers = limits.iter().map(|(name, _)| {
        format!(
            "    {name}: {{rule: 'Host(`{name}.test`)', service: app, middlewares: [{name}]}}\n"
        )
    });
    let middlewares = limits
        .iter()
        .map(|(name, limit)| format!("    {name}: {{webSocket: {limit}}}\n"));
    format!(
        "\
http:
  routers:
{}  middlewares:
{}  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
",
        routers.collect::<String>(),
        middlewares.collect::<String>(),
    )
}

async fn open(gateway: &Gateway, host: &str, fields: &[(&'static str, &str)]) -> Result<Socket> {
    let stream = Box::new(stream::plain(gateway.web).await?);
    Socket::over(stream, &format!("ws://{host}/"), fields).await
}

/// The answer to a handshake that is refused.
async fn refused(gateway: &Gateway, host: &str, fields: &str) -> Result<Response> {
    let mut client = Client::connect(gateway.web).await?;
    let fields = format!(
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}"
    );
    client.ask("GET", host, "/", &fields).await
}

/// Both sides hear that code.
async fn closed(socket: &mut Socket, echo: &mut Echo, code: u16, text: &str) -> Result<()> {
    let frame = socket.closed().await?.context("a close frame")?;
    ensure!(u16::from(frame.code) == code, "{frame:?}");
    ensure!(frame.reason.contains(text), "{frame:?}");
    let heard = echo.next_end().await?;
    ensure!(heard == Some(code), "the server heard {heard:?}");
    Ok(())
}

async fn echoes(socket: &mut Socket, message: Message) -> Result<()> {
    socket.send(message.clone()).await?;
    let back = socket.receive().await?;
    ensure!(back == message, "another message came back");
    Ok(())
}

fn piece(opcode: Data, fin: bool, length: usize) -> Message {
    let header = FrameHeader {
        is_final: fin,
        opcode: OpCode::Data(opcode),
        // tungstenite masks with this key.
        mask: Some([1, 2, 3, 4]),
        ..FrameHeader::default()
    };
    Message::Frame(Frame::from_payload(header, vec![b'x'; length].into()))
}

#[tokio::test]
async fn a_message_that_is_too_long_closes_both_sides() -> Result<()> {
    let mut echo = Echo::start().await?;
    let gateway =
        Gateway::start(&routes(echo.port, &[("size", "{maxMessageSize: 100000}")])).await?;

    let mut socket = open(&gateway, "size.test", &[]).await?;
    for length in [0, 125, 126, 65_536, 100_000] {
        echoes(&mut socket, Message::binary(vec![7; length])).await?;
    }
    socket.send(Message::binary(vec![7; 100_001])).await.ok();
    closed(&mut socket, &mut echo, 1009, "too long").await?;

    // Over several frames it counts as one.
    let mut socket = open(&gateway, "size.test", &[]).await?;
    socket.send(piece(Data::Text, false, 60_000)).await?;
    socket.send(Message::Ping("p".into())).await?;
    socket.send(piece(Data::Continue, true, 40_000)).await?;
    ensure!(socket.receive().await?.len() == 100_000);
    socket.send(piece(Data::Text, false, 60_000)).await?;
    socket.send(piece(Data::Continue, false, 40_001)).await.ok();
    closed(&mut socket, &mut echo, 1009, "too long").await
}

#[tokio::test]
async fn a_client_that_sends_too_often_is_closed() -> Result<()> {
    let mut echo = Echo::start().await?;
    let limit = "{messagesPerSecond: 1, burst: 5}";
    let gateway = Gateway::start(&routes(echo.port, &[("rate", limit)])).await?;
    let mut socket = open(&gateway, "rate.test", &[]).await?;
    for _ in 0..5 {
        echoes(&mut socket, Message::text("a")).await?;
    }
    let start = Instant::now();
    let mut sent = 0_u32;
    while socket.send(Message::text("a")).await.is_ok() && sent < 100 {
        sent += 1;
    }
    closed(&mut socket, &mut echo, 1008, "too many").await?;
    ensure!(start.elapsed() < PATIENCE);
    Ok(())
}

#[tokio::test]
async fn silence_and_age_end_a_socket_also_in_the_middle_of_a_frame() -> Result<()> {
    let mut echo = Echo::start().await?;
    let limits = [("idle", "{idleTimeout: 1s}"), ("old", "{maxLifetime: 1s}")];
    let gateway = Gateway::start(&routes(echo.port, &limits)).await?;

    let start = Instant::now();
    let mut old = open(&gateway, "old.test", &[]).await?;
    let mut idle = open(&gateway, "idle.test", &[]).await?;
    for _ in 0..3 {
        echoes(&mut idle, Message::text("still here")).await?;
    }
    let (frame, other) = (old.closed().await?, idle.closed().await?);
    ensure!(start.elapsed() >= Duration::from_secs(1));
    for (frame, text) in [(frame, "too old"), (other, "idle")] {
        let frame = frame.context("a close frame")?;
        ensure!(u16::from(frame.code) == 1001, "{frame:?}");
        ensure!(frame.reason.contains(text), "{frame:?}");
        ensure!(echo.next_end().await? == Some(1001));
    }

    // A server that sends without pause: its messages stay whole, and the close frame stands between two of them.
    let mut socket = open(&gateway, "old.test", &[]).await?;
    socket.send(Message::text("flood")).await?;
    let frame = soon("the end of the flood", async {
        loop {
            match socket.receive().await? {
                Message::Binary(block) => {
                    ensure!(block.len() == 1_000_000 && block.iter().all(|&byte| byte == 0x81));
                }
                Message::Close(frame) => return frame.context("a close frame with a code"),
                other => anyhow::bail!("{other:?}"),
            }
        }
    });
    ensure!(u16::from(frame.await?.code) == 1001);
    echo.next_end().await.map(drop)
}

#[tokio::test]
async fn origins_are_asked_before_the_upgrade() -> Result<()> {
    let echo = Echo::start().await?;
    let limit =
        "{allowedOrigins: ['https://a.test', 'https://*.b.test'], allowMissingOrigin: false}";
    let gateway = Gateway::start(&routes(echo.port, &[("from", limit)])).await?;
    for origin in ["https://a.test", "https://x.b.test:443"] {
        let mut socket = open(&gateway, "from.test", &[("Origin", origin)]).await?;
        echoes(&mut socket, Message::text("hello")).await?;
    }
    for fields in ["", "Origin: https://b.test\r\n", "Origin: null\r\n"] {
        let answer = refused(&gateway, "from.test", fields).await?;
        ensure!(answer.status == 403, "{fields}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn places_are_kept_over_reloads_and_given_back() -> Result<()> {
    let echo = Echo::start().await?;
    let places = "{maxConnections: 3, maxConnectionsPerClient: 2, sourceCriterion: {requestHeaderName: X-User}}";
    let guards = [
        ("from", "{allowedOrigins: ['https://a.test']}"),
        ("places", places),
    ];
    let gateway = Gateway::start(&routes(echo.port, &guards)).await?;
    let of = |name| [("X-User", name)];
    let ann = [
        open(&gateway, "places.test", &of("ann")).await?,
        open(&gateway, "places.test", &of("ann")).await?,
    ];
    let answer = refused(&gateway, "places.test", "X-User: ann\r\n").await?;
    ensure!(answer.status == 429, "{answer:?}");
    ensure!(answer.header("Retry-After").is_some(), "{answer:?}");
    let mut bob = open(&gateway, "places.test", &of("bob")).await?;
    ensure!(
        refused(&gateway, "places.test", "X-User: eve\r\n")
            .await?
            .status
            == 429
    );

    // A reload that changes something else forgets nobody.
    let more = [("from", "{maxConnections: 9}"), ("places", places)];
    gateway.reconfigure(&routes(echo.port, &more))?;
    poll::until_true("the reload", PATIENCE, async || {
        Ok(
            open(&gateway, "from.test", &[("Origin", "https://evil.test")])
                .await
                .is_ok(),
        )
    })
    .await?;
    ensure!(
        refused(&gateway, "places.test", "X-User: eve\r\n")
            .await?
            .status
            == 429
    );
    echoes(&mut bob, Message::text("still here")).await?;

    let [one, other] = ann;
    // One says goodbye, the other is just gone.
    one.close().await?;
    drop(other);
    poll::until_true("free places", PATIENCE, async || {
        let first = open(&gateway, "places.test", &of("eve")).await;
        let second = open(&gateway, "places.test", &of("eve")).await;
        Ok(first.is_ok() && second.is_ok())
    })
    .await
}

/// Idle tunnels by whose figures a tunnel is judged.
const TUNNELS: usize = 2_000;

/// Resident bytes of the gateway for each of many idle sockets.
async fn bytes_of_idle(gateway: &Gateway, host: &str) -> Result<u64> {
    let id = gateway.process.id();
    let mut sockets = Vec::new();
    // Pools and tables have their size by then.
    for _ in 0..500 {
        sockets.push(open(gateway, host, &[]).await?);
    }
    let before = usage::resident_bytes(id)?;
    for _ in 0..TUNNELS {
        let mut socket = open(gateway, host, &[]).await?;
        echoes(&mut socket, Message::text("hello")).await?;
        sockets.push(socket);
    }
    let grown = usage::resident_bytes(id)?.saturating_sub(before);
    Ok(grown / TUNNELS as u64)
}

/// As many descriptors as may be: both ends of each socket are in this process.
fn raise_descriptors() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("cannot raise the limit of descriptors")
}

#[tokio::test]
async fn idle_sockets_hold_no_buffers_with_limits_and_without() -> Result<()> {
    raise_descriptors()?;
    let echo = Echo::start().await?;
    let limits = [
        ("none", "{allowMissingOrigin: true}"),
        (
            "all",
            "{maxMessageSize: 65536, messagesPerSecond: 100, idleTimeout: 1h, maxLifetime: 10h, maxConnections: 100000, \
             maxConnectionsPerClient: 100000}",
        ),
    ];
    let mut figures = Vec::new();
    for (host, _) in limits {
        // Each in a program of its own: memory that was used once is used again.
        let gateway = Gateway::start(&routes(echo.port, &limits)).await?;
        figures.push(bytes_of_idle(&gateway, &format!("{host}.test")).await?);
    }
    // Seen where the test harness keeps the output of tests that pass.
    writeln!(
        std::io::stderr(),
        "resident bytes of an idle socket without limits and with all of them: {figures:?}"
    )?;
    for bytes in figures {
        ensure!(bytes < 6 * 1024, "{bytes} bytes for an idle socket");
    }
    Ok(())
}
