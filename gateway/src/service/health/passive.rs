//! Passive health checks: a server whose answers fail too often is left out for a while.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::dynamic::PassiveHealthCheck as Config;

/// The failures of one server.
#[derive(Debug)]
pub struct Passive {
    /// In which failures count, and for which the server is left out.
    window: Duration,
    most: usize,
    /// Nobody else will find out that the server is well again.
    revives: bool,
    up: Arc<AtomicBool>,
    failures: Mutex<VecDeque<Instant>>,
    /// Whether there is a failure: spares the lock where there is none.
    failed: AtomicBool,
}

impl Passive {
    /// Takes the server with the flag `up` out. Where an `active` check watches it too, that one takes it in again.
    pub fn new(config: &Config, active: bool, up: Arc<AtomicBool>) -> Self {
        Self {
            window: config.failure_window.as_std(),
            most: usize::try_from(config.max_failed_attempts)
                .unwrap_or_default()
                .max(1),
            revives: !active,
            up,
            failures: Mutex::default(),
            failed: AtomicBool::new(false),
        }
    }

    /// The server answered with this status, or did not, which stands for it. A good answer wipes out the failures before it.
    pub(in crate::service) fn answered(&self, status: u16) {
        if status < 500 {
            if self.failed.load(Ordering::Relaxed) {
                self.failed.store(false, Ordering::Relaxed);
                self.failures().clear();
            }
            return;
        }
        self.failed.store(true, Ordering::Relaxed);
        if !self.is_too_much(Instant::now()) || !self.up.swap(false, Ordering::Relaxed) {
            return;
        }
        if self.revives {
            let (up, window) = (Arc::clone(&self.up), self.window);
            tokio::spawn(async move {
                tokio::time::sleep(window).await;
                up.store(true, Ordering::Relaxed);
            });
        }
    }

    fn is_too_much(&self, now: Instant) -> bool {
        let mut failures = self.failures();
        while failures.len() >= self.most
            || failures
                .front()
                .is_some_and(|at| now.duration_since(*at) >= self.window)
        {
            failures.pop_front();
        }
        failures.push_back(now);
        failures.len() >= self.most
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, VecDeque<Instant>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passive(most: i64, active: bool) -> (Passive, Arc<AtomicBool>) {
        let up = Arc::new(AtomicBool::new(true));
        let config = Config {
            max_failed_attempts: most,
            failure_window: crate::types::Duration::from_secs(3),
        };
        (Passive::new(&config, active, Arc::clone(&up)), up)
    }

    #[tokio::test]
    async fn out_for_one_window_and_back() {
        let (passive, up) = passive(3, false);
        for status in [500, 503, 200, 502, 500, 404, 500, 500] {
            passive.answered(status);
        }
        assert!(up.load(Ordering::Relaxed), "good answers came in between");
        let start = Instant::now();
        passive.answered(504);
        passive.answered(504);
        assert!(!up.load(Ordering::Relaxed));
        while !up.load(Ordering::Relaxed) {
            assert!(start.elapsed() < Duration::from_secs(20), "for ever");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(start.elapsed() >= Duration::from_secs(3));
    }

    #[test]
    fn failures_long_ago_do_not_count_and_few_are_kept() {
        let (passive, _) = passive(2, true);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!passive.is_too_much(at(0)));
        assert!(!passive.is_too_much(at(3)));
        assert!(passive.is_too_much(at(4)));
        for second in 4..100 {
            passive.is_too_much(at(second));
        }
        assert!(passive.failures().len() <= 2);
    }

    #[test]
    fn an_active_check_brings_it_back_itself() {
        let (passive, up) = passive(0, true);
        passive.answered(500);
        assert!(!up.load(Ordering::Relaxed), "0 is 1; no timer was needed");
    }
}
