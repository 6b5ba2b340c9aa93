//! What a shard has been handed and not yet dealt with. The one place where threads meet.

use std::mem;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Lane, Publication, Shard};

/// Publications that may wait before those of latest-wins lanes are merged. Reached only when a shard gets less of the
/// processor than the publisher.
const MERGE_FROM: usize = 1024;

/// One thing for a shard to do.
pub(super) enum Work<S, L> {
    /// The newest state, for snapshots of clients to come.
    Retain(S),
    Publish(Publication),
    /// To be run on the shard's thread.
    Run(Job<S, L>),
    Stop,
}

/// Something to run on a shard's thread.
pub(super) type Job<S, L> = Box<dyn FnOnce(&Rc<Shard<S, L>>) + Send>;

/// See the head of this file.
pub(super) struct Inbox<S, L> {
    work: Mutex<Vec<Work<S, L>>>,
    notify: Notify,
    closed: AtomicBool,
}

impl<S, L> Inbox<S, L> {
    pub(super) fn new() -> Self {
        Self {
            work: Mutex::new(Vec::new()),
            notify: Notify::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// Adds work. Takes no longer than appending to a list.
    pub(super) fn push(&self, new: impl IntoIterator<Item = Work<S, L>>) {
        let mut work = self.lock();
        if self.closed.load(Relaxed) {
            return;
        }
        let was_empty = work.is_empty();
        for item in new {
            if work.len() >= MERGE_FROM {
                push_merged(&mut work, item);
            } else {
                work.push(item);
            }
        }
        drop(work);
        if was_empty {
            self.notify.notify_one();
        }
    }

    /// Waits for work and takes all there is. `into` is emptied first; its room is used again.
    pub(super) async fn take(&self, into: &mut Vec<Work<S, L>>) {
        into.clear();
        loop {
            mem::swap(&mut *self.lock(), into);
            if !into.is_empty() {
                return;
            }
            self.notify.notified().await;
        }
    }

    /// Nobody will take anything any more: what is there, sockets among it, is dropped, and so is what comes later.
    pub(super) fn close(&self) {
        let mut work = self.lock();
        self.closed.store(true, Relaxed);
        let rest = mem::take(&mut *work);
        // Dropping a job may drop the hub, which must not find the lock taken.
        drop(work);
        drop(rest);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Work<S, L>>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds to a list that is too long already: what a newer message makes needless goes.
fn push_merged<S, L>(work: &mut Vec<Work<S, L>>, item: Work<S, L>) {
    match item {
        Work::Retain(state) => {
            // Nothing that reads the retained state may lie between the old one and the new one.
            match work.last_mut() {
                Some(Work::Retain(old)) => *old = state,
                _ => work.push(Work::Retain(state)),
            }
        }
        Work::Publish(mut publication) if is_slot(publication.lane) => {
            let same = |old: &Work<S, L>| matches!(old, Work::Publish(old) if old.lane == publication.lane && old.audience == publication.audience);
            let since_run = work
                .iter()
                .rposition(|old| matches!(old, Work::Run(_)))
                .map_or(0, |position| position + 1);
            let found = work.iter().rposition(same).filter(|at| *at >= since_run);
            if let Some(at) = found
                && let Work::Publish(old) = work.remove(at)
            {
                publication.message = publication.message.with_changes(old.message.changes());
            }
            work.push(Work::Publish(publication));
        }
        other => work.push(other),
    }
}

const fn is_slot(lane: Lane) -> bool {
    matches!(
        lane,
        Lane::State
            | Lane::Config
            | Lane::PreviewState
            | Lane::StreamError
            | Lane::Metrics
            | Lane::Performance
            | Lane::Frame
    )
}
