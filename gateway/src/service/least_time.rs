//! Least time: the server that is likely to answer first, going by its latest answers and by what it has to do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Wrr;
use super::in_flight::Count;

/// Answers that count.
const SAMPLES: usize = 100;

/// See the module.
#[derive(Debug)]
pub struct LeastTime {
    servers: Box<[Server]>,
    /// Chooses among those that are equally fast.
    equals: Wrr,
}

#[derive(Debug)]
struct Server {
    /// Not positive never gets anything.
    weight: f64,
    count: Count,
    latest: Mutex<Latest>,
    /// Bits of their mean in milliseconds; 0 before the first.
    mean: AtomicU64,
}

#[derive(Debug)]
struct Latest {
    milliseconds: [u64; SAMPLES],
    next: usize,
    len: usize,
    sum: u64,
}

impl LeastTime {
    /// Chooses among servers with these weights.
    pub fn new(weights: impl Iterator<Item = i64> + Clone) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "weights are small; only their ratio matters"
        )]
        let server = |weight: i64| Server {
            weight: weight as f64,
            count: Count::default(),
            latest: Mutex::new(Latest {
                milliseconds: [0; SAMPLES],
                next: 0,
                len: 0,
                sum: 0,
            }),
            mean: AtomicU64::new(0),
        };
        Self {
            servers: weights.clone().map(server).collect(),
            equals: Wrr::new(weights),
        }
    }

    /// The next of those that are `up`.
    pub(super) fn next(&self, up: impl Fn(usize) -> bool) -> Option<usize> {
        let scores = self.servers.iter().enumerate();
        let least = scores
            .filter(|(index, server)| server.weight > 0.0 && up(*index))
            .map(|(_, server)| server.score())
            .min_by(f64::total_cmp)?;
        let fast = |index: usize| {
            let server = self.servers.get(index);
            server.is_some_and(|server| server.score() <= least)
        };
        // Another worker may have changed the scores since.
        let next = self.equals.next(|index| up(index) && fast(index));
        next.or_else(|| self.equals.next(up))
    }

    pub(super) fn count(&self, index: usize) -> Option<&Count> {
        Some(&self.servers.get(index)?.count)
    }

    /// A server's answer began so long after its request.
    pub(super) fn answered(&self, index: usize, after: Duration) {
        let Some(server) = self.servers.get(index) else {
            return;
        };
        let mut latest = server.latest.lock().unwrap_or_else(PoisonError::into_inner);
        // Whole milliseconds, as in Traefik: what differs by less is equally fast.
        let mean = latest.add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        server.mean.store(mean.to_bits(), Ordering::Relaxed);
    }
}

impl Server {
    #[expect(clippy::cast_precision_loss, reason = "a score is an estimate")]
    fn score(&self) -> f64 {
        let mean = f64::from_bits(self.mean.load(Ordering::Relaxed));
        mean * (1.0 + self.count.get() as f64) / self.weight
    }
}

impl Latest {
    /// The mean with one more.
    #[expect(clippy::cast_precision_loss, reason = "a mean is an estimate")]
    fn add(&mut self, milliseconds: u64) -> f64 {
        // Nothing takes a year; and a sum of so few cannot overflow then.
        let milliseconds = milliseconds.min(1 << 35);
        if let Some(place) = self.milliseconds.get_mut(self.next) {
            self.sum -= *place;
            self.sum += milliseconds;
            *place = milliseconds;
        }
        self.next = (self.next + 1) % SAMPLES;
        self.len = (self.len + 1).min(SAMPLES);
        self.sum as f64 / self.len as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(least: &LeastTime, requests: u32) -> [u32; 3] {
        let mut counts = [0; 3];
        for _ in 0..requests {
            if let Some(count) = least.next(|_| true).and_then(|index| counts.get_mut(index)) {
                *count += 1;
            }
        }
        counts
    }

    #[test]
    fn equals_share_by_weight_and_the_fast_are_preferred() {
        let least = LeastTime::new([2, 1, 0].into_iter());
        assert_eq!(counts(&least, 6), [4, 2, 0]);
        least.answered(0, Duration::from_millis(40));
        least.answered(1, Duration::from_millis(10));
        assert_eq!(counts(&least, 5), [0, 5, 0]);
        // 10 ms × 3 requests is more than 40 ms ÷ weight 2.
        let _busy: Vec<_> = (0..2)
            .filter_map(|_| Some(least.count(1)?.begin()))
            .collect();
        assert_eq!(counts(&least, 5), [5, 0, 0]);
        assert_eq!(least.next(|index| index == 1), Some(1));
        assert_eq!(least.next(|index| index == 2), None, "weight 0");
    }

    #[test]
    fn only_the_latest_answers_count() {
        let least = LeastTime::new([1, 1].into_iter());
        least.answered(1, Duration::from_millis(5));
        least.answered(0, Duration::from_secs(1000));
        for _ in 0..SAMPLES {
            least.answered(0, Duration::from_millis(4));
        }
        assert_eq!(least.next(|_| true), Some(0));
    }
}
