//! A WebSocket client that speaks JSON and gives up in time.

use anyhow::{Context as _, Result, anyhow, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::poll::soon;
use crate::stream::{self, Boxed};

/// An open socket.
pub struct Socket {
    inner: WebSocketStream<Boxed>,
    /// The headers of the 101 answer.
    pub headers: http::HeaderMap,
}

impl Socket {
    /// Connects to a port of this machine, without TLS.
    pub async fn connect(port: u16, path: &str) -> Result<Self> {
        let stream = Box::new(stream::plain(port).await?);
        Self::over(stream, &format!("ws://localhost:{port}{path}"), &[]).await
    }

    /// Upgrades a stream. `url` gives Host and path, `headers` come on top.
    pub async fn over(stream: Boxed, url: &str, headers: &[(&'static str, &str)]) -> Result<Self> {
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse()?);
        }
        soon("a WebSocket handshake", async {
            match tokio_tungstenite::client_async(request, stream).await {
                Ok((inner, response)) => Ok(Self {
                    inner,
                    headers: response.headers().clone(),
                }),
                Err(Error::Http(answer)) => {
                    let body = answer.body().as_deref().unwrap_or_default();
                    let body = String::from_utf8_lossy(body).into_owned();
                    Err(anyhow!("refused with {}: {body}", answer.status()))
                }
                Err(error) => Err(error).context("WebSocket handshake"),
            }
        })
        .await
    }

    /// Sends any message.
    pub async fn send(&mut self, message: Message) -> Result<()> {
        soon("sending a WebSocket message", async {
            Ok(self.inner.send(message).await?)
        })
        .await
    }

    /// Sends JSON as text.
    pub async fn send_json(&mut self, value: &Value) -> Result<()> {
        self.send(Message::text(value.to_string())).await
    }

    /// The next message that is no ping or pong.
    pub async fn receive(&mut self) -> Result<Message> {
        soon("a WebSocket message", async {
            loop {
                let message = self
                    .inner
                    .next()
                    .await
                    .context("the socket ended without a close")??;
                if !message.is_ping() && !message.is_pong() {
                    return Ok(message);
                }
            }
        })
        .await
    }

    /// The next message, which has to be JSON text.
    pub async fn receive_json(&mut self) -> Result<Value> {
        match self.receive().await? {
            Message::Text(text) => {
                serde_json::from_str(&text).with_context(|| format!("no JSON: {}", text.as_str()))
            }
            other => bail!("no text: {other:?}"),
        }
    }

    /// Reads on until a message of that type comes.
    pub async fn receive_type(&mut self, kind: &str) -> Result<Value> {
        self.receive_where(&format!("a message of type {kind}"), |message| {
            message["type"] == kind
        })
        .await
    }

    /// Reads on until a message fits.
    pub async fn receive_where(
        &mut self,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        soon(what, async {
            loop {
                let message = self.receive_json().await?;
                if fits(&message) {
                    return Ok(message);
                }
            }
        })
        .await
    }

    /// Reads on until the peer closes; `None` when it just went away.
    pub async fn closed(&mut self) -> Result<Option<CloseFrame>> {
        soon("the close of the socket", async {
            loop {
                match self.inner.next().await {
                    Some(Ok(Message::Close(frame))) => return Ok(frame),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Ok(None),
                }
            }
        })
        .await
    }

    /// Closes with 1000 and waits for the answer.
    pub async fn close(mut self) -> Result<()> {
        self.send(Message::Close(None)).await?;
        self.closed().await.map(drop)
    }
}
