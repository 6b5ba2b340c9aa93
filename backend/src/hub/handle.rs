//! The hub as the rest of the program sees it: publish, hand over a client, count, say good-bye.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::inbox::{Inbox, Work};
use super::{Channel, Farewell, Local, Publication, Shard};

/// All shards. `S` is the state that snapshots are made of, cheap to clone; `L` is what a shard's thread has for its
/// clients.
pub struct Hub<S, L> {
    shards: Box<[Arc<Station<S, L>>]>,
    leaving: AtomicBool,
}

struct Station<S, L> {
    inbox: Inbox<S, L>,
    counts: Arc<Counts>,
}

/// What a shard tells other threads about itself.
#[derive(Debug, Default)]
pub(super) struct Counts {
    clients: AtomicUsize,
    channels: [AtomicI64; Channel::ALL.len()],
    messages: AtomicUsize,
    bytes: AtomicUsize,
    most_messages: AtomicUsize,
    most_bytes: AtomicUsize,
    entered: AtomicU64,
}

/// Sums over the shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Connected clients.
    pub clients: usize,
    /// Subscribers, by [`Channel`].
    pub channels: [i64; Channel::ALL.len()],
    /// Messages and bytes that wait for clients, as of the last sweep.
    pub messages: usize,
    pub bytes: usize,
    /// The most that ever waited.
    pub most_messages: usize,
    pub most_bytes: usize,
}

impl<S: Clone + Send + 'static, L: Local + 'static> Hub<S, L> {
    /// A hub of at least one shard. Each has to be run, by [`Self::run`], on a thread of its own.
    pub fn new(shards: usize) -> Arc<Self> {
        let station = |_| {
            Arc::new(Station {
                inbox: Inbox::new(),
                counts: Arc::default(),
            })
        };
        Arc::new(Self {
            shards: (0..shards.max(1)).map(station).collect(),
            leaving: AtomicBool::new(false),
        })
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Runs one shard on this thread, inside a local runtime, until [`Self::stop`].
    pub async fn run(&self, shard: usize, local: L, retained: S, sweep: Duration) {
        if let Some(station) = self.shards.get(shard) {
            let local = Shard::new(local, retained, Arc::clone(&station.counts));
            local.run(&station.inbox, sweep).await;
        }
    }

    /// Publishes messages that tell of a new state. Order is kept, nothing is waited for.
    pub fn commit(&self, retained: &S, publications: &[Publication]) {
        for station in &self.shards {
            let retain = std::iter::once(Work::Retain(retained.clone()));
            let publish = publications.iter().cloned().map(Work::Publish);
            station.inbox.push(retain.chain(publish));
        }
    }

    /// Publishes one message.
    pub fn publish(&self, publication: &Publication) {
        for station in &self.shards {
            station
                .inbox
                .push(std::iter::once(Work::Publish(publication.clone())));
        }
    }

    /// Hands a client to the shard that has fewest. `settle` runs there, after all that was published before.
    /// The client counts until the guard that `settle` gets is dropped.
    pub fn enter(&self, settle: impl FnOnce(&Rc<Shard<S, L>>, Presence) + Send + 'static) {
        let load = |station: &&Arc<Station<S, L>>| {
            (
                station.counts.clients.load(Relaxed),
                station.counts.entered.load(Relaxed),
            )
        };
        if let Some(station) = self.shards.iter().min_by_key(load) {
            let presence = Presence::new(&station.counts);
            let job = Box::new(move |shard: &Rc<Shard<S, L>>| settle(shard, presence));
            station.inbox.push(std::iter::once(Work::Run(job)));
        }
    }

    /// Sends everyone away, many in waves over this time; clients that come later are sent away too.
    pub fn leave(&self, farewell: &Farewell, over: Duration) {
        self.leaving.store(true, Relaxed);
        for station in &self.shards {
            let farewell = farewell.clone();
            let job = Box::new(move |shard: &Rc<Shard<S, L>>| shard.leave(farewell, over));
            station.inbox.push(std::iter::once(Work::Run(job)));
        }
    }

    /// Whether [`Self::leave`] was called: nobody may enter.
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    /// Ends the loops of all shards.
    pub fn stop(&self) {
        for station in &self.shards {
            station.inbox.push(std::iter::once(Work::Stop));
        }
    }

    /// Who is here and what waits.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for station in &self.shards {
            let counts = &station.counts;
            totals.clients += counts.clients.load(Relaxed);
            for (total, count) in totals.channels.iter_mut().zip(&counts.channels) {
                *total += count.load(Relaxed);
            }
            totals.messages += counts.messages.load(Relaxed);
            totals.bytes += counts.bytes.load(Relaxed);
            totals.most_messages += counts.most_messages.load(Relaxed);
            totals.most_bytes += counts.most_bytes.load(Relaxed);
        }
        totals
    }
}

impl Counts {
    pub(super) fn subscribed(&self, channel: Channel, by: i64) {
        if let Some(count) = self.channels.get(channel as usize) {
            count.fetch_add(by, Relaxed);
        }
    }

    pub(super) fn waiting(&self, messages: usize, bytes: usize) {
        self.messages.store(messages, Relaxed);
        self.bytes.store(bytes, Relaxed);
        self.most_messages.fetch_max(messages, Relaxed);
        self.most_bytes.fetch_max(bytes, Relaxed);
    }
}

/// A client counts while this lives.
#[derive(Debug)]
pub struct Presence(Arc<Counts>);

impl Presence {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.clients.fetch_add(1, Relaxed);
        counts.entered.fetch_add(1, Relaxed);
        Self(Arc::clone(counts))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Relaxed);
    }
}
