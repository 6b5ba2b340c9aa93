//! One copy of a thing for each worker, so that no two cores ever write to the same memory for a request.

use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    static WORKER: Cell<usize> = const { Cell::new(0) };
}

/// Makes this thread the worker `number`, counted from 0.
pub fn become_worker(number: usize) {
    WORKER.set(number);
}

/// The worker this thread is; 0 on threads that are none.
pub(super) fn current() -> usize {
    WORKER.get()
}

/// Keeps its neighbours off its cache lines: two at a time are fetched on x86.
#[derive(Debug)]
#[repr(align(128))]
pub struct Own<T>(T);

impl<T> std::ops::Deref for Own<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// See the module. Counting references to a copy is as cheap as it gets: only its worker does.
#[derive(Debug)]
pub struct PerWorker<T>(Box<[Arc<Own<T>>]>);

impl<T> PerWorker<T> {
    /// Makes the copies for `workers` threads (at least one), by number.
    pub fn new(workers: usize, make: impl FnMut(usize) -> T) -> Self {
        let mut make = make;
        Self(
            (0..workers.max(1))
                .map(|number| Arc::new(Own(make(number))))
                .collect(),
        )
    }

    /// This worker's copy.
    pub fn mine(&self) -> &Arc<Own<T>> {
        let number = current();
        // A number out of range belongs to no worker of this gateway: any copy will do.
        self.0.get(number).unwrap_or(&self.0[0])
    }

    /// The copy of a worker.
    pub fn of(&self, number: usize) -> &Arc<Own<T>> {
        self.0.get(number).unwrap_or(&self.0[0])
    }

    /// All copies.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Own<T>>> {
        self.0.iter()
    }
}

impl<T> Clone for PerWorker<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
