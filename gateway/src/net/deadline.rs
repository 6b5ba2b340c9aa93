//! Coarse deadlines: one sweep per worker in place of a timer per connection, which would cost about a tenth
//! of a small request.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How often a worker looks for what is overdue, and so how late a deadline may fire.
pub const TICK: Duration = Duration::from_millis(100);

thread_local! {
    static ENTRIES: RefCell<Vec<Weak<Entry>>> = const { RefCell::new(Vec::new()) };
    static SWEEPING: Cell<bool> = const { Cell::new(false) };
}

#[derive(Debug, Default)]
struct Entry {
    at: Cell<Option<Instant>>,
    waker: RefCell<Option<Waker>>,
}

/// A deadline that is moved often and fires rarely. It stays on its worker's thread.
#[derive(Debug, Default)]
pub struct Deadline {
    entry: Rc<Entry>,
    enrolled: Cell<bool>,
}

impl Deadline {
    /// A deadline that is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fires `after` from now, at most [`TICK`] late; zero switches it off (as Traefik's timeouts mean it).
    pub fn set(&self, after: Duration) {
        if after.is_zero() {
            return self.clear();
        }
        self.entry.at.set(Instant::now().checked_add(after));
        if !self.enrolled.replace(true) {
            enrol(&self.entry);
        }
    }

    /// Switches it off.
    pub fn clear(&self) {
        self.entry.at.set(None);
    }

    /// Ready once it is overdue. The last waker given is the one woken.
    pub fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.entry.at.get() {
            Some(at) if at <= Instant::now() => Poll::Ready(()),
            Some(_) => {
                let mut waker = self.entry.waker.borrow_mut();
                match &mut *waker {
                    Some(known) if known.will_wake(cx.waker()) => {}
                    slot => *slot = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            None => Poll::Pending,
        }
    }
}

fn enrol(entry: &Rc<Entry>) {
    ENTRIES.with_borrow_mut(|entries| entries.push(Rc::downgrade(entry)));
    if !SWEEPING.replace(true) {
        tokio::task::spawn_local(sweep());
    }
}

/// Runs while the worker has anything with a deadline, and ends when it has nothing.
async fn sweep() {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Instant::now();
        let mut overdue = Vec::new();
        let left = ENTRIES.with_borrow_mut(|entries| {
            entries.retain(|weak| match weak.upgrade() {
                Some(entry) => {
                    if entry.at.get().is_some_and(|at| at <= now) {
                        overdue.extend(entry.waker.borrow_mut().take());
                    }
                    true
                }
                None => false,
            });
            entries.len()
        });
        overdue.into_iter().for_each(Waker::wake);
        if left == 0 {
            SWEEPING.set(false);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::future::poll_fn;

    fn local<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default())
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn fires_when_overdue_and_not_when_moved() {
        local(async {
            let deadline = Deadline::new();
            deadline.set(Duration::from_millis(50));
            let start = Instant::now();
            poll_fn(|cx| deadline.poll_expired(cx)).await;
            assert!(start.elapsed() >= Duration::from_millis(50));
            assert!(start.elapsed() < Duration::from_secs(5));

            deadline.set(Duration::from_millis(50));
            deadline.clear();
            let waited = tokio::time::timeout(
                Duration::from_millis(400),
                poll_fn(|cx| deadline.poll_expired(cx)),
            );
            assert!(waited.await.is_err(), "a cleared deadline fired");
        });
    }
}
