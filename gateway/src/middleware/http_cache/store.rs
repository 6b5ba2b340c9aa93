//! Where answers are kept, within a number of bytes, and who is fetching which.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::http::{HeaderMap, HeaderName};
use quick_cache::sync::Cache;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};
use tokio::sync::watch;

use super::entry::Entry;
use super::fill::Budget;
use super::key::{self, Key};
use crate::observe::metrics::CacheCounters;

/// Of the memory, what bodies may take that are on their way.
const FILLING: u64 = 4;
/// A shard must hold several of the longest bodies.
const BODIES_A_SHARD: u64 = 8;
/// Bytes that a record takes beside what it holds.
const RECORD: u64 = 128;
/// For so long requests are not held back for an answer that was of no use to others.
const PASS: Duration = Duration::from_secs(60);

/// See the module.
pub(super) struct Store {
    kept: Cache<Key, Kept, Weigh, RandomState, Evicted>,
    flights: Mutex<HashMap<Key, Arc<Flight>>>,
    generation: AtomicU64,
    pub(super) limit: u64,
    pub(super) budget: Arc<Budget>,
    pub(super) counters: Arc<CacheCounters>,
}

/// What is known of a key.
#[derive(Clone)]
enum Kept {
    Entry(Arc<Entry>),
    /// Answers vary by these fields: each has a key of its own.
    Varies(Arc<Variants>),
    /// Answers are not to be stored, it seems: until then nobody waits for another's.
    Pass(Instant),
}

#[derive(Debug, PartialEq, Eq)]
struct Variants {
    names: Vec<HeaderName>,
    generation: u64,
}

/// What there is for a request.
pub(super) enum Found {
    /// This.
    Entry(Arc<Entry>, Key),
    /// Nothing. `varies`: for other fields there may be.
    Nothing { key: Key, varies: bool },
    /// Nothing, and its answer will hardly be stored.
    Pass,
}

/// A request to the server whose answer may serve others.
pub(super) struct Flight {
    primary: Key,
    stage: watch::Sender<Stage>,
    /// Its answer is older than a change that is known.
    doomed: AtomicBool,
}

/// How far it is.
#[derive(Clone)]
pub(super) enum Stage {
    Asking,
    /// Whoever sends the same fields may have this.
    Coming(Arc<Entry>, Arc<[HeaderName]>, Key),
    Over,
}

/// Who asks the server for a key, until it is dropped.
pub(super) struct Lead {
    store: Arc<Store>,
    key: Key,
    flight: Arc<Flight>,
}

/// The part of one who needs an answer.
pub(super) enum Joined {
    Lead(Lead),
    Follow(watch::Receiver<Stage>),
}

#[derive(Clone)]
struct Weigh;

impl Weighter<Key, Kept> for Weigh {
    fn weight(&self, key: &Key, kept: &Kept) -> u64 {
        let held = match kept {
            Kept::Entry(entry) => entry.size(),
            Kept::Varies(variants) => 32 * variants.names.len() as u64,
            Kept::Pass(_) => 0,
        };
        key.len() as u64 + held + RECORD
    }
}

/// Counts what made room for others.
#[derive(Clone)]
struct Evicted(Arc<CacheCounters>);

impl Lifecycle<Key, Kept> for Evicted {
    /// They go when no lock is held any more.
    type RequestState = Vec<Kept>;

    fn on_evict(&self, gone: &mut Self::RequestState, _: Key, kept: Kept) {
        if matches!(kept, Kept::Entry(_)) {
            self.0.evicted.fetch_add(1, Ordering::Relaxed);
        }
        gone.push(kept);
    }
}

impl Store {
    /// Keeps at most `limit` bytes, bodies of up to `longest`.
    pub(super) fn new(
        limit: u64,
        longest: u64,
        counters: Arc<CacheCounters>,
    ) -> Result<Self, String> {
        let capacity = limit - limit / FILLING;
        let shards = (capacity / longest.saturating_mul(BODIES_A_SHARD).max(1)).clamp(1, 64);
        let options = OptionsBuilder::new()
            .weight_capacity(capacity)
            .estimated_items_capacity(usize::try_from(capacity / 16_384).unwrap_or(0).max(64))
            .shards(usize::try_from(shards).unwrap_or(1))
            .build()
            .map_err(|error| format!("store.memory.limit: {error}"))?;
        let evicted = Evicted(Arc::clone(&counters));
        Ok(Self {
            // Keys are what clients write: the hasher is seeded.
            kept: Cache::with_options(options, Weigh, RandomState::new(), evicted),
            flights: Mutex::default(),
            generation: AtomicU64::new(0),
            limit,
            budget: Budget::new(limit / FILLING),
            counters,
        })
    }

    /// What there is for a request with these fields.
    pub(super) fn find(&self, primary: &Key, headers: &HeaderMap) -> Found {
        let nothing = |key: Key, varies| Found::Nothing { key, varies };
        match self.kept.get(&**primary) {
            None => nothing(Arc::clone(primary), false),
            Some(Kept::Pass(until)) if Instant::now() < until => Found::Pass,
            Some(Kept::Pass(_)) => nothing(Arc::clone(primary), false),
            Some(Kept::Entry(entry)) => Found::Entry(entry, Arc::clone(primary)),
            Some(Kept::Varies(variants)) => {
                let key = key::variant(primary, variants.generation, &variants.names, headers);
                match self.kept.get(&*key) {
                    Some(Kept::Entry(entry)) => Found::Entry(entry, key),
                    _ => nothing(key, true),
                }
            }
        }
    }

