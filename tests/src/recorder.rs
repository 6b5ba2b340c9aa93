//! A strict HTTP/1 server that shows what exactly arrived: every byte, request by request, and nothing made up.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The head, CRLF and all.
    pub head: String,
    /// The body with its framing.
    pub body: String,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
}

impl Arrived {
    /// The first line.
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The values of all fields whose name is `name` once `_` and `.` count as `-`.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let folded = |text: &str| text.to_ascii_lowercase().replace(['_', '.'], "-");
        let lines = self.head.lines().skip(1);
        lines
            .filter_map(|line| line.split_once(':'))
            .filter(|(key, _)| folded(key) == folded(name))
            .map(|(_, value)| value.trim())
            .collect()
    }
}

/// What it answers.
pub enum Reply {
    /// These bytes; the connection stays.
    Keep(Vec<u8>),
    /// These bytes, and the connection is closed.
    Close(Vec<u8>),
    /// These bytes, and nothing more is read: the connection stays open until its peer closes.
    Hang(Vec<u8>),
}

type Script = dyn Fn(&Arrived) -> Reply + Send + Sync;
type Seen = Arc<Mutex<Vec<Arrived>>>;

/// See the module. Ends with this value.
pub struct Recorder {
    pub port: u16,
    seen: Seen,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Answers as the script says.
    pub async fn start(script: impl Fn(&Arrived) -> Reply + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let seen = Seen::default();
        let task = tokio::spawn(accept(listener, Arc::new(script), Arc::clone(&seen)));
        Ok(Self { port, seen, task })
    }

    /// Answers everything with 200 and `fine`.
    pub async fn fine() -> Result<Self> {
        Self::start(|_| Reply::Keep(ok("fine"))).await
    }

    /// All requests so far. What broke off, or is no HTTP, is one with the line `BROKEN`.
    pub fn seen(&self) -> Vec<Arrived> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The last request.
    pub fn last(&self) -> Result<Arrived> {
        self.seen().pop().context("no request arrived")
    }

    /// Their first lines.
    pub fn lines(&self) -> Vec<String> {
        let seen = self.seen();
        seen.iter().map(|seen| seen.line().to_owned()).collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A 200 with that text.
pub fn ok(text: &str) -> Vec<u8> {
    let length = text.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}")
        .into_bytes()
}

async fn accept(listener: TcpListener, script: Arc<Script>, seen: Seen) {
    let mut connections = JoinSet::new();
    let mut count = 0;
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, count, Arc::clone(&script), Arc::clone(&seen)));
        count += 1;
    }
}

async fn serve(mut stream: TcpStream, connection: usize, script: Arc<Script>, seen: Seen) {
    let mut buffer = Vec::new();
    let note = |arrived: Arrived| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(arrived);
    };
    loop {
        let arrived = match read(&mut stream, &mut buffer, connection).await {
            Ok(Some(arrived)) => arrived,
            Ok(None) => return,
            Err(error) => {
                let rest = String::from_utf8_lossy(&buffer);
                return note(Arrived {
                    head: format!("BROKEN\r\n{error}"),
                    body: rest.into_owned(),
                    connection,
                });
            }
        };
        let reply = script(&arrived);
        note(arrived);
        let (bytes, on) = match reply {
            Reply::Keep(bytes) => (bytes, true),
            Reply::Close(bytes) => (bytes, false),
            Reply::Hang(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let mut ignored = Vec::new();
                let _ = stream.read_to_end(&mut ignored).await;
                return;
            }
        };
        if stream.write_all(&bytes).await.is_err() || !on {
            return;
        }
    }
}

async fn read(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    connection: usize,
) -> Result<Option<Arrived>> {
    let Some(head) = through(stream, buffer, b"\r\n\r\n").await? else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut arrived = Arrived {
        head,
        body: String::new(),
        connection,
    };
    if arrived.values("Expect") == ["100-continue"] && arrived.line().contains("/early") {
        // Answered before the body comes.
        return Ok(Some(arrived));
    }
    let (coding, length) = (
        arrived.values("Transfer-Encoding"),
        arrived.values("Content-Length"),
    );
    let body = match (coding.as_slice(), length.as_slice()) {
        ([], []) => Vec::new(),
        ([], [length]) => exactly(stream, buffer, length.parse()?).await?,
        (["chunked"], []) => chunks(stream, buffer).await?,
        other => bail!("ambiguous framing: {other:?}"),
    };
    arrived.body = String::from_utf8_lossy(&body).into_owned();
    Ok(Some(arrived))
}

/// Chunks and trailers as they came.
async fn chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut trailers = false;
    loop {
        let line = through(stream, buffer, b"\r\n").await?;
        let line = line.context("the chunks broke off")?;
        body.extend_from_slice(&line);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches("\r\n");
        if trailers {
            if line.is_empty() {
                return Ok(body);
            }
            continue;
        }
        let size = usize::from_str_radix(line, 16).context(line.to_owned())?;
        trailers = size == 0;
        if size > 0 {
            let data = exactly(stream, buffer, size + 2).await?;
            body.extend_from_slice(&data);
        }
    }
}

/// Everything up to and with `end`; nothing where the connection ended cleanly before it.
async fn through(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    end: &[u8],
) -> Result<Option<Vec<u8>>> {
    loop {
        if let Some(at) = buffer.windows(end.len()).position(|window| window == end) {
            return Ok(Some(buffer.drain(..at + end.len()).collect()));
        }
        if stream.read_buf(buffer).await? == 0 {
            return match buffer.is_empty() {
                true => Ok(None),
                false => bail!("the connection ended in the middle"),
            };
        }
    }
}

async fn exactly(stream: &mut TcpStream, buffer: &mut Vec<u8>, length: usize) -> Result<Vec<u8>> {
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the body ended in the middle");
        }
    }
    Ok(buffer.drain(..length).collect())
}
