//! What caches of answers count. No metrics of Traefik's.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What became of a request in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheResult {
    /// Answered by what was stored.
    Hit,
    /// Answered by what was stored, and is stale.
    Stale,
    /// The server said that what was stored is still right.
    Revalidated,
    /// The server answered.
    Miss,
    /// Another's request brought the answer.
    Collapsed,
    /// The cache had no part in it.
    Bypass,
}

impl CacheResult {
    const ALL: [Self; 6] = [
        Self::Hit,
        Self::Stale,
        Self::Revalidated,
        Self::Miss,
        Self::Collapsed,
        Self::Bypass,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Revalidated => "revalidated",
            Self::Miss => "miss",
            Self::Collapsed => "collapsed",
            Self::Bypass => "bypass",
        }
    }
}

/// The counters of one cache.
#[derive(Debug, Default)]
pub struct CacheCounters {
    results: [AtomicU64; 6],
    /// Answers that made room for others.
    pub evicted: AtomicU64,
    /// Bytes of all records.
    pub bytes: AtomicU64,
    /// Records: answers, what they vary by, and addresses whose answers are not stored.
    pub records: AtomicU64,
}

impl CacheCounters {
    /// Counts a request.
    pub fn count(&self, result: CacheResult) {
        if let Some(counter) = self.results.get(result as usize) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Requests so far, by what became of them.
    pub fn results(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.results.iter().map(|count| count.load(Relaxed));
        CacheResult::ALL
            .into_iter()
            .map(CacheResult::label)
            .zip(counts)
    }
}
