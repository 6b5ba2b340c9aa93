//! SIGHUP: read the files again, as Traefik does.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::NAME;

/// Listens for it; without it where the system refuses.
pub(super) fn listen() -> Option<Signal> {
    let signal = signal(SignalKind::hangup());
    signal
        .inspect_err(|error| tracing::warn!(provider = NAME, "SIGHUP will not be noticed: {error}"))
        .ok()
}

/// Waits for the next one.
pub(super) async fn heard(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending::<()>().await;
}
