//! A raw HTTP/1 client: the bytes sent are the test's own, the answer is taken apart just enough to look at it.

use anyhow::{Context as _, Result, bail};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::poll::soon;
use crate::stream::{self, Boxed};
use crate::tls;

/// An answer, its body complete.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    /// In the order received, names as they were written.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self
            .headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("no JSON: {}", self.text()))
    }
}

/// One connection.
pub struct Client {
    stream: Boxed,
    buffer: BytesMut,
}

impl Client {
    /// Speaks over any stream.
    pub fn over(stream: Boxed) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// A plain connection to a port of this machine.
    pub async fn connect(port: u16) -> Result<Self> {
        Ok(Self::over(Box::new(stream::plain(port).await?)))
    }

    /// A TLS connection that offers HTTP/1.1.
    pub async fn connect_tls(client: &tls::Client, port: u16, name: &str) -> Result<Self> {
        Ok(Self::over(
            client.connect(port, name, &["http/1.1"]).await?.0,
        ))
    }

    /// Sends the bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        Ok(self.stream.flush().await?)
    }

    /// Sends a request without a body, and reads its answer. `headers` are lines, each with its CRLF.
    pub async fn ask(
        &mut self,
        method: &str,
        host: &str,
        path: &str,
        headers: &str,
    ) -> Result<Response> {
        self.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n"
        ))
        .await?;
        self.answer_to(method).await
    }

    /// A GET and its answer.
    pub async fn get(&mut self, host: &str, path: &str) -> Result<Response> {
        self.ask("GET", host, path, "").await
    }

    /// The next answer, interim ones left out, 101 aside.
    pub async fn answer(&mut self) -> Result<Response> {
        self.answer_to("GET").await
    }

    /// As [`Self::answer`]; a HEAD has no body whatever its length says.
    pub async fn answer_to(&mut self, method: &str) -> Result<Response> {
        soon("an HTTP answer", async {
            loop {
                let mut response = self.head().await?;
                if response.status == 101 {
                    return Ok(response);
                }
                if response.status < 200 {
                    continue;
                }
                if method != "HEAD" && ![204, 304].contains(&response.status) {
                    response.body = self.body(&response).await?;
                }
                return Ok(response);
            }
        })
        .await
    }

    /// Everything until the peer closes.
    pub async fn rest(&mut self) -> Result<Vec<u8>> {
        soon("the end of the connection", async {
            while self.read_more().await? > 0 {}
            Ok(self.buffer.split().to_vec())
        })
        .await
    }

    /// The stream after an upgrade. Nothing may have been read beyond the answer.
    pub fn into_stream(self) -> Result<Boxed> {
        if !self.buffer.is_empty() {
            bail!("{} bytes were read beyond the answer", self.buffer.len());
        }
        Ok(self.stream)
    }

    async fn read_more(&mut self) -> Result<usize> {
        Ok(self.stream.read_buf(&mut self.buffer).await?)
    }

    async fn head(&mut self) -> Result<Response> {
        let end = loop {
            if let Some(at) = self
                .buffer
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break at;
            }
            if self.read_more().await? == 0 {
                let got = String::from_utf8_lossy(&self.buffer);
                bail!("the connection ended before an answer, after {got:?}");
            }
        };
        let head = self.buffer.split_to(end + 4);
        parse_head(&String::from_utf8_lossy(&head))
    }

    async fn body(&mut self, response: &Response) -> Result<Vec<u8>> {
        let chunked = |coding: &str| coding.to_ascii_lowercase().contains("chunked");
        if response.header("Transfer-Encoding").is_some_and(chunked) {
            return self.chunks().await;
        }
        match response.header("Content-Length") {
            Some(length) => self.exactly(length.trim().parse()?).await,
            None => {
                while self.read_more().await? > 0 {}
                Ok(self.buffer.split().to_vec())
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < length {
            if self.read_more().await? == 0 {
                bail!(
                    "the body ended after {} of {length} bytes",
                    self.buffer.len()
                );
            }
        }
        Ok(self.buffer.split_to(length).to_vec())
    }

    async fn line(&mut self) -> Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let line = self.buffer.split_to(at);
                self.buffer.advance(2);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if self.read_more().await? == 0 {
                bail!("the connection ended inside a chunked body");
            }
        }
    }

    async fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size =
                usize::from_str_radix(size, 16).with_context(|| format!("chunk size {line:?}"))?;
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.exactly(size).await?);
            self.line().await?;
        }
    }
}

/// A GET on a connection of its own.
pub async fn get(port: u16, host: &str, path: &str) -> Result<Response> {
    Client::connect(port)
        .await?
        .ask("GET", host, path, "Connection: close\r\n")
        .await
}

/// A POST with a JSON body on a connection of its own.
pub async fn post(port: u16, host: &str, path: &str, body: &str) -> Result<Response> {
    send_json("POST", port, host, path, body).await
}

/// A PATCH with a JSON body on a connection of its own.
pub async fn patch(port: u16, host: &str, path: &str, body: &str) -> Result<Response> {
    send_json("PATCH", port, host, path, body).await
}

async fn send_json(
    method: &str,
    port: u16,
    host: &str,
    path: &str,
    body: &str,
) -> Result<Response> {
    let mut client = Client::connect(port).await?;
    let length = body.len();
    client
        .send(format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await?;
    client.answer().await
}

fn parse_head(text: &str) -> Result<Response> {
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let mut parts = first.splitn(3, ' ');
    let version = parts.next().unwrap_or_default();
    if !version.starts_with("HTTP/1.") {
        bail!("no HTTP/1 answer: {first:?}");
    }
    let status = parts
        .next()
        .unwrap_or_default()
        .parse()
        .with_context(|| format!("no status: {first:?}"))?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    Ok(Response {
        status,
        reason: parts.next().unwrap_or_default().to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
        body: Vec::new(),
    })
}
