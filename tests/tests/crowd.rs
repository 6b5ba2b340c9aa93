//! Ten thousand viewers of one stream manager: all come at once and are served, and idle they cost little.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::stack::Backend;
use sluice_tests::usage;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// Viewers, where the system lets a process have that many files; else as many as it does.
const VIEWERS: usize = 10_000;
/// Resident bytes for each of them, idle.
const EACH: u64 = 8 * 1024;
/// In this time all have their first state.
const SERVED: Duration = Duration::from_secs(10);

const REQUEST: &str = "GET /ws?target=state HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Connects and waits for the first state. Addresses of the loopback net are many: ports of one are not enough.
async fn viewer(port: u16, number: usize) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let last = u8::try_from(number % 200)? + 1;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 1, last), 0)))?;
    let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await?;
    stream.write_all(REQUEST.as_bytes()).await?;
    let mut read = Vec::with_capacity(1024);
    let state = b"\"stateUpdate\"";
    while !read.windows(state.len()).any(|part| part == state) {
        ensure!(stream.read_buf(&mut read).await? > 0, "closed");
    }
    Ok(stream)
}

/// All at once.
async fn crowd(port: u16, viewers: usize) -> Result<(Vec<TcpStream>, Duration)> {
    let start = Instant::now();
    let mut coming = JoinSet::new();
    for number in 0..viewers {
        coming.spawn(viewer(port, number));
    }
    let mut here = Vec::with_capacity(viewers);
    while let Some(viewer) = coming.join_next().await {
        here.push(viewer?.with_context(|| format!("after {} viewers", here.len()))?);
    }
    Ok((here, start.elapsed()))
}

#[tokio::test]
async fn ten_thousand_come_at_once_and_cost_little() -> Result<()> {
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = usize::try_from(most.maximum.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit {
            current: rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum,
            ..rustix::process::getrlimit(rustix::process::Resource::Nofile)
        },
    )?;
    let viewers = VIEWERS.min(most.saturating_sub(500));
    if viewers < VIEWERS {
        println!("only {viewers} viewers: the system allows no more files");
    }
    let folder = tempfile::tempdir()?;
    let environment = [
        ("STORE_PATH", "memory"),
        ("LOG_LEVEL", "warn"),
        ("WS_MAX_CLIENTS", "20000"),
    ];
    let backend = Backend::start(folder.path(), &environment).await?;
    let id = backend.process.id();
    // Once before: what the first ones need of threads and tables is not theirs.
    drop(crowd(backend.ws, 100).await?);
    let before = usage::resident_bytes(id)?;
    let (here, took) = crowd(backend.ws, viewers).await?;
    ensure!(took <= SERVED, "{took:?}");
    let each = || -> Result<u64> {
        Ok(usage::resident_bytes(id)?.saturating_sub(before) / viewers as u64)
    };
    let at_first = each()?;
    // What their coming took is given back when the threads have time for it.
    let idle = poll::until_true("idle viewers to cost little", PATIENCE, async || {
        Ok(each()? <= EACH)
    });
    idle.await
        .with_context(|| format!("{:?} bytes each", each()))?;
    println!(
        "{viewers} viewers at once: served in {took:?}, {at_first} bytes each at first, then {}",
        each()?
    );
    let clients = async || {
        let health = backend.get("/health").await?.json()?;
        let count = &health["components"]["websocket"]["activeConnections"];
        count.as_u64().context("a count")
    };
    ensure!(clients().await? == viewers as u64);
    // All go, and all are back at once, as after a restart.
    drop(here);
    poll::until_true("all gone", PATIENCE, async || Ok(clients().await? == 0)).await?;
    let (here, took) = crowd(backend.ws, viewers).await?;
    println!("{} viewers again: served in {took:?}", here.len());
    ensure!(took <= SERVED, "{took:?}");
    ensure!(clients().await? == viewers as u64);
    Ok(())
}
