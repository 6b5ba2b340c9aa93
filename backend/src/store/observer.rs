//! Who wants to know how long things took. The names of metrics are the business of whoever listens.

use std::time::Duration;

use crate::state::Kind;

/// Told of what happens to state. Called on the writer's task, so it must not block.
pub trait Observer: Send + Sync {
    /// A change was committed.
    fn state_updated(&self, kind: Kind) {
        let _ = kind;
    }

    /// A snapshot was stored, in this time.
    fn persisted(&self, took: Duration) {
        let _ = took;
    }

    /// One Redis operation ended, well or not: `load`, `write`, `position`, `subscribe`.
    fn redis_operation(&self, operation: &'static str, took: Duration) {
        let _ = (operation, took);
    }
}

/// Nobody wants to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}
