//! One worker's counters for one entry point, router or service.
//!
//! Only that worker writes them, with a plain load and a plain store; the page that gathers them reads them from another
//! thread, which is why they are atomics at all. A series is found by one index and a short list, and is never moved.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::kind::{Key, Kind};

/// Lists that series are spread over.
const LISTS: usize = 16;

/// A series with its labels from headers.
type Labelled = (Key, Box<[Box<str>]>);

/// What is counted of one request.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    pub kind: Kind,
    pub code: u16,
    pub duration: Duration,
    pub request_bytes: u64,
    pub response_bytes: u64,
    /// Version and cipher suite.
    pub tls: Option<(&'static str, &'static str)>,
    /// Values of the labels that are taken from headers.
    pub labels: &'a [Box<str>],
}

/// See the module.
#[derive(Debug)]
pub struct Shard {
    lists: [OnceLock<Box<Series>>; LISTS],
    tls: OnceLock<Box<TlsSeries>>,
    /// Upper bounds of the buckets but the last, in nanoseconds.
    bounds: Arc<[u64]>,
    /// Requests by labels from headers, where there are any; only its worker and the page lock it.
    labelled: Mutex<HashMap<Labelled, u64>>,
}

#[derive(Debug)]
struct Series {
    key: Key,
    requests: AtomicU64,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    nanos: AtomicU64,
    buckets: Box<[AtomicU64]>,
    next: OnceLock<Box<Series>>,
}

#[derive(Debug)]
struct TlsSeries {
    key: (&'static str, &'static str),
    requests: AtomicU64,
    next: OnceLock<Box<TlsSeries>>,
}

/// What all workers counted of one series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) requests: u64,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    pub(super) nanos: u64,
    /// Each bucket's own count; the last has no bound.
    pub(super) buckets: Vec<u64>,
}

/// All series of a scope.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) series: BTreeMap<Key, Total>,
    pub(super) tls: BTreeMap<(&'static str, &'static str), u64>,
    pub(super) labelled: BTreeMap<Labelled, u64>,
}

/// Adds where nobody else writes.
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(amount), Relaxed);
}

impl Shard {
    pub(super) fn new(bounds: &Arc<[u64]>) -> Self {
        Self {
            lists: std::array::from_fn(|_| OnceLock::new()),
            tls: OnceLock::new(),
            bounds: Arc::clone(bounds),
            labelled: Mutex::default(),
        }
    }

    /// Counts one request.
    pub fn record(&self, sample: &Sample<'_>) {
        let key = sample.kind.key(sample.code);
        let series = self.series(key);
        let nanos = u64::try_from(sample.duration.as_nanos()).unwrap_or(u64::MAX);
        add(&series.requests, 1);
        add(&series.request_bytes, sample.request_bytes);
        add(&series.response_bytes, sample.response_bytes);
        add(&series.nanos, nanos);
        let bucket = self
            .bounds
            .iter()
            .position(|&bound| nanos <= bound)
            .unwrap_or(self.bounds.len());
        if let Some(bucket) = series.buckets.get(bucket) {
            add(bucket, 1);
        }
        if let Some(key) = sample.tls {
            add(&self.tls_series(key).requests, 1);
        }
        if !sample.labels.is_empty() {
            let mut labelled = self.labelled.lock().unwrap_or_else(PoisonError::into_inner);
            *labelled.entry((key, sample.labels.into())).or_default() += 1;
        }
    }

    fn series(&self, key: Key) -> &Series {
        // Codes differ in their low digits, methods and protocols in a few bits.
        let spread = key.0 >> 8 ^ key.0 >> 4 ^ key.0 << 1;
        let mut slot = &self.lists[spread as usize % LISTS];
        loop {
            let series = slot.get_or_init(|| Box::new(Series::new(key, self.bounds.len() + 1)));
            if series.key == key {
                return series;
            }
            slot = &series.next;
        }
    }

    fn tls_series(&self, key: (&'static str, &'static str)) -> &TlsSeries {
        let mut slot = &self.tls;
        loop {
            let series = slot.get_or_init(|| {
                Box::new(TlsSeries {
                    key,
                    requests: AtomicU64::new(0),
                    next: OnceLock::new(),
                })
            });
            if series.key == key {
                return series;
            }
            slot = &series.next;
        }
    }

    /// Adds what is here to `totals`.
    pub(super) fn gather(&self, totals: &mut Totals) {
        for list in &self.lists {
            let mut slot = list.get();
            while let Some(series) = slot {
                series.gather(totals.series.entry(series.key).or_default());
                slot = series.next.get();
            }
        }
        let mut slot = self.tls.get();
        while let Some(series) = slot {
            *totals.tls.entry(series.key).or_default() += series.requests.load(Relaxed);
            slot = series.next.get();
        }
        let labelled = self.labelled.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, count) in labelled.iter() {
            *totals.labelled.entry(key.clone()).or_default() += count;
        }
    }
}

impl Series {
    fn new(key: Key, buckets: usize) -> Self {
        Self {
            key,
            requests: AtomicU64::new(0),
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            buckets: (0..buckets).map(|_| AtomicU64::new(0)).collect(),
            next: OnceLock::new(),
        }
    }

    fn gather(&self, total: &mut Total) {
        total.requests += self.requests.load(Relaxed);
        total.request_bytes += self.request_bytes.load(Relaxed);
        total.response_bytes += self.response_bytes.load(Relaxed);
        total.nanos = total.nanos.wrapping_add(self.nanos.load(Relaxed));
        total.buckets.resize(self.buckets.len(), 0);
        for (sum, bucket) in total.buckets.iter_mut().zip(&self.buckets) {
            *sum += bucket.load(Relaxed);
        }
    }
}

/// A gauge of one worker that only it moves.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// One more.
    pub fn up(&self) {
        add(&self.0, 1);
    }

    /// One less.
    pub fn down(&self) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(1), Relaxed);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
