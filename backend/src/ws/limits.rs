//! What one client may send: messages a second, and mistakes a minute (spec 3.5).

use std::time::{Duration, Instant};

use crate::auth::Bucket;

/// Bad messages in [`MISTAKES_IN`] that end the socket.
const MISTAKES: u32 = 10;
const MISTAKES_IN: Duration = Duration::from_secs(60);
/// One error about the rate in this time, whatever is dropped.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Over the rate for this long ends the socket.
const OVER_FOR: Duration = Duration::from_secs(10);
/// A pause without a dropped message after which the client counts as having stopped.
const CALM: Duration = Duration::from_secs(2);

/// The counts of one client.
#[derive(Debug)]
pub(super) struct Limits {
    bucket: Bucket,
    told: Option<Instant>,
    /// First and last message dropped in a row.
    over: Option<(Instant, Instant)>,
    mistakes: u32,
    mistakes_since: Instant,
}

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Take,
    Drop,
    /// Drop it and say when there is room again.
    DropAndTell(Duration),
    Close,
}

impl Limits {
    pub(super) fn new(burst: f64, now: Instant) -> Self {
        Self {
            bucket: Bucket::new(burst, now),
            told: None,
            over: None,
            mistakes: 0,
            mistakes_since: now,
        }
    }

    /// Counts a message.
    pub(super) fn message(&mut self, rate: f64, burst: f64, now: Instant) -> Verdict {
        let Err(wait) = self.bucket.take(rate, burst, now) else {
            return Verdict::Take;
        };
        let since = match self.over {
            Some((since, last)) if now.saturating_duration_since(last) < CALM => since,
            _ => now,
        };
        self.over = Some((since, now));
        if now.saturating_duration_since(since) >= OVER_FOR {
            return Verdict::Close;
        }
        let told = self
            .told
            .is_some_and(|told| now.saturating_duration_since(told) < TELL_EVERY);
        if told {
            return Verdict::Drop;
        }
        self.told = Some(now);
        Verdict::DropAndTell(wait)
    }

    /// Counts a bad message; `true` when it was one too many.
    pub(super) fn mistake(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.mistakes_since) >= MISTAKES_IN {
            self.mistakes = 0;
            self.mistakes_since = now;
        }
        self.mistakes += 1;
        self.mistakes >= MISTAKES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_fast_is_told_once_a_second_and_closed_after_ten() {
        let start = Instant::now();
        let mut limits = Limits::new(2.0, start);
        let mut told = 0;
        for step in 0..1000_u64 {
            let now = start + Duration::from_millis(step * 20);
            match limits.message(1.0, 2.0, now) {
                Verdict::DropAndTell(_) => told += 1,
                Verdict::Close => {
                    let seconds = (now - start).as_secs();
                    assert!((10..=11).contains(&seconds), "{seconds}");
                    assert!((9..=11).contains(&told), "{told}");
                    return;
                }
                Verdict::Take | Verdict::Drop => {}
            }
        }
        panic!("never closed");
    }

    #[test]
    fn ten_mistakes_in_a_minute_are_too_many() {
        let start = Instant::now();
        let mut limits = Limits::new(2.0, start);
        for _ in 0..9 {
            assert!(!limits.mistake(start));
        }
        let later = start + Duration::from_secs(61);
        for _ in 0..9 {
            assert!(!limits.mistake(later));
        }
        assert!(limits.mistake(later));
    }
}
