//! Opens a connection: resolve, connect, TLS, all within the dial timeout.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::target::{Scheme, Target};
use crate::http::{ErrorKind, ProxyError};
use crate::net::Stream;

/// Silence after which TCP asks a server whether it is there, and between two such questions (Traefik's figure).
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long a resolved name is used without asking again.
const FRESH: Duration = Duration::from_secs(5);

thread_local! {
    static NAMES: RefCell<HashMap<String, (Instant, Vec<IpAddr>)>> = RefCell::default();
}

/// The versions of HTTP that a server may choose from in a TLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2, else HTTP/1.1.
    Http2,
}

/// A new connection to `target`.
pub(super) async fn connect(target: &Target, offer: Offer) -> Result<Stream, ProxyError> {
    let Some(timeout) = target.transport.dial_timeout else {
        return dial(target, offer).await;
    };
    match tokio::time::timeout(timeout, dial(target, offer)).await {
        Ok(dialled) => dialled,
        Err(_) => Err(ProxyError::upstream(ErrorKind::UpstreamTimeout)
            .because(format!(
                "no connection to {} in {timeout:?}",
                target.authority
            ))
            .retryable()),
    }
}

async fn dial(target: &Target, offer: Offer) -> Result<Stream, ProxyError> {
    let unreachable = |error: io::Error| {
        ProxyError::upstream(ErrorKind::Unreachable)
            .because(error)
            .retryable()
    };
    let socket = dial_tcp(target).await.map_err(unreachable)?;
    socket.set_nodelay(true).map_err(unreachable)?;
    keep_alive(&socket).map_err(unreachable)?;
    if target.scheme != Scheme::Https {
        return Ok(Stream::Tcp(socket));
    }
    let Some(name) = target.server_name.clone() else {
        return Err(ProxyError::upstream(ErrorKind::Internal)
            .because(format!("`{}` cannot be a TLS server name", target.host)));
    };
    let config = target
        .transport
        .tls(offer)
        .map_err(|why| ProxyError::upstream(ErrorKind::Internal).because(why.to_owned()))?;
    let connector = TlsConnector::from(config);
    match connector.connect(name, socket).await {
        Ok(stream) => Ok(Stream::TlsClient(Box::new(stream))),
        Err(error) => Err(ProxyError::upstream(handshake_kind(&error)).because(error)),
    }
}

/// A server that vanished without a word is noticed, also behind a tunnel or a stream on which nobody speaks.
fn keep_alive(socket: &TcpStream) -> io::Result<()> {
    let probes = TcpKeepalive::new()
        .with_time(KEEP_ALIVE)
        .with_interval(KEEP_ALIVE);
    SockRef::from(socket).set_tcp_keepalive(&probes)
}

/// Go tells a connection that broke (502) from a server that is not to be talked to (500).
fn handshake_kind(error: &io::Error) -> ErrorKind {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        None | Some(rustls::Error::AlertReceived(_)) => ErrorKind::Unreachable,
        Some(_) => ErrorKind::UpstreamProtocol,
    }
}

/// The first address that takes the connection.
async fn dial_tcp(target: &Target) -> io::Result<TcpStream> {
    let Some(port) = target.port else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{}: ports end at 65535", target.authority),
        ));
    };
    if let Ok(address) = target.host.parse::<IpAddr>() {
        return TcpStream::connect(SocketAddr::new(address, port)).await;
    }
    let mut last = io::Error::new(
        io::ErrorKind::NotFound,
        format!("no address for `{}`", target.host),
    );
    for address in resolve(&target.host).await? {
        match TcpStream::connect(SocketAddr::new(address, port)).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    NAMES.with_borrow_mut(|names| names.remove(&target.host));
    Err(last)
}

async fn resolve(host: &str) -> io::Result<Vec<IpAddr>> {
    let known = NAMES.with_borrow(|names| {
        names
            .get(host)
            .filter(|(at, _)| at.elapsed() < FRESH)
            .map(|(_, addresses)| addresses.clone())
    });
    if let Some(addresses) = known {
        return Ok(addresses);
    }
    let found: Vec<_> = tokio::net::lookup_host((host, 0))
        .await?
        .map(|address| address.ip())
        .collect();
    NAMES.with_borrow_mut(|names| {
        names.retain(|_, (at, _)| at.elapsed() < FRESH);
        names.insert(host.to_owned(), (Instant::now(), found.clone()));
    });
    Ok(found)
}
