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
    /// When the last sweep was; `None` where none runs.
    static SWEPT: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The time, at most [`TICK`] old while a sweep runs: good enough for what is measured in seconds, and no call to the
/// clock, of which a request would make several.
pub fn coarse_now() -> Instant {
    SWEPT.get().unwrap_or_else(Instant::now)
}

#[derive(Debug, Default)]
struct Entry {
    at: Cell<Option<Instant>>,
    /// A sweep found it overdue.
    due: Cell<bool>,
    /// Nothing is under way: [`hurry`] may end it.
    idle: Cell<bool>,
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

    /// A deadline `after` from now.
    pub fn after(after: Duration) -> Self {
        let deadline = Self::new();
        deadline.set(after);
        deadline
    }

    /// Fires `after` from now, at most two [`TICK`]s late; zero switches it off (as Traefik's timeouts mean it).
    pub fn set(&self, after: Duration) {
        self.entry.idle.set(false);
        self.entry.due.set(false);
        if after.is_zero() {
            return self.clear();
        }
        // The coarse clock may be a tick behind: never too early.
        self.entry.at.set(coarse_now().checked_add(after + TICK));
        if !self.enrolled.replace(true) {
            enrol(&self.entry);
        }
    }

    /// Sets it, and says whether what it covers is mere waiting, which [`hurry`] may end.
    pub fn set_idle(&self, after: Duration, idle: bool) {
        self.set(after);
        self.entry.idle.set(idle);
        if !self.enrolled.replace(true) {
            enrol(&self.entry);
        }
    }

    /// Sets it where it is off; a running one is left as it is.
    pub fn set_if_clear(&self, after: Duration) {
        if self.entry.at.get().is_none() {
            self.set(after);
        }
    }

    /// Switches it off.
    pub fn clear(&self) {
        self.entry.idle.set(false);
        self.entry.due.set(false);
        self.entry.at.set(None);
    }

    /// Ready once it is overdue. The last waker given is the one woken.
    pub fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.entry.at.get() {
            _ if self.entry.due.get() => Poll::Ready(()),
            at if at.is_some() || self.entry.idle.get() => {
                let mut waker = self.entry.waker.borrow_mut();
                match &mut *waker {
                    Some(known) if known.will_wake(cx.waker()) => {}
                    slot => *slot = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            _ => Poll::Pending,
        }
    }
}

/// Makes every deadline of this worker that covers mere waiting overdue: the process is to end.
pub fn hurry() {
    let now = Instant::now();
    let entries: Vec<Rc<Entry>> =
        ENTRIES.with_borrow(|entries| entries.iter().filter_map(Weak::upgrade).collect());
    for entry in entries.iter().filter(|entry| entry.idle.get()) {
        entry.at.set(Some(now));
        entry.due.set(true);
        if let Some(waker) = entry.waker.borrow_mut().take() {
            waker.wake();
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
    let _sweeping = Sweeping;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Instant::now();
        SWEPT.set(Some(now));
        let mut overdue = Vec::new();
        let left = ENTRIES.with_borrow_mut(|entries| {
            entries.retain(|weak| match weak.upgrade() {
                Some(entry) => {
                    if entry.at.get().is_some_and(|at| at <= now) {
                        entry.due.set(true);
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
            return;
        }
    }
}

/// Notes the end of the sweep, also where its runtime ends before the thread does.
struct Sweeping;

impl Drop for Sweeping {
    fn drop(&mut self) {
        // At the end of the thread it may be gone already.
        let _ = SWEEPING.try_with(|sweeping| sweeping.set(false));
        let _ = SWEPT.try_with(|swept| swept.set(None));
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
        // A second runtime on the same thread gets its own sweep.
        local(async {
            let near = Deadline::after(Duration::from_millis(10));
            poll_fn(|cx| near.poll_expired(cx)).await;
        });
    }

    #[test]
    fn moving_it_forward_wakes_later() {
        local(async {
            let start = Instant::now();
            let moved = Deadline::after(Duration::from_millis(50));
            moved.set(Duration::from_millis(250));
            poll_fn(|cx| moved.poll_expired(cx)).await;
            assert!(start.elapsed() >= Duration::from_millis(250));
        });
    }
}
