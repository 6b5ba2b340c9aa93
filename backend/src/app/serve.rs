//! Accepting connections and serving HTTP/1.1 on them.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::http::Response;
use crate::ws::Socket;

/// A head has to be there in this time (spec section 6).
const HEAD: Duration = Duration::from_secs(10);
/// Room for a head: more than the 32 KiB that are allowed, so that one too large is answered and not cut.
const BUFFER: usize = 64 * 1024;
/// Connections whose first call is looked at at once: of thousands that come together each would need buffers otherwise,
/// and the memory for all of them would stay with the process.
const TURNS: usize = 256;
/// How long a turn may take; who is slower goes on without one.
const TURN: Duration = Duration::from_millis(100);
/// A pause when the system has no more sockets to give.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts until `stop` becomes true, and serves each connection until it ends; those that are idle then are closed.
/// Clients that take nothing for the time of `patience` lose theirs.
pub(super) async fn serve<H, F>(
    listener: TcpListener,
    handler: H,
    patience: Duration,
    mut stop: watch::Receiver<bool>,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(TURNS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = told(&mut stop) => return,
        };
        match accepted {
            Ok((socket, peer)) => {
                let turns = Arc::clone(&turns);
                let socket = Socket::new(socket, patience);
                let connection = connection(socket, peer, handler.clone(), stop.clone(), turns);
                tokio::spawn(connection);
            }
            Err(error) => {
                tracing::warn!(r#type = "http", %error, "a connection can't be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Waits until `stop` is true, or nobody is left to say so.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn connection<H, F>(
    socket: Socket,
    peer: SocketAddr,
    handler: H,
    mut stop: watch::Receiver<bool>,
    turns: Arc<Semaphore>,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    // Buffers, and all that a call needs, are for those who have said something: after a restart thousands connect before
    // the first one speaks.
    let speaks = tokio::select! {
        ready = timeout(HEAD, socket.readable()) => matches!(ready, Ok(Ok(()))),
        () = told(&mut stop) => false,
    };
    if speaks && let Ok(turn) = turns.acquire_owned().await {
        Box::pin(talk(socket, peer, handler, stop, turn)).await;
    }
}

async fn talk<H, F>(
    socket: Socket,
    peer: SocketAddr,
    handler: H,
    mut stop: watch::Receiver<bool>,
    turn: OwnedSemaphorePermit,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let service = service_fn(move |request| {
        let response = handler(request, peer);
        async move { Ok::<_, Infallible>(response.await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    let (mut turn, mut over) = (Some(turn), pin!(tokio::time::sleep(TURN)));
    let served = loop {
        tokio::select! {
            served = serving.as_mut() => break served,
            () = over.as_mut(), if turn.is_some() => turn = None,
            () = told(&mut stop) => {
                serving.as_mut().graceful_shutdown();
                break serving.await;
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(r#type = "http", ip = %peer.ip(), %error, "connection ended");
    }
}
