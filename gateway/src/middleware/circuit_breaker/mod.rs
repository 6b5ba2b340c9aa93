//! `circuitBreaker`: stops asking a service that fails too often, and lets it recover.

mod expression;
mod figures;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::http::StatusCode;

use self::expression::{Function, find};
use self::figures::Figures;
use super::filter::{Act, Step};
use super::predicate::{Fact, Predicate};
use crate::config::dynamic::CircuitBreaker as Config;
use crate::http::{Context, Request, Response, plain};

/// See the module.
#[derive(Debug)]
pub struct CircuitBreaker {
    condition: Predicate<Function>,
    /// Between two looks at the condition.
    check: Duration,
    /// How long it stays open.
    fallback: Duration,
    /// How long it takes to close.
    recovery: Duration,
    status: StatusCode,
    /// Whether everybody is let through: known without the lock, since it nearly always is so.
    closed: AtomicBool,
    breaker: Mutex<Breaker>,
}

#[derive(Debug)]
struct Breaker {
    state: State,
    figures: Figures,
    /// The condition is not looked at before.
    next_check: Instant,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    /// Nobody is let through until then.
    Open(Instant),
    Recovering {
        since: Instant,
        until: Instant,
        let_in: f64,
        refused: f64,
    },
}

impl CircuitBreaker {
    /// There must be a condition.
    pub fn new(config: &Config) -> Result<Self, String> {
        let status = u16::try_from(config.response_code).ok();
        let status = status.and_then(|code| StatusCode::from_u16(code).ok());
        let or = |configured: crate::types::Duration, usual| configured.limit().unwrap_or(usual);
        let now = Instant::now();
        Ok(Self {
            condition: Predicate::parse(&config.expression, find)?,
            check: or(config.check_period, Duration::from_millis(100)),
            fallback: or(config.fallback_duration, Duration::from_secs(10)),
            recovery: or(config.recovery_duration, Duration::from_secs(10)),
            status: status
                .ok_or_else(|| format!("responseCode {} is no status", config.response_code))?,
            closed: AtomicBool::new(true),
            breaker: Mutex::new(Breaker {
                state: State::Closed,
                figures: Figures::new(now),
                next_check: now,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request is let through.
    fn admits(&self, now: Instant) -> bool {
        if self.closed.load(Ordering::Relaxed) {
            return true;
        }
        let mut breaker = self.lock();
        if let State::Open(until) = breaker.state {
            if now < until {
                return false;
            }
            breaker.state = State::Recovering {
                since: now,
                until: now + self.recovery,
                let_in: 0.0,
                refused: 0.0,
            };
            tracing::info!("a circuit breaker lets some requests through again");
        }
        let State::Recovering {
            since,
            until,
            let_in,
            refused,
        } = &mut breaker.state
        else {
            return true;
        };
        if now > *until {
            breaker.state = State::Closed;
            self.closed.store(true, Ordering::Relaxed);
            tracing::info!("a circuit breaker is closed again");
            return true;
        }
        // The share of those let through grows evenly to one half; then all are.
        let wanted = 0.5 * (now - *since).as_secs_f64() / self.recovery.as_secs_f64();
        let fits = (*let_in + 1.0) / (*let_in + 1.0 + *refused) < wanted;
        *(if fits { let_in } else { refused }) += 1.0;
        fits
    }

    /// Counts an answer, and opens where the condition holds.
    fn count(&self, now: Instant, status: StatusCode, latency: Duration) {
        let mut breaker = self.lock();
        breaker.figures.add(now, status.as_u16(), latency);
        if now < breaker.next_check {
            return;
        }
        breaker.next_check = now + self.check;
        if matches!(breaker.state, State::Open(_)) {
            return;
        }
        let figures = &mut breaker.figures;
        let opens = self.condition.holds(&mut |function| match *function {
            Function::NetworkErrorRatio => Fact::Float(figures.network_errors(now)),
            Function::ResponseCodeRatio(ranges) => Fact::Float(figures.statuses(now, ranges)),
            Function::Latency(quantile) => Fact::Int(figures.latency(quantile)),
            Function::Requests => Fact::Int(figures.requests(now)),
        });
        if opens {
            breaker.state = State::Open(now + self.fallback);
            self.closed.store(false, Ordering::Relaxed);
            breaker.figures = Figures::new(now);
            tracing::warn!(wait = ?self.fallback, "a circuit breaker opens: its service fails too often");
        }
    }
}

impl Act for CircuitBreaker {
    type Memo = Instant;
    const KEEPS_STATE: bool = true;

    fn request<'a>(&'a self, _: &'a mut Context, _: &'a mut Request) -> Step<'a, Instant> {
        let now = Instant::now();
        match self.admits(now) {
            true => Step::keep(now),
            false => Step::answer(plain(self.status)),
        }
    }

    fn response(&self, _: &Context, memo: Option<Instant>, response: &mut Response) {
        if let Some(start) = memo {
            let now = Instant::now();
            self.count(now, response.status(), now - start);
        }
    }
}
