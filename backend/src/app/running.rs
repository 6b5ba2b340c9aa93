//! Starting, and the handle to what was started.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use tokio::sync::{oneshot, watch};

use super::control;
use crate::config::{Config, Problem};
use crate::store::StoreError;

/// Why it can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Auth(#[from] Problem),
    #[error("{variable}: can't listen on {address}: {source}")]
    Listen {
        /// The port's variable.
        variable: &'static str,
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("the store can't be used: {0}")]
    Store(#[from] StoreError),
    #[error("metrics can't be registered: {0}")]
    Metrics(#[from] crate::observe::metrics::Error),
    #[error("a thread or its runtime can't be started: {0}")]
    Thread(#[from] std::io::Error),
    #[error("the stream manager ended while it was starting")]
    Ended,
}

/// Where it listens, ports of 0 replaced by real ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// REST, and WebSocket as well.
    pub api: SocketAddr,
    pub ws: SocketAddr,
    pub metrics: SocketAddr,
    pub health: SocketAddr,
}

/// A running stream manager. Dropping it tells it to end, and does not wait.
#[derive(Debug)]
pub struct Running {
    addresses: Addresses,
    stop: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Starts it. Comes back when it listens and its state is loaded.
///
/// # Errors
/// A port is taken, or the configuration can't work. Nothing is left running then.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let (stop, stopped) = watch::channel(false);
    let (tell, ended) = watch::channel(false);
    let (ready, started) = oneshot::channel();
    let thread = thread::Builder::new()
        .name("stream-control".to_owned())
        .spawn(move || {
            control::run(config, ready, stopped);
            tell.send_replace(true);
        })?;
    let addresses = started.await.map_err(|_| StartError::Ended)??;
    Ok(Running {
        addresses,
        stop,
        ended,
        thread: Some(thread),
    })
}

impl Running {
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Ends it: ready becomes 503, nobody is let in, state is stored, clients are told and waited for, at most
    /// `SHUTDOWN_GRACE_MS`. Comes back when everything has ended.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // An error means that the thread is gone, which is what is waited for.
        let _ = self.ended.wait_for(|ended| *ended).await;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the stream manager's thread panicked");
        }
    }

    /// Waits until it ends by itself, which it does only if something is badly wrong.
    pub async fn ended(&mut self) {
        let _ = self.ended.wait_for(|ended| *ended).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
