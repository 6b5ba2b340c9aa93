//! What all connections of one worker thread share.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use super::EntryPoint;
use crate::net::deadline;
use crate::observe::Own;
use crate::observe::metrics::Gauge;
use crate::runtime::Snapshot;

/// The snapshot as one worker's requests share it: cloning its `Rc` touches nothing that other cores write, as cloning
/// the `Arc` inside would.
pub struct Current(Arc<Snapshot>);

impl Deref for Current {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0
    }
}

/// One worker thread's state. Never leaves it.
pub struct Worker {
    snapshot: RefCell<Rc<Current>>,
    draining: Cell<bool>,
    open: Rc<Cell<usize>>,
}

impl Worker {
    /// A worker that routes by `snapshot`.
    pub fn new(snapshot: Arc<Snapshot>) -> Rc<Self> {
        Rc::new(Self {
            snapshot: RefCell::new(Rc::new(Current(snapshot))),
            draining: Cell::new(false),
            open: Rc::default(),
        })
    }

    /// What is in force now.
    pub fn snapshot(&self) -> Rc<Current> {
        Rc::clone(&self.snapshot.borrow())
    }

    /// Puts a new snapshot in force, from the next request on. Open tunnels are not touched.
    pub fn replace_snapshot(&self, snapshot: Arc<Snapshot>) {
        *self.snapshot.borrow_mut() = Rc::new(Current(snapshot));
    }

    /// Ends connections after their current request, and idle ones at once.
    pub fn drain(&self) {
        self.draining.set(true);
        deadline::hurry();
    }

    /// Whether connections are to end.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Connections and tunnels that live.
    pub fn open_connections(&self) -> usize {
        self.open.get()
    }

    /// Counts a connection or a tunnel until the guard is dropped.
    pub(super) fn open(&self, entry: &EntryPoint) -> Open {
        self.open.set(self.open.get() + 1);
        let gauge = entry.open.as_ref().map(|open| Arc::clone(open.mine()));
        if let Some(gauge) = &gauge {
            gauge.up();
        }
        Open {
            count: Rc::clone(&self.open),
            gauge,
        }
    }
}

/// Counts one connection while it lives.
pub(super) struct Open {
    count: Rc<Cell<usize>>,
    gauge: Option<Arc<Own<Gauge>>>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.count.set(self.count.get().saturating_sub(1));
        if let Some(gauge) = &self.gauge {
            gauge.down();
        }
    }
}
