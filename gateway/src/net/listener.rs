//! Listening sockets: one per worker and entry point, sharing the port by SO_REUSEPORT.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// Connections that the kernel keeps until a worker accepts them.
const BACKLOG: i32 = 4096;
/// Silence after which the kernel asks whether a client is still there, and how often then (Traefik's figure).
const KEEP_ALIVE: Duration = Duration::from_secs(180);

/// Binds `count` sockets to one address; port 0 becomes one free port for all.
///
/// Sockets with SO_REUSEPORT would join the port of another process of ours without a word, so the first
/// bind is done without it and finds that out. With `shared` (Traefik's `reusePort`) that is what is wanted.
pub fn bind_tcp(address: SocketAddr, count: usize, shared: bool) -> io::Result<Vec<TcpListener>> {
    let mut address = address;
    if !shared {
        let probe = socket(address)?;
        probe.bind(&address.into())?;
        probe.listen(1)?;
        if let Some(bound) = probe.local_addr()?.as_socket() {
            address.set_port(bound.port());
        }
    }
    let mut listeners = Vec::with_capacity(count);
    for _ in 0..count.max(1) {
        let socket = socket(address)?;
        socket.set_reuse_port(true)?;
        // Accepted sockets inherit it.
        let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE);
        socket.set_tcp_keepalive(&keep_alive.with_interval(KEEP_ALIVE))?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        listener.set_nonblocking(true)?;
        address.set_port(listener.local_addr()?.port());
        listeners.push(listener);
    }
    Ok(listeners)
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // An address without a host means both families, as Go listens.
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn workers_share_a_port_and_strangers_do_not() {
        let ours = bind_tcp("127.0.0.1:0".parse().unwrap(), 3, false).unwrap();
        let address = ours[0].local_addr().unwrap();
        assert!(ours.iter().all(|l| l.local_addr().unwrap() == address));
        let _client = std::net::TcpStream::connect(address).unwrap();
        let accepted = ours.iter().find_map(|l| l.accept().ok());
        let (accepted, _) = accepted.unwrap();
        let accepted = socket2::SockRef::from(&accepted);
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), KEEP_ALIVE);
        assert!(accepted.keepalive().unwrap());
        let taken = bind_tcp(address, 1, false).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    }
}
