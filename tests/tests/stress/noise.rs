//! Viewers that are none: some never read, some send nonsense, some come and go.

use std::time::Duration;

use sluice_tests::stream;
use sluice_tests::websocket::Socket;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::random::Random;

/// Starts them all; they end with the set.
pub(crate) fn start(port: u16, seed: u64) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for number in 0..3 {
        tasks.spawn(again(move || deaf(port), Duration::from_millis(100)));
        tasks.spawn(again(
            move || mad(port, seed + number),
            Duration::from_millis(20),
        ));
        tasks.spawn(again(move || brief(port), Duration::from_millis(10)));
        tasks.spawn(again(move || broken(port), Duration::from_millis(50)));
    }
    tasks
}

async fn again<F: Future<Output = anyhow::Result<()>>>(make: impl Fn() -> F, pause: Duration) {
    loop {
        // What becomes of it does not matter: it is what the others feel of it that does.
        let _ = make().await;
        tokio::time::sleep(pause).await;
    }
}

/// Subscribes and never reads, with the smallest buffer there is.
async fn deaf(port: u16) -> anyhow::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    let stream = socket.connect(([127, 0, 0, 1], port).into()).await?;
    let url = format!("ws://localhost:{port}/ws?target=state,layers,chat,preview");
    let _socket = Socket::over(Box::new(stream), &url, &[]).await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    Ok(())
}

/// Sends what is no message until it is thrown out.
async fn mad(port: u16, seed: u64) -> anyhow::Result<()> {
    let mut random = Random::new(seed);
    let mut socket = Socket::connect(port, "/ws?target=layers").await?;
    loop {
        let message = match random.below(6) {
            0 => Message::text("{"),
            1 => Message::text("[]"),
            2 => Message::text(r#"{"type":"nothing"}"#),
            3 => Message::text(r#"{"type":"layerUpdate","payload":{"id":"l0","opacity":9}}"#),
            4 => Message::binary(Bytes::from_static(b"{\"type\":\"ping\"}")),
            _ => Message::text("x".repeat(3000)),
        };
        socket.send(message).await?;
        if random.one_in(3) {
            socket.receive().await?;
        }
    }
}

/// Comes, is greeted, and goes without a word.
async fn brief(port: u16) -> anyhow::Result<()> {
    let mut socket = Socket::connect(port, "/ws?target=state,chat").await?;
    socket.receive_type("welcome").await.map(drop)
}

/// Speaks no HTTP, or half of it.
async fn broken(port: u16) -> anyhow::Result<()> {
    let mut stream = stream::plain(port).await?;
    stream
        .write_all(b"GET /ws HTTP/1.1\r\nUpgrade: webs")
        .await?;
    Ok(())
}
