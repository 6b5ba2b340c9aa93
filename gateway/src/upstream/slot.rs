//! Numbers by which each worker finds a target's idle connections.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Indices of dropped targets, to be given out again, so that reloads do not make the tables grow.
static FREE: Mutex<(Vec<usize>, usize)> = Mutex::new((Vec::new(), 0));
static GENERATION: AtomicU64 = AtomicU64::new(1);

/// A place in every worker's table. The generation tells a new owner of an index from the one before,
/// whose connections lead somewhere else.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) index: usize,
    pub(super) generation: u64,
}

impl Slot {
    pub(super) fn new() -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let index = free.0.pop().unwrap_or_else(|| {
            free.1 += 1;
            free.1 - 1
        });
        Self {
            index,
            generation: GENERATION.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        free.0.push(self.index);
    }
}
