//! A stream manager for one test, and a few words to speak with it.

use anyhow::{Context as _, Result};
use backend::app::{self, Addresses, Running};
use backend::config::Config;
use serde_json::{Value, json};
use sluice_tests::http1::{self, Client, Response};
use sluice_tests::poll::soon;
use sluice_tests::websocket::Socket;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

pub(crate) struct Stream {
    pub(crate) at: Addresses,
    running: Running,
}

/// Starts one with these variables on top of those that tests need.
pub(crate) async fn start(vars: &[(&str, &str)]) -> Result<Stream> {
    let running = app::start(config(vars)?).await?;
    Ok(Stream {
        at: running.addresses(),
        running,
    })
}

pub(crate) fn config(vars: &[(&str, &str)]) -> Result<Config> {
    let usual = [
        ("NODE_ENV", "test"),
        ("HOST", "127.0.0.1"),
        ("STORE_PATH", "memory"),
        ("PORT", "0"),
        ("WS_PORT", "0"),
        ("METRICS_PORT", "0"),
        ("HEALTH_PORT", "0"),
        // Tests change more than people do.
        ("RATE_LIMIT_REQUESTS", "1000"),
    ];
    let vars = usual.iter().chain(vars);
    let vars = vars.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Ok(Config::from_vars(vars)?.0)
}

impl Stream {
    pub(crate) async fn connect(&self, path: &str) -> Result<Socket> {
        Socket::connect(self.at.ws.port(), path).await
    }

    /// A subscriber of `state` that has read its welcome and its first state.
    pub(crate) async fn subscriber(&self) -> Result<Socket> {
        let mut socket = self.connect("/ws").await?;
        socket.receive_type("welcome").await?;
        socket.receive_type("stateUpdate").await?;
        Ok(socket)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Response> {
        http1::get(self.at.api.port(), "localhost", path).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Result<Response> {
        http1::post(self.at.api.port(), "localhost", path, body).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Result<Response> {
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        self.raw(&format!("{head}{body}")).await
    }

    /// A POST that has to succeed; the state it answers with.
    pub(crate) async fn control(&self, what: &str) -> Result<Value> {
        let answer = self.post(&format!("/stream/{what}"), "").await?;
        anyhow::ensure!(answer.status == 200, "{what}: {}", answer.text());
        Ok(answer.json()?["data"].clone())
    }

    /// Sends bytes to the REST port and reads one answer.
    pub(crate) async fn raw(&self, request: &str) -> Result<Response> {
        ask(self.at.api.port(), request).await
    }

    /// Sends bytes to the WebSocket port and reads one answer.
    pub(crate) async fn knock(&self, request: &str) -> Result<Response> {
        ask(self.at.ws.port(), request).await
    }

    pub(crate) async fn metric(&self, line: &str) -> Result<f64> {
        let text = http1::get(self.at.metrics.port(), "localhost", "/metrics")
            .await?
            .text();
        let value = text
            .lines()
            .find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        value
            .with_context(|| format!("no {line} in {text}"))?
            .parse()
            .context("a number")
    }

    pub(crate) async fn shutdown(self) {
        self.running.shutdown().await;
    }
}

pub(crate) async fn ask(port: u16, request: &str) -> Result<Response> {
    let mut client = Client::connect(port).await?;
    client.send(request).await?;
    client
        .answer_to(request.split(' ').next().unwrap_or_default())
        .await
}

/// An upgrade request with these header lines instead of, or on top of, the usual ones.
pub(crate) fn upgrade(path: &str, lines: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}

pub(crate) fn ping() -> Value {
    json!({"type": "ping", "timestamp": 17})
}

/// A socket whose frames the test writes and reads itself.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn connect(stream: &Stream) -> Result<Self> {
        Self::over(TcpStream::connect(stream.at.ws).await?, "state").await
    }

    /// One whose kernel takes no more than this for it.
    pub(crate) async fn connect_with_buffer(stream: &Stream, bytes: u32) -> Result<Self> {
        Self::connect_with_target(stream, "state", bytes).await
    }

    /// The same on another channel.
    pub(crate) async fn connect_with_target(
        stream: &Stream,
        target: &str,
        bytes: u32,
    ) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(bytes)?;
        Self::over(socket.connect(stream.at.ws).await?, target).await
    }

    async fn over(socket: TcpStream, target: &str) -> Result<Self> {
        let mut raw = Self(socket);
        let request = upgrade(&format!("/ws?target={target}"), "");
        raw.send(request.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(raw.0.read_u8().await?);
        }
        Ok(raw)
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.0
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.0.write_all(bytes).await?)
    }

    /// The next frame's first byte and payload.
    pub(crate) async fn frame(&mut self) -> Result<(u8, Vec<u8>)> {
        soon("a frame", async {
            let (first, short) = (self.0.read_u8().await?, self.0.read_u8().await?);
            let length = match short {
                126 => u64::from(self.0.read_u16().await?),
                127 => self.0.read_u64().await?,
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length)?];
            self.0.read_exact(&mut payload).await?;
            Ok((first, payload))
        })
        .await
    }

    /// The code of the close frame, whatever comes before it.
    pub(crate) async fn close_code(&mut self) -> Result<u16> {
        loop {
            if let (0x88, payload) = self.frame().await? {
                return Ok(payload
                    .first_chunk()
                    .map_or(1005, |code| u16::from_be_bytes(*code)));
            }
        }
    }

    /// Waits until the server has dropped the connection.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        soon("the end of the connection", async {
            let mut buffer = [0; 4096];
            while matches!(self.0.read(&mut buffer).await, Ok(1..)) {}
            Ok(())
        })
        .await
    }
}

/// A frame from a client, masked with zeros so that what the test writes is what the server reads.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(short @ 0..126) => bytes.push(0x80 | short),
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}
