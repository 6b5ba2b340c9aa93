//! The four listeners.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::running::{Addresses, StartError};
use crate::config::Ports;

pub(super) struct Listeners {
    pub(super) api: TcpListener,
    pub(super) ws: TcpListener,
    pub(super) metrics: TcpListener,
    pub(super) health: TcpListener,
    pub(super) addresses: Addresses,
}

pub(super) async fn bind(ports: &Ports) -> Result<Listeners, StartError> {
    let (api, api_at) = one("PORT", ports, ports.api).await?;
    let (ws, ws_at) = one("WS_PORT", ports, ports.ws).await?;
    let (metrics, metrics_at) = one("METRICS_PORT", ports, ports.metrics).await?;
    let (health, health_at) = one("HEALTH_PORT", ports, ports.health).await?;
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

async fn one(
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
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
