//! The composition root: every thread, channel and task of the gateway, and the order in which they end.
//!
//! One control thread (this one) and one thread a worker. Providers, aggregation and compilation run here; what comes
//! out goes to the workers as one `Arc` through a watch channel. Nothing comes back.

mod control;
mod entry;
pub mod explain;
mod files;
mod health;
mod internal;
pub mod log;
mod observe;
mod shutdown;
pub mod trial;
mod workers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use tokio::runtime::LocalOptions;
use tokio::sync::watch;

use crate::config::dynamic::Dynamic;
use crate::config::install::Loaded;
use crate::middleware::Caches;
use crate::runtime::{Report, Snapshot};

pub use shutdown::Farewell;

/// Changes a routing configuration.
pub type Adapt = Rc<dyn Fn(&mut Dynamic)>;
/// Hears of entry points by name, and where they listen.
pub type Listening = Rc<dyn Fn(&[(String, SocketAddr)])>;

/// What the command line says besides the install configuration.
#[derive(Clone)]
pub struct Options {
    /// Worker threads.
    pub workers: usize,
    /// Ends a tunnel (WebSocket) on which nothing came from either side for so long. `None`, as in Traefik, never does.
    pub tunnel_idle_timeout: Option<std::time::Duration>,
    /// Connections that an entry point has open at most; 0, as in Traefik, is no limit.
    pub max_connections: usize,
    /// As `max_connections`, of one client: an IPv4 address, or 64 bits of an IPv6 one.
    pub max_connections_per_client: usize,
    /// Changes what a provider says before it counts: who runs the gateway inside another program may have put
    /// things elsewhere than the files say.
    pub adapt: Option<Adapt>,
    /// Told once, before the first request: each entry point and where it listens.
    pub listening: Option<Listening>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: default_workers(),
            tunnel_idle_timeout: None,
            max_connections: 0,
            max_connections_per_client: 0,
            adapt: None,
            listening: None,
        }
    }
}

/// As many workers as there are cores, or as `TOKIO_WORKER_THREADS` says.
fn default_workers() -> usize {
    let said = std::env::var("TOKIO_WORKER_THREADS")
        .ok()
        .and_then(|count| count.parse().ok());
    said.filter(|count| *count > 0)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// Runs the gateway until SIGTERM or SIGINT and everything has ended. `farewell` is done first then.
pub fn run(loaded: Loaded, options: &Options, farewell: Option<Farewell>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .context("cannot start the control thread's runtime")?;
    runtime.block_on(serve(loaded, options, farewell))
}

async fn serve(
    loaded: Loaded,
    options: &Options,
    farewell: Option<Farewell>,
) -> anyhow::Result<()> {
    let signals = shutdown::Signals::catch().context("cannot wait for signals")?;
    let install = Arc::new(loaded.config);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "Sluice starting");
    let observer = observe::open(&install, options.workers)?;
    let entries = entry::open(&install, &observer, options)?;
    let (snapshots, receiver) = watch::channel(Arc::new(Snapshot::default()));
    let (reports, report) = watch::channel(Arc::new(Report::default()));
    let (phases, phase) = watch::channel(workers::Phase::Serve);
    let terminating = Arc::new(AtomicBool::new(false));
    let explain = explain::Doors::new(&install, &entries.settings);
    let explain = explain.live(receiver.clone(), report.clone());
    let caches = Caches::new(observer.metrics.clone());
    let parts = control::Parts {
        entry_points: entries.names.clone(),
        internal: internal::handlers(
            &install,
            &observer,
            &report,
            &terminating,
            &caches,
            Some(explain),
        ),
        caches,
        observer: observer.clone(),
        snapshots,
        reports,
    };
    let mut control = control::Control::new(&install, parts)?;
    control.adapt_by(options.adapt.clone());
    control.apply_internal();
    if let Some(listening) = &options.listening {
        listening(&entries.addresses());
    }
    let threads = workers::start(entries, options.workers, &receiver, &phase)?;
    let reopening = tokio::task::spawn_local(observe::reopen_on_signal(observer.clone()));
    let providers = control.start_providers();
    tokio::select! {
        () = control.run(providers) => {}
        () = shutdown::wait(signals, farewell, &install, &terminating) => {}
    }
    shutdown::drain(&install, &phases, threads).await;
    reopening.abort();
    if let Some(log) = &observer.access_log {
        log.close();
    }
    tracing::info!("Sluice stopped");
    Ok(())
}

/// Handlers of internal services by name.
type Internal = BTreeMap<String, Arc<dyn crate::http::Handler>>;
