//! The four listeners.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::running::{Addresses, StartError};
use crate::config::Ports;

/// Connections that may wait to be accepted, where the system lets so many: after a restart all clients come at once.
const BACKLOG: u32 = 16_384;

pub(super) struct Listeners {
    pub(super) api: TcpListener,
    pub(super) ws: TcpListener,
    pub(super) metrics: TcpListener,
    pub(super) health: TcpListener,
    pub(super) addresses: Addresses,
}

pub(super) fn bind(ports: &Ports) -> Result<Listeners, StartError> {
    let (api, api_at) = one("PORT", ports, ports.api)?;
    let (ws, ws_at) = one("WS_PORT", ports, ports.ws)?;
    let (metrics, metrics_at) = one("METRICS_PORT", ports, ports.metrics)?;
    let (health, health_at) = one("HEALTH_PORT", ports, ports.health)?;
    Ok(Listeners {
        api,
        ws,
        metrics,
        health,
        addresses: Addresses {
            api: api_at,
            ws: ws_at,
            metrics: metrics_at,
            health: health_at,
        },
    })
}

fn one(
    variable: &'static str,
    ports: &Ports,
    port: u16,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let address = SocketAddr::new(ports.host, port);
    let failed = |source| StartError::Listen {
        variable,
        address,
        source,
    };
    let listener = listen(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // As after a restart: sockets of the last run may linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
