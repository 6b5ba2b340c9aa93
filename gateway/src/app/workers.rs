//! Worker threads: each has its own runtime, its own sockets, its own connections to servers.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::LocalOptions;
use tokio::sync::watch;

use super::entry::Entries;
use crate::entrypoint::{EntryPoint, Worker, accept};
use crate::observe::become_worker;
use crate::runtime::Snapshot;

/// How often a draining worker looks whether its last connection ended.
const LOOK: Duration = Duration::from_millis(20);

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Accept and serve.
    Serve,
    /// Accept nothing more, finish what is under way.
    Drain,
    /// End now.
    Stop,
}

/// Starts `count` workers.
pub(super) fn start(
    entries: Entries,
    count: usize,
    snapshots: &watch::Receiver<Arc<Snapshot>>,
    phase: &watch::Receiver<Phase>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::with_capacity(count);
    for (number, listeners) in entries.listeners.into_iter().enumerate() {
        let (settings, snapshots, phase) =
            (entries.settings.clone(), snapshots.clone(), phase.clone());
        let runtime = move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build_local(LocalOptions::default())
        };
        let thread = std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || {
                become_worker(number);
                match runtime() {
                    Ok(runtime) => runtime.block_on(work(settings, listeners, snapshots, phase)),
                    Err(error) => tracing::error!(%error, "cannot start a worker's runtime"),
                }
            })
            .context("cannot start a worker thread")?;
        threads.push(thread);
    }
    Ok(threads)
}

async fn work(
    settings: Vec<Arc<EntryPoint>>,
    listeners: Vec<TcpListener>,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    mut phase: watch::Receiver<Phase>,
) {
    let worker = Worker::new(Arc::clone(&snapshots.borrow_and_update()));
    let mut accepting = Vec::new();
    for (settings, listener) in settings.into_iter().zip(listeners) {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                let accept = accept(Rc::clone(&worker), settings, listener);
                accepting.push(tokio::task::spawn_local(accept));
            }
            Err(error) => {
                tracing::error!(%error, entry_point = %settings.name, "cannot watch a socket");
            }
        }
    }
    loop {
        tokio::select! {
            changed = snapshots.changed() => match changed {
                Ok(()) => worker.replace_snapshot(Arc::clone(&snapshots.borrow_and_update())),
                Err(_) => break,
            },
            changed = phase.changed() => if changed.is_err() || *phase.borrow_and_update() != Phase::Serve {
                break;
            },
        }
    }
    for accept in accepting {
        accept.abort();
    }
    worker.drain();
    while worker.open_connections() > 0 && *phase.borrow() != Phase::Stop {
        tokio::select! {
            _ = phase.changed() => {}
            () = tokio::time::sleep(LOOK) => worker.drain(),
        }
    }
}
