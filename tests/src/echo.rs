//! A WebSocket server that sends back what it gets, and remembers the requests that opened its sockets.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Ends with this value, and its sockets with it.
pub struct Echo {
    pub port: u16,
    seen: Arc<Mutex<Vec<http::Request<()>>>>,
    task: JoinHandle<()>,
}

/// A text that is answered by a close with code 4321 and reason `asked`.
pub const CLOSE_ME: &str = "close me";

impl Echo {
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(accept(listener, Arc::clone(&seen)));
        Ok(Self { port, seen, task })
    }

    /// The upgrade requests so far.
    pub fn seen(&self) -> Vec<http::Request<()>> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, seen: Arc<Mutex<Vec<http::Request<()>>>>) {
    let mut sockets = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let seen = Arc::clone(&seen);
        sockets.spawn(async move {
            // A client that goes away is no failure of the server.
            let _ = serve(stream, &seen).await;
        });
    }
}

async fn serve(stream: TcpStream, seen: &Mutex<Vec<http::Request<()>>>) -> Result<()> {
    let note = |request: &Request, response: Response| {
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request.clone());
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, note).await?;
    while let Some(message) = socket.next().await {
        match message? {
            Message::Text(text) if text.as_str() == CLOSE_ME => {
                let reason = Utf8Bytes::from_static("asked");
                socket
                    .close(Some(CloseFrame {
                        code: 4321.into(),
                        reason,
                    }))
                    .await?;
            }
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
            _ => {}
        }
    }
    Ok(())
}
