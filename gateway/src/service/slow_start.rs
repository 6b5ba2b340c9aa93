//! Slow start: a server that has just come, or come back, gets its share little by little (an addition to Traefik's options).
//!
//! Caches and compilers need traffic to warm up; all of it at once makes the first requests slow, and may push the server
//! over again. The strategy chooses as ever; a server that is still warming passes some of its turns on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::random;
use crate::net::deadline::coarse_now;

/// The share a server begins with.
const FIRST: f64 = 0.05;
/// It is down.
const DOWN: u64 = u64::MAX;
/// It has its whole share.
const WARM: u64 = 0;

/// The servers of one load balancer.
#[derive(Debug)]
pub struct SlowStart {
    period: Duration,
    begun: Instant,
    /// Milliseconds after `begun`, plus one, at which each began to warm; or one of the constants.
    since: Box<[AtomicU64]>,
}

impl SlowStart {
    /// `new` says of each server whether it joins others that serve already.
    pub fn new(period: Duration, new: impl Iterator<Item = bool>) -> Self {
        let since = new.map(|new| AtomicU64::new(if new { 1 } else { WARM }));
        Self {
            period,
            begun: Instant::now(),
            since: since.collect(),
        }
    }

    /// A server was seen up or down.
    pub(super) fn seen(&self, index: usize, up: bool) {
        let Some(since) = self.since.get(index) else {
            return;
        };
        match (up, since.load(Ordering::Relaxed)) {
            (false, _) => since.store(DOWN, Ordering::Relaxed),
            (true, DOWN) => since.store(self.now(), Ordering::Relaxed),
            (true, _) => {}
        }
    }

    /// Whether a server passes on this turn of its.
    pub(super) fn passes_on(&self, index: usize) -> bool {
        let Some(since) = self.since.get(index) else {
            return false;
        };
        let begun = since.load(Ordering::Relaxed);
        if begun == WARM || begun == DOWN {
            return false;
        }
        let warming = Duration::from_millis(self.now().saturating_sub(begun));
        let share = warming.as_secs_f64() / self.period.as_secs_f64();
        if share >= 1.0 {
            // Unless it went down meanwhile.
            let _ = since.compare_exchange(begun, WARM, Ordering::Relaxed, Ordering::Relaxed);
            return false;
        }
        random::fraction() > share.max(FIRST)
    }

    fn now(&self) -> u64 {
        let passed = coarse_now().saturating_duration_since(self.begun);
        u64::try_from(passed.as_millis()).map_or(DOWN - 1, |passed| passed + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of a thousand that a server keeps.
    fn kept(slow: &SlowStart, index: usize) -> usize {
        (0..1000).filter(|_| !slow.passes_on(index)).count()
    }

    #[test]
    fn the_new_begin_small_and_the_old_have_all() {
        let slow = SlowStart::new(Duration::from_secs(3600), [false, true].into_iter());
        assert_eq!(kept(&slow, 0), 1000);
        let few = kept(&slow, 1);
        assert!((10..150).contains(&few), "{few}");
    }

    #[test]
    fn who_comes_back_begins_again_and_warms_in_time() {
        let slow = SlowStart::new(Duration::from_millis(400), [false].into_iter());
        slow.seen(0, false);
        slow.seen(0, true);
        assert!(kept(&slow, 0) < 700);
        let start = Instant::now();
        while kept(&slow, 0) < 1000 {
            assert!(start.elapsed() < Duration::from_secs(20));
            std::thread::yield_now();
        }
        assert!(start.elapsed() > Duration::from_millis(200));
    }
}
