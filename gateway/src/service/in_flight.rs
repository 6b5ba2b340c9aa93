//! Requests that a server has and has not answered to the last byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many of one server.
#[derive(Debug, Clone, Default)]
pub(super) struct Count(Arc<AtomicUsize>);

/// One of them. Dropping it ends it, whatever became of the request.
#[derive(Debug)]
pub(super) struct InFlight(Count);

impl Count {
    /// One more.
    pub(super) fn begin(&self) -> InFlight {
        self.0.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
