//! Accepting connections and serving HTTP/1.1 on them.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::http::Response;

/// A head has to be there in this time (spec section 6).
const HEAD: Duration = Duration::from_secs(10);
/// Room for a head: more than the 32 KiB that are allowed, so that one too large is answered and not cut.
const BUFFER: usize = 64 * 1024;
/// A pause when the system has no more sockets to give.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts until `stop` becomes true, and serves each connection until it ends; those that are idle then are closed.
pub(super) async fn serve<H, F>(listener: TcpListener, handler: H, mut stop: watch::Receiver<bool>)
where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = told(&mut stop) => return,
        };
        match accepted {
            Ok((socket, peer)) => {
                let connection = connection(socket, peer, handler.clone(), stop.clone());
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
    socket: TcpStream,
    peer: SocketAddr,
    handler: H,
    mut stop: watch::Receiver<bool>,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    // What is sent is sent whole; waiting for more only delays it.
    let _ = socket.set_nodelay(true);
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
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = told(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(r#type = "http", ip = %peer.ip(), %error, "connection ended");
    }
}