    /// Asks the server for `key`, or waits for another who does.
    pub(super) fn join(self: &Arc<Self>, primary: &Key, key: &Key) -> Joined {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(&**key) {
            return Joined::Follow(flight.stage.subscribe());
        }
        let flight = Arc::new(Flight {
            primary: Arc::clone(primary),
            stage: watch::Sender::new(Stage::Asking),
            doomed: AtomicBool::new(false),
        });
        flights.insert(Arc::clone(key), Arc::clone(&flight));
        Joined::Lead(Lead {
            store: Arc::clone(self),
            key: Arc::clone(key),
            flight,
        })
    }

    /// Remembers that answers to it are not stored.
    pub(super) fn pass(&self, primary: &Key) {
        let until = Instant::now() + PASS;
        self.kept.insert(Arc::clone(primary), Kept::Pass(until));
        self.measure();
    }

    /// Forgets what is known of an address, whatever it varies by: it has changed.
    pub(super) fn invalidate(&self, primary: &Key) {
        self.kept.remove(&**primary);
        self.doom(|flight| *flight == *primary);
        self.measure();
    }

    /// Forgets what is stored for the addresses that `wanted` says, by host and target. Returns how many answers that were.
    pub(super) fn purge(&self, wanted: impl Fn(&[u8], &[u8]) -> bool) -> u64 {
        let wanted =
            |key: &Key| key::address(key).is_some_and(|(host, target)| wanted(host, target));
        let purged = AtomicU64::new(0);
        // First: what comes from a server now may be old already.
        self.doom(wanted);
        self.kept.retain(|key, kept| {
            let goes = wanted(key);
            if goes && matches!(kept, Kept::Entry(_)) {
                purged.fetch_add(1, Ordering::Relaxed);
            }
            !goes
        });
        self.measure();
        purged.into_inner()
    }

    /// Answers stored, and bytes that all records take.
    pub(super) fn size(&self) -> (u64, u64) {
        let entries = self
            .kept
            .iter()
            .filter(|(_, kept)| matches!(kept, Kept::Entry(_)));
        (entries.count() as u64, self.kept.weight())
    }

    fn doom(&self, wanted: impl Fn(&Key) -> bool) {
        self.flights().retain(|_, flight| {
            let goes = wanted(&flight.primary);
            if goes {
                flight.doomed.store(true, Ordering::Release);
            }
            !goes
        });
    }

    fn keep(&self, primary: &Key, names: &[HeaderName], asked: &HeaderMap, entry: Arc<Entry>) {
        if names.is_empty() {
            self.kept.insert(Arc::clone(primary), Kept::Entry(entry));
        } else {
            let variants = self.variants(primary, names);
            let key = key::variant(primary, variants.generation, names, asked);
            self.kept
                .insert(Arc::clone(primary), Kept::Varies(variants));
            self.kept.insert(key, Kept::Entry(entry));
        }
        self.measure();
    }

    /// That which is known already, or a new one.
    fn variants(&self, primary: &Key, names: &[HeaderName]) -> Arc<Variants> {
        match self.kept.peek(&**primary) {
            Some(Kept::Varies(known)) if known.names == names => known,
            _ => Arc::new(Variants {
                names: names.to_vec(),
                generation: self.generation.fetch_add(1, Ordering::Relaxed),
            }),
        }
    }

    fn measure(&self) {
        self.counters
            .bytes
            .store(self.kept.weight(), Ordering::Relaxed);
        let records = self.kept.len() as u64;
        self.counters.records.store(records, Ordering::Relaxed);
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Key, Arc<Flight>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// Lets others have `entry` while it comes, if they send the fields that it varies by.
    pub(super) fn announce(&self, entry: &Arc<Entry>, asked: &HeaderMap) {
        let names = key::varies_by(&entry.headers);
        let key = key::variant(&self.flight.primary, 0, &names, asked);
        let coming = Stage::Coming(Arc::clone(entry), names.into(), key);
        self.flight.stage.send_replace(coming);
    }

    /// Stores `entry`, unless it is older than a change that is known. Says whether it did.
    pub(super) fn keep(&self, entry: Arc<Entry>, asked: &HeaderMap) -> bool {
        if self.flight.doomed.load(Ordering::Acquire) {
            return false;
        }
        let names = key::varies_by(&entry.headers);
        self.store.keep(&self.flight.primary, &names, asked, entry);
        // A change may have become known in between.
        if self.flight.doomed.load(Ordering::Acquire) {
            self.store.kept.remove(&*self.flight.primary);
            return false;
        }
        true
    }

    /// What was stored is no answer any more.
    pub(super) fn forget(&self) {
        self.store.kept.remove(&*self.key);
        self.store.measure();
    }

    /// The answer is of no use to others.
    pub(super) fn pass(&self) {
        self.store.pass(&self.flight.primary);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let mut flights = self.store.flights();
        if flights
            .get(&*self.key)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            flights.remove(&*self.key);
        }
        drop(flights);
        self.flight.stage.send_replace(Stage::Over);
    }
}

impl Stage {
    /// The entry, for a request to `primary` with these fields.
    pub(super) fn entry(&self, primary: &Key, headers: &HeaderMap) -> Option<Arc<Entry>> {
        match self {
            Self::Coming(entry, names, key) => {
                (key::variant(primary, 0, names, headers) == *key).then(|| Arc::clone(entry))
            }
            Self::Asking | Self::Over => None,
        }
    }
}
