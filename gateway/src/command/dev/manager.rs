//! The stream manager inside this process.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use backend::app::{Addresses, Running};
use backend::config::Config;

use super::options::Options;
use super::ports::Wanted;

/// Who presses Ctrl-C waits no longer than this for viewers that do not go.
const GRACE: Duration = Duration::from_secs(3);

/// A stream manager on threads of its own.
pub(super) struct Manager {
    addresses: Addresses,
    /// Until it is told to end.
    running: RefCell<Option<Running>>,
}

impl Manager {
    /// Starts it; it listens when this comes back.
    pub(super) fn start(config: Config) -> anyhow::Result<Self> {
        let running = block_on(backend::app::start(config))?.context("stream manager")?;
        Ok(Self {
            addresses: running.addresses(),
            running: RefCell::new(Some(running)),
        })
    }

    pub(super) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Tells the viewers, stores what is to be stored, and ends. The second time it does nothing.
    pub(super) async fn shutdown(&self) {
        let running = self.running.borrow_mut().take();
        if let Some(running) = running {
            running.shutdown().await;
        }
    }

    /// As [`Self::shutdown`], from outside of any runtime.
    pub(super) fn shutdown_blocking(&self) -> anyhow::Result<()> {
        block_on(self.shutdown())
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    Ok(runtime.block_on(future))
}

/// Its environment, with the options of the command line in it. On loopback unless `HOST` says otherwise.
pub(super) fn settings(options: &Options) -> anyhow::Result<Config> {
    let (mut config, warnings) = Config::from_vars(std::env::vars()).context("stream manager")?;
    for warning in warnings {
        eprintln!("stream manager: {warning}");
    }
    if std::env::var_os("HOST").is_none_or(|host| host.is_empty()) {
        config.ports.host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    }
    let ports = &mut config.ports;
    for (place, option) in [
        (&mut ports.api, options.backend_port),
        (&mut ports.ws, options.backend_ws_port),
        (&mut ports.metrics, options.backend_metrics_port),
        (&mut ports.health, options.backend_health_port),
    ] {
        *place = option.unwrap_or(*place);
    }
    config.shutdown_grace = config.shutdown_grace.min(GRACE);
    Ok(config)
}

/// The ports it is going to listen on.
pub(super) fn ports(config: &Config) -> Vec<Wanted> {
    let ports = &config.ports;
    [
        (ports.api, "REST", "--backend-port"),
        (ports.ws, "WebSocket", "--backend-ws-port"),
        (ports.metrics, "metrics", "--backend-metrics-port"),
        (ports.health, "health", "--backend-health-port"),
    ]
    .map(|(port, what, option)| Wanted {
        address: SocketAddr::new(ports.host, port),
        by: format!("stream manager, {what}"),
        remedy: format!("choose another with {option} N"),
    })
    .into()
}
