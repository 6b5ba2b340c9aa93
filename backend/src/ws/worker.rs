//! What the thread of one shard has for its sessions: a buffer to read into, and tallies for metrics.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use super::server::Server;
use super::wire;
use crate::hub::{self, Local, Message};
use crate::observe::metrics::LocalHistogram;
use crate::state::Snapshot;

/// The hub of the stream manager.
pub type Hub = hub::Hub<Arc<Snapshot>, Worker>;
pub(super) type Shard = hub::Shard<Arc<Snapshot>, Worker>;

/// Read at once from one socket.
const READ: usize = 64 * 1024;

/// See the head of this file.
pub struct Worker {
    pub(super) server: Arc<Server>,
    /// Lent to whichever session is reading.
    pub(super) buffer: RefCell<Vec<u8>>,
    tally: RefCell<Tally>,
}

/// Messages sent that metrics don't know of yet: one delivery must not cost an atomic on a line that all threads share.
struct Tally {
    kind: &'static str,
    count: u64,
    bytes: u64,
    latency: LocalHistogram,
}

impl Worker {
    pub fn new(server: Arc<Server>) -> Self {
        let tally = Tally {
            kind: "",
            count: 0,
            bytes: 0,
            latency: server.metrics.ws.latency.broadcast.local(),
        };
        Self {
            server,
            buffer: RefCell::new(vec![0; READ]),
            tally: RefCell::new(tally),
        }
    }

    /// A message has been handed to a socket.
    pub(super) fn sent(&self, message: &Message) {
        let mut tally = self.tally.borrow_mut();
        if tally.kind != message.kind() {
            self.put_in(&mut tally);
            tally.kind = message.kind();
        }
        tally.count += 1;
        tally.bytes += message.bytes().len() as u64;
    }

    /// A message published at `at` has just been offered to a socket.
    pub(super) fn published(&self, at: Instant) {
        let latency = at.elapsed().as_secs_f64();
        self.tally.borrow_mut().latency.observe(latency);
    }

    fn put_in(&self, tally: &mut Tally) {
        if tally.count > 0 {
            let metrics = &self.server.metrics.ws;
            let sent = metrics.sent.with_label_values(&[tally.kind]);
            sent.inc_by(tally.count);
            metrics
                .bytes_sent
                .with_label_values(&[wire::channel_of(tally.kind)])
                .inc_by(tally.bytes);
            tally.count = 0;
            tally.bytes = 0;
        }
    }
}

impl Local for Worker {
    fn settled(&self) {
        let mut tally = self.tally.borrow_mut();
        self.put_in(&mut tally);
        tally.latency.flush();
    }
}
