//! Accepts connections and finds out what they speak: TLS or not, HTTP/1 or HTTP/2.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use tokio::net::{TcpListener, TcpStream};

use super::handshake::handshake;
use super::{EntryPoint, Worker, http1, http2};
use crate::http::{Connection, Peer};
use crate::net::{Deadline, Place, Stream, buffer, proxy_protocol};

/// First byte of a TLS record that holds a handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// Above all characters of HTTP, and how a client of SSL 2 begins.
const NO_TEXT: u8 = 0x80;
/// How an HTTP/2 connection begins (RFC 9113 section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long to wait when the process has no file descriptor left.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(50);

/// Accepts until dropped. Each connection becomes a task of this worker; one that panics ends alone.
pub async fn accept(worker: Rc<Worker>, entry: Arc<EntryPoint>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                let (worker, entry) = (Rc::clone(&worker), Arc::clone(&entry));
                let Ok(place) = place(&entry) else {
                    // Closed without a word: whoever floods us is not worth an answer.
                    continue;
                };
                let open = worker.open(&entry);
                tokio::task::spawn_local(async move {
                    if let Err(error) = serve(worker, entry, socket, peer, place).await {
                        tracing::debug!(%error, %peer, "connection ended");
                    }
                    drop(open);
                });
            }
            Err(error) => {
                tracing::error!(%error, entry_point = %entry.name, "cannot accept a connection");
                tokio::time::sleep(OUT_OF_SOCKETS).await;
            }
        }
    }
}

/// Too many connections.
struct Full;

/// A place for one more connection, where they are limited.
fn place(entry: &EntryPoint) -> Result<Option<Place>, Full> {
    let Some(admission) = &entry.admission else {
        return Ok(None);
    };
    match admission.enter() {
        Some(place) => Ok(Some(place)),
        None => {
            if admission.tells() {
                tracing::warn!(entry_point = %entry.name, "connections refused: --max-connections are open");
            }
            Err(Full)
        }
    }
}

/// Who the client is: the peer, or whom its PROXY header names. Bytes that came with it and are no header.
async fn client(
    entry: &EntryPoint,
    socket: &mut TcpStream,
    peer: SocketAddr,
    deadline: &Deadline,
) -> io::Result<(SocketAddr, BytesMut)> {
    if entry.proxy_protocol.is_none() {
        return Ok((peer, BytesMut::new()));
    }
    let taken = proxy_protocol::read(socket, deadline).await?;
    let named = taken.source.filter(|_| entry.believes_proxy(peer.ip()));
    Ok((named.unwrap_or(peer), taken.early))
}

/// Whether `client` may have one more connection.
fn admits(entry: &EntryPoint, place: &mut Option<Place>, client: SocketAddr) -> bool {
    let (Some(admission), Some(place)) = (&entry.admission, place) else {
        return true;
    };
    let admitted = place.is_of(client.ip());
    if !admitted && admission.tells() {
        tracing::warn!(entry_point = %entry.name, client = %client.ip(), "connections refused: --max-connections-per-client are open");
    }
    admitted
}

async fn serve(
    worker: Rc<Worker>,
    entry: Arc<EntryPoint>,
    mut socket: TcpStream,
    peer: SocketAddr,
    mut place: Option<Place>,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let local = socket.local_addr()?;
    let deadline = Deadline::new();
    deadline.set_idle(entry.opening_timeout(), true);
    let (peer, mut early) = client(&entry, &mut socket, peer, &deadline).await?;
    if !admits(&entry, &mut place, peer) {
        return Ok(());
    }
    let first = match early.first() {
        Some(first) => Some(*first),
        None => first_byte(&socket, &deadline).await?,
    };
    let Some(first) = first else {
        return Ok(());
    };
    if first >= NO_TEXT {
        return Ok(());
    }
    let (name, append_forwarded_for) = (entry.name.clone(), !entry.forwarded.not_append);
    let connection = |tls| {
        Rc::new(Connection {
            peer: Peer::new(peer),
            local,
            entry_point: name,
            append_forwarded_for,
            tls,
        })
    };
    if first == TLS_HANDSHAKE {
        deadline.set_idle(entry.opening_timeout(), false);
        let (stream, tls, alpn_h2) = handshake(&worker, &entry, socket, &deadline).await?;
        drop(deadline);
        let connection = connection(Some(tls));
        if alpn_h2 {
            http2::serve(worker, entry, stream, BytesMut::new(), connection).await;
        } else {
            http1::serve(worker, entry, stream, early, connection, place).await;
        }
        return Ok(());
    }
    let mut stream = Stream::Tcp(socket);
    if first == HTTP2_PREFACE[0] && is_http2(&mut stream, &mut early, &deadline).await? {
        http2::serve(worker, entry, stream, early, connection(None)).await;
    } else {
        drop(deadline);
        http1::serve(worker, entry, stream, early, connection(None), place).await;
    }
    Ok(())
}

/// The first byte, left in the socket; `None` where there is none.
async fn first_byte(socket: &TcpStream, deadline: &Deadline) -> io::Result<Option<u8>> {
    let mut byte = [0; 1];
    let count = poll_fn(|cx| {
        let mut target = tokio::io::ReadBuf::new(&mut byte);
        match socket.poll_peek(cx, &mut target) {
            Poll::Ready(count) => Poll::Ready(count),
            Poll::Pending => deadline.poll_expired(cx).map(|()| Ok(0)),
        }
    })
    .await?;
    Ok((count > 0).then_some(byte[0]))
}

/// Reads until it is clear whether the client speaks HTTP/2 without TLS.
async fn is_http2(
    stream: &mut Stream,
    early: &mut BytesMut,
    deadline: &Deadline,
) -> io::Result<bool> {
    loop {
        let count = early.len().min(HTTP2_PREFACE.len());
        if early[..count] != HTTP2_PREFACE[..count] {
            return Ok(false);
        }
        if count == HTTP2_PREFACE.len() {
            return Ok(true);
        }
        let read = poll_fn(|cx| match buffer::poll_read_into(stream, cx, early) {
            Poll::Ready(read) => Poll::Ready(read),
            Poll::Pending => deadline
                .poll_expired(cx)
                .map(|()| Err(io::ErrorKind::TimedOut.into())),
        });
        if read.await? == 0 {
            return Ok(false);
        }
    }
}
