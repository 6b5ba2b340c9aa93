//! What a circuit breaker knows of the last answers: ten seconds of statuses, a minute of latencies. Fixed size, whatever
//! comes.

use std::time::{Duration, Instant};

/// Seconds of statuses.
const SECONDS: u64 = 10;

/// Statuses that are told apart: 100 to 599. Others count among all, but are in no range below 1000.
const STATUSES: usize = 500;
const FIRST: u16 = 100;

/// Latencies are kept for this many turns of ten seconds.
const TURNS: usize = 6;
const TURN: Duration = Duration::from_secs(10);

/// Steps of the latency's scale: 64 for each power of two, so that a figure is off by 1.6 % at most.
const STEPS_BITS: u32 = 6;
const STEPS: usize = 1 << STEPS_BITS;
/// Up to an hour, in microseconds.
const LONGEST: u64 = 3_600_000_000;
const SCALE: usize = STEPS * (32 - STEPS_BITS as usize + 1);

#[derive(Debug)]
pub(super) struct Figures {
    start: Instant,
    /// Second of the latest answer, counted from `start`.
    second: u64,
    seconds: Box<[Second]>,
    /// Turn of the latest answer.
    turn: u64,
    latencies: Box<[[u32; SCALE]; TURNS]>,
}

#[derive(Debug, Clone, Default)]
struct Second {
    all: i64,
    network_errors: i64,
    /// Made with the first answer: most breakers see few.
    statuses: Vec<u32>,
}

impl Figures {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            start: now,
            second: 0,
            seconds: vec![Second::default(); SECONDS as usize].into(),
            turn: 0,
            latencies: Box::new([[0; SCALE]; TURNS]),
        }
    }

    /// Notes an answer. 502 and 504 stand for the network's errors.
    pub(super) fn add(&mut self, now: Instant, status: u16, latency: Duration) {
        let turn = self.roll(now) / TURN.as_secs();
        for passed in self.turn + 1..=turn.min(self.turn + TURNS as u64) {
            self.latencies[(passed % TURNS as u64) as usize] = [0; SCALE];
        }
        self.turn = turn;
        let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST);
        if let Some(count) = self.latencies[(turn % TURNS as u64) as usize].get_mut(step(micros)) {
            *count = count.saturating_add(1);
        }
        let second = &mut self.seconds[(self.second % SECONDS) as usize];
        second.all += 1;
        second.network_errors += i64::from(matches!(status, 502 | 504));
        if second.statuses.is_empty() {
            second.statuses = vec![0; STATUSES];
        }
        let at = usize::from(status.wrapping_sub(FIRST));
        if let Some(count) = second.statuses.get_mut(at) {
            *count = count.saturating_add(1);
        }
    }

    /// Empties the seconds that have passed; the current one, from the start.
    fn roll(&mut self, now: Instant) -> u64 {
        let second = now.saturating_duration_since(self.start).as_secs();
        let second = second.max(self.second);
        for passed in self.second + 1..=second.min(self.second + SECONDS) {
            let old = &mut self.seconds[(passed % SECONDS) as usize];
            (old.all, old.network_errors) = (0, 0);
            old.statuses.fill(0);
        }
        self.second = second;
        second
    }

    /// How many answers there were.
    pub(super) fn requests(&mut self, now: Instant) -> i64 {
        self.roll(now);
        self.seconds.iter().map(|second| second.all).sum()
    }

    /// The share of the network's errors.
    pub(super) fn network_errors(&mut self, now: Instant) -> f64 {
        let all = self.requests(now);
        let errors: i64 = self
            .seconds
            .iter()
            .map(|second| second.network_errors)
            .sum();
        ratio(errors, all)
    }

    /// Answers with a status in the first range (its end is not in it) for each one in the second.
    pub(super) fn statuses(&mut self, now: Instant, ranges: [i64; 4]) -> f64 {
        self.roll(now);
        let [from, to, of_from, of_to] = ranges;
        ratio(self.within(from, to), self.within(of_from, of_to))
    }

    fn within(&self, from: i64, to: i64) -> i64 {
        let place = |status: i64| {
            let place = (status - i64::from(FIRST)).clamp(0, STATUSES as i64);
            usize::try_from(place).unwrap_or_default()
        };
        let range = place(from)..place(to).max(place(from));
        self.seconds
            .iter()
            .filter_map(|second| second.statuses.get(range.clone()))
            .flatten()
            .map(|&count| i64::from(count))
            .sum()
    }

    /// Milliseconds that `quantile` per cent of the answers took at most.
    pub(super) fn latency(&self, quantile: f64) -> i64 {
        let counts = |at: usize| {
            let turns = self.latencies.iter();
            turns.map(|turn| u64::from(turn[at])).sum::<u64>()
        };
        let all: u64 = (0..SCALE).map(counts).sum();
        let wanted = (quantile.clamp(0.0, 100.0) / 100.0 * all as f64 + 0.5) as u64;
        let mut seen = 0;
        for at in 0..SCALE {
            seen += counts(at);
            if seen >= wanted.max(1) {
                return i64::try_from(end(at) / 1000).unwrap_or(i64::MAX);
            }
        }
        0
    }
}

/// Where a latency stands on the scale: even steps up to the first power of two, then as many in each.
fn step(micros: u64) -> usize {
    let micros = micros.min(LONGEST);
    let bits = (u64::BITS - micros.leading_zeros()).saturating_sub(STEPS_BITS + 1);
    let at = (micros >> bits) as usize + bits as usize * STEPS;
    // The first power of two has two times as many.
    at.min(SCALE - 1)
}

/// The longest latency of a step.
fn end(at: usize) -> u64 {
    let bits = (at / STEPS).saturating_sub(1);
    let steps = (at - bits * STEPS) as u64;
    ((steps + 1) << bits) - 1
}

fn ratio(part: i64, whole: i64) -> f64 {
    match whole {
        0 => 0.0,
        whole => part as f64 / whole as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_is_in_its_step() {
        for micros in (0..5000).chain([65_535, 65_536, 1_000_000, LONGEST - 1]) {
            let at = step(micros);
            assert!(at < SCALE);
            assert!(end(at) >= micros, "{micros}");
            assert!(at == 0 || end(at - 1) < micros, "{micros}");
            assert!(
                (end(at) - micros) as f64 <= micros as f64 * 0.016,
                "{micros}"
            );
        }
        assert!(step(u64::MAX) < SCALE);
    }

    #[test]
    fn old_answers_are_forgotten() {
        let start = Instant::now();
        let mut figures = Figures::new(start);
        let at = |seconds| start + Duration::from_secs(seconds);
        figures.add(at(0), 502, Duration::from_millis(300));
        figures.add(at(5), 200, Duration::from_millis(100));
        assert_eq!(figures.requests(at(5)), 2);
        assert!((figures.network_errors(at(5)) - 0.5).abs() < 1e-9);
        assert!((figures.statuses(at(5), [500, 600, 0, 600]) - 0.5).abs() < 1e-9);
        assert_eq!(figures.requests(at(11)), 1);
        assert_eq!(figures.requests(at(500)), 0);
        assert!(figures.network_errors(at(500)).abs() < 1e-9);
        assert!((100..=102).contains(&figures.latency(50.0)));
        assert!((300..=305).contains(&figures.latency(100.0)));
        figures.add(at(500), 999, Duration::from_millis(10));
        assert!((10..=11).contains(&figures.latency(99.0)));
        assert!((figures.statuses(at(500), [0, 600, 0, 600])).abs() < 1e-9);
    }
}
