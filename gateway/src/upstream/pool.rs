//! Connections of one worker: for each target a stack of idle ones, the latest used on top, and those that speak
//! HTTP/2, which many requests share.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, ReadBuf};

use super::http2::Sessions;
use super::slot::Slot;
use crate::net::{Stream, deadline};

/// How often idle connections are looked through: at least, and at most where one of them expires sooner.
const SWEEP: Duration = Duration::from_secs(1);
const QUICK: Duration = Duration::from_millis(50);

#[derive(Default)]
struct Pool {
    slots: Vec<Stack>,
    sweeping: bool,
}

#[derive(Default)]
struct Stack {
    generation: u64,
    /// Gone when a reload left the target out.
    owner: Weak<Slot>,
    idle: Vec<Idle>,
    sessions: Sessions,
}

struct Idle {
    stream: Stream,
    /// `None` stays until the server closes.
    expires: Option<Instant>,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// The latest idle connection that its server has neither closed nor spoken on.
pub(super) fn take(slot: &Slot) -> Option<Stream> {
    POOL.with_borrow_mut(|pool| {
        let stack = pool.slots.get_mut(slot.index)?;
        if stack.generation != slot.generation {
            return None;
        }
        let now = deadline::coarse_now();
        while let Some(mut idle) = stack.idle.pop() {
            if idle.is_good(now) {
                return Some(idle.stream);
            }
        }
        None
    })
}

/// Keeps a connection on which a message ended exactly and nothing followed.
pub(super) fn put(slot: &Arc<Slot>, stream: Stream, most: usize, timeout: Option<Duration>) {
    // A body may outlive its worker's table at the end of the thread; the connection then closes.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        let Some(stack) = pool.stack(slot) else {
            return;
        };
        if stack.idle.len() >= most {
            return;
        }
        let expires = timeout.and_then(|timeout| deadline::coarse_now().checked_add(timeout));
        stack.idle.push(Idle { stream, expires });
        pool.start_sweep();
    });
}

/// Has `act` look at the HTTP/2 connections to a target, and tells it whether idle ones of HTTP/1.1 are there. `None` at
/// the end of a thread, or where the target's place belongs to another one.
pub(super) fn sessions<R>(
    slot: &Arc<Slot>,
    act: impl FnOnce(&mut Sessions, bool) -> R,
) -> Option<R> {
    POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        let stack = pool.stack(slot)?;
        Some(act(&mut stack.sessions, !stack.idle.is_empty()))
    })
    .ok()
    .flatten()
}

/// Starts closing what is idle too long, unless that runs.
pub(super) fn start_sweep() {
    POOL.with_borrow_mut(Pool::start_sweep);
}

impl Idle {
    /// An idle connection is silent: bytes nobody asked for, or an end, rule it out.
    fn is_good(&mut self, now: Instant) -> bool {
        if self.expires.is_some_and(|expires| expires <= now) {
            return false;
        }
        let mut byte = [0];
        let mut target = ReadBuf::new(&mut byte);
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut self.stream)
            .poll_read(&mut cx, &mut target)
            .is_pending()
    }
}

impl Pool {
    /// The connections to a target; those to the target that had its place before are closed.
    fn stack(&mut self, slot: &Arc<Slot>) -> Option<&mut Stack> {
        if self.slots.len() <= slot.index {
            self.slots.resize_with(slot.index + 1, Stack::default);
        }
        let stack = self.slots.get_mut(slot.index)?;
        if stack.generation < slot.generation {
            *stack = Stack {
                generation: slot.generation,
                owner: Arc::downgrade(slot),
                ..Stack::default()
            };
        }
        (stack.generation == slot.generation).then_some(stack)
    }

    /// Starts the task that closes what is idle too long, unless it runs. It ends with the last idle connection.
    fn start_sweep(&mut self) {
        if self.sweeping {
            return;
        }
        self.sweeping = true;
        tokio::task::spawn_local(async {
            let _running = Running;
            loop {
                let pause = POOL.with_borrow(Pool::pause);
                tokio::time::sleep(pause).await;
                if !POOL.with_borrow_mut(Pool::sweep) {
                    break;
                }
            }
        });
    }

    /// The time until there is something to close.
    fn pause(&self) -> Duration {
        let idle = self.slots.iter().flat_map(|stack| &stack.idle);
        let first = idle.filter_map(|idle| idle.expires).min();
        first.map_or(SWEEP, |first| {
            let left = first.saturating_duration_since(deadline::coarse_now());
            left.clamp(QUICK, SWEEP)
        })
    }

    /// Closes what is of no use any more, and what leads to servers that nobody names any more; whether anything is left.
    fn sweep(&mut self) -> bool {
        let now = Instant::now();
        let mut left = false;
        for stack in &mut self.slots {
            if stack.owner.strong_count() == 0 {
                // Requests that are under way hold what they are on.
                *stack = Stack {
                    generation: stack.generation,
                    ..Stack::default()
                };
                continue;
            }
            stack.idle.retain_mut(|idle| idle.is_good(now));
            if stack.idle.is_empty() {
                stack.idle = Vec::new();
            }
            left |= stack.sessions.sweep(now) || !stack.idle.is_empty();
        }
        left
    }
}

/// Notes the end of the task. Its runtime may end before the thread does, and then no connection is
/// of use any more.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        let idle = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            pool.sweeping = false;
            std::mem::take(&mut pool.slots)
        });
        drop(idle);
    }
}

/// Idle connections of this worker to a target.
#[cfg(test)]
pub(super) fn idle(slot: &Slot) -> usize {
    POOL.with_borrow(|pool| {
        pool.slots
            .get(slot.index)
            .filter(|stack| stack.generation == slot.generation)
            .map_or(0, |stack| stack.idle.len())
    })
}
