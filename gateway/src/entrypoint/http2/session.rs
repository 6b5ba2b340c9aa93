//! One HTTP/2 connection as its streams share it: how many are open, how many were taken back, and when it ends.
//!
//! hyper limits frames; what a connection may cost over time is limited here.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::entrypoint::EntryPoint;
use crate::net::{Deadline, deadline};

/// How long a connection that was told to end may take, once it has no streams: the last bytes of an answer may still be
/// on their way to a slow client.
const GOODBYE: Duration = Duration::from_secs(60);
/// The same for a connection that was idle: nothing can be on its way.
const IDLE_GOODBYE: Duration = Duration::from_secs(5);
/// Over what time streams that the client takes back are counted.
const WINDOW: Duration = Duration::from_secs(1);
/// So many more of them than may be open at once are an attack (Rapid Reset, CVE-2023-39325): whoever leaves a page takes
/// back what is open, and then asks anew.
const SPARE: u32 = 100;

/// What the connection is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Take no more streams, and end with the last one.
    Finish,
    /// End now.
    Cut(&'static str),
}

/// See the module.
pub(super) struct Session {
    entry: Arc<EntryPoint>,
    opened: Instant,
    open: Cell<usize>,
    requests: Cell<u64>,
    /// Streams whose client takes nothing of their answer.
    stalled: Cell<usize>,
    /// Since when those are counted that were taken back.
    since: Cell<Instant>,
    taken_back: Cell<u32>,
    /// Told to end, and how long that may take.
    goodbye: Cell<Option<Duration>>,
    /// Runs while no stream is open.
    idle: Deadline,
    /// Runs while a stream is stalled and none makes progress.
    stall: Deadline,
    waker: RefCell<Option<Waker>>,
}

impl Session {
    /// A connection that has yet to send its first request.
    pub(super) fn new(entry: Arc<EntryPoint>) -> Rc<Self> {
        let idle = Deadline::new();
        let wait = match entry.idle_timeout {
            wait if wait.is_zero() => entry.opening_timeout(),
            wait => wait,
        };
        idle.set_idle(wait, true);
        let now = deadline::coarse_now();
        Rc::new(Self {
            entry,
            opened: Instant::now(),
            open: Cell::new(0),
            requests: Cell::new(0),
            stalled: Cell::new(0),
            since: Cell::new(now),
            taken_back: Cell::new(0),
            goodbye: Cell::new(None),
            idle,
            stall: Deadline::new(),
            waker: RefCell::new(None),
        })
    }

    /// Ready when something is to be done; [`Verdict::Finish`] is said once.
    pub(super) fn poll(&self, cx: &mut Context<'_>, draining: bool) -> Poll<Verdict> {
        match &mut *self.waker.borrow_mut() {
            Some(known) if known.will_wake(cx.waker()) => {}
            slot => *slot = Some(cx.waker().clone()),
        }
        let most = self.entry.max_concurrent_streams.saturating_add(SPARE);
        if self.taken_back.get() > most {
            return Poll::Ready(Verdict::Cut("the client takes back its requests too fast"));
        }
        if self.stall.poll_expired(cx).is_ready() {
            let why = "the client took nothing of its answers for writeTimeout";
            return Poll::Ready(Verdict::Cut(why));
        }
        let overdue = self.idle.poll_expired(cx).is_ready() && self.open.get() == 0;
        if self.goodbye.get().is_some() {
            return match overdue {
                true => Poll::Ready(Verdict::Cut("the client does not end the connection")),
                false => Poll::Pending,
            };
        }
        if overdue || draining || self.entry.is_worn(self.requests.get(), self.opened) {
            let goodbye = if overdue && !draining {
                IDLE_GOODBYE
            } else {
                GOODBYE
            };
            self.goodbye.set(Some(goodbye));
            self.rest();
            return Poll::Ready(Verdict::Finish);
        }
        Poll::Pending
    }

    /// Counts a stream until the guard is dropped.
    pub(super) fn enter(self: &Rc<Self>) -> Stream {
        self.open.set(self.open.get() + 1);
        self.requests.set(self.requests.get() + 1);
        // Off, but woken when the worker is to drain.
        self.idle.set_idle(Duration::ZERO, true);
        if self.entry.is_worn(self.requests.get(), self.opened) {
            self.wake();
        }
        Stream {
            session: Rc::clone(self),
            handed: false,
            whole: false,
        }
    }

    fn leave(&self, whole: bool) {
        self.open.set(self.open.get().saturating_sub(1));
        self.rest();
        if whole {
            return;
        }
        let now = deadline::coarse_now();
        if now.saturating_duration_since(self.since.get()) > WINDOW {
            self.since.set(now);
            self.taken_back.set(0);
        }
        self.taken_back.set(self.taken_back.get() + 1);
        self.wake();
    }

    /// Starts the idle time, where no stream is open.
    fn rest(&self) {
        if self.open.get() > 0 {
            return;
        }
        if let Some(goodbye) = self.goodbye.get() {
            // Not idle: whoever drains the worker is not to cut it short.
            self.idle.set_idle(goodbye, false);
            // The new deadline has to be waited for.
            self.wake();
        } else {
            self.idle.set_idle(self.entry.idle_timeout, true);
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// One stream of a connection.
pub(super) struct Stream {
    session: Rc<Session>,
    /// A piece of its answer was handed over, and the next one was not asked for yet.
    handed: bool,
    whole: bool,
}

impl Stream {
    /// The client took what it was handed last.
    pub(super) fn taken(&mut self) {
        if !std::mem::take(&mut self.handed) {
            return;
        }
        let session = &self.session;
        session.stalled.set(session.stalled.get().saturating_sub(1));
        if session.stalled.get() == 0 {
            session.stall.clear();
        } else {
            session.stall.set(session.entry.write_timeout);
        }
    }

    /// A piece of the answer is handed over.
    pub(super) fn hand(&mut self) {
        let session = &self.session;
        if self.handed || session.entry.write_timeout.is_zero() {
            return;
        }
        self.handed = true;
        session.stalled.set(session.stalled.get() + 1);
        session.stall.set_if_clear(session.entry.write_timeout);
        session.wake();
    }

    /// All of the answer was handed over.
    pub(super) fn end(&mut self) {
        self.whole = true;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.taken();
        self.session.leave(self.whole);
    }
}
