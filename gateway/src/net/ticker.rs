//! Deadlines that are looked at a few times a second by one task per worker, instead of a timer each.
//!
//! A timer costs about a tenth of a small request. A deadline costs a slot in a list, and only once
//! something has to wait. It is up to a tenth of a second late, never early.

use std::cell::RefCell;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How often deadlines are looked at, and so how late one can be noticed.
const TICK: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Table {
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
    ticking: bool,
}

struct Entry {
    at: Instant,
    waker: Option<Waker>,
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::default();
}

/// A moment after which something has taken too long. Belongs to the worker that first polls it.
#[derive(Debug)]
pub struct Deadline {
    at: Instant,
    /// Place in the table, once it was waited for.
    entry: Option<usize>,
}

impl Deadline {
    /// `after` from now.
    pub fn after(after: Duration) -> Self {
        Self {
            at: far(after),
            entry: None,
        }
    }

    /// Moves it to `after` from now.
    pub fn reset(&mut self, after: Duration) {
        self.at = far(after);
        if let Some(entry) = self.entry {
            TABLE.with_borrow_mut(|table| {
                if let Some(Some(entry)) = table.entries.get_mut(entry) {
                    entry.at = self.at;
                }
            });
        }
    }

    /// Ready once it has passed.
    pub fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.at {
            return Poll::Ready(());
        }
        let entry = TABLE.with_borrow_mut(|table| table.wait(self.entry, self.at, cx.waker()));
        self.entry = Some(entry);
        Poll::Pending
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        let Some(entry) = self.entry else { return };
        // At the end of the thread the table may be gone already.
        let _ = TABLE.try_with(|table| table.borrow_mut().remove(entry));
    }
}

/// A duration that no clock reaches is as good as a year.
fn far(after: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(after)
        .unwrap_or_else(|| now + Duration::from_secs(365 * 86_400))
}

impl Table {
    fn wait(&mut self, entry: Option<usize>, at: Instant, waker: &Waker) -> usize {
        self.start();
        if let Some(index) = entry
            && let Some(Some(entry)) = self.entries.get_mut(index)
        {
            entry.at = at;
            match &mut entry.waker {
                Some(old) => old.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
            return index;
        }
        let new = Some(Entry {
            at,
            waker: Some(waker.clone()),
        });
        if let Some(index) = self.free.pop()
            && let Some(place) = self.entries.get_mut(index)
        {
            *place = new;
            return index;
        }
        self.entries.push(new);
        self.entries.len() - 1
    }

    fn remove(&mut self, index: usize) {
        if let Some(place) = self.entries.get_mut(index)
            && place.take().is_some()
        {
            self.free.push(index);
        }
    }

    /// Starts the task that looks, unless it runs. It ends when there is nothing to look at.
    fn start(&mut self) {
        if self.ticking {
            return;
        }
        self.ticking = true;
        tokio::task::spawn_local(async {
            let _running = Running;
            loop {
                tokio::time::sleep(TICK).await;
                let Some(due) = TABLE.with_borrow_mut(Table::due) else {
                    break;
                };
                for waker in due {
                    waker.wake();
                }
            }
        });
    }

    /// The wakers of what has passed; `None` where nothing waits any more.
    fn due(&mut self) -> Option<Vec<Waker>> {
        if self.free.len() == self.entries.len() {
            self.entries = Vec::new();
            self.free = Vec::new();
            return None;
        }
        let now = Instant::now();
        let due = self.entries.iter_mut().flatten();
        Some(
            due.filter(|entry| entry.at <= now)
                .filter_map(|entry| entry.waker.take())
                .collect(),
        )
    }
}

/// Notes the end of the task, also when its runtime ends before the thread does.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        let _ = TABLE.try_with(|table| table.borrow_mut().ticking = false);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn deadlines_pass_in_their_time_and_can_be_moved() {
        let runtime = tokio::runtime::LocalRuntime::new().unwrap();
        runtime.block_on(async {
            let start = Instant::now();
            let mut moved = Deadline::after(Duration::from_millis(50));
            moved.reset(Duration::from_millis(250));
            let mut near = Deadline::after(Duration::from_millis(50));
            std::future::poll_fn(|cx| near.poll_expired(cx)).await;
            assert!(start.elapsed() >= Duration::from_millis(50));
            std::future::poll_fn(|cx| moved.poll_expired(cx)).await;
            assert!(start.elapsed() >= Duration::from_millis(250));
        });
        drop(runtime);
        // A second runtime on the same thread gets its own task.
        tokio::runtime::LocalRuntime::new()
            .unwrap()
            .block_on(async {
                let mut near = Deadline::after(Duration::from_millis(10));
                std::future::poll_fn(|cx| near.poll_expired(cx)).await;
            });
    }
}
