//! Hearing of other instances' changes (specification, section 4.4).
//!
//! Counters come with the message. Everything else is loaded from the store, whole: a message may be lost or late, and
//! the store is not. A look at the store's version every few seconds finds what no message told of.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use super::writer::{Held, Writer};
use crate::state::StreamState;
use crate::store::{Backend, Position, Update};

/// Messages that may wait for the writer; a publisher's burst beyond it waits in the connection.
const QUEUE: usize = 256;

impl<B: Backend> Writer<B> {
    /// Subscribes, for as long as the receiver lives.
    pub(super) fn watch(&self) -> mpsc::Receiver<Update> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            let closed = sender.clone();
            tokio::select! {
                () = store.watch(sender) => {}
                () = closed.closed() => {}
            }
        });
        receiver
    }

    /// Another instance has written.
    pub(super) fn told(&mut self, update: Update) {
        let here = Position::from(&*self.current);
        if let Some(counters) = update.counters
            && update.position == here
        {
            if update.at_ms >= self.counters_at_ms {
                self.counters_at_ms = update.at_ms;
                self.count_elsewhere(&counters);
            }
            return;
        }
        let newer = update.position.epoch != here.epoch || update.position.version > here.version;
        if newer {
            self.heard = Some(update.position);
        }
        if newer && self.held != Held::Unknown {
            self.held = Held::Unknown;
            self.retry_at = Some(Instant::now());
        }
    }

    /// Shows counters that another instance has stored already.
    fn count_elsewhere(&mut self, counters: &StreamState) {
        let mut next = StreamState::clone(&self.current.stream);
        next.fps = counters.fps;
        next.frame_count = counters.frame_count;
        next.dropped_frames = counters.dropped_frames;
        next.average_render_time = counters.average_render_time;
        let changes = self.current.stream.changes(&next);
        if !changes.is_empty() {
            self.show_counters(next, changes);
        }
    }
}
