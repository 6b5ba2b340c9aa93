//! Keys behind a URL: fetched when they are needed, kept for a while, and fetched again in the background.
//!
//! The URL is the configured one, whatever a token says (`jku`, `x5u` and `iss` lead nowhere). A fetch is a task of its own:
//! no client that goes away takes it along, and at most one runs at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::fetch::{Fetched, Place};
use super::keys::Keys;

/// From one fetch to the next that an unknown key may cause: whoever makes up key names does not ask through us.
const PAUSE: Duration = Duration::from_secs(10);
/// How long keys count where the answer does not say, and within which bounds it may say so.
const FRESH: Duration = Duration::from_secs(10 * 60);
const FRESH_AT_LEAST: Duration = Duration::from_secs(60);
const FRESH_AT_MOST: Duration = Duration::from_secs(24 * 60 * 60);
/// How much longer they count while no fetch succeeds.
const GRACE: Duration = Duration::from_secs(60 * 60);

/// See the module.
pub(super) struct Remote {
    place: Place,
    timeout: Duration,
    state: Mutex<State>,
    /// Counts finished fetches, for those who wait for one.
    finished: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<Keys>>,
    /// Until when they are fetched no more than once, and until when they count at all.
    fresh_until: Option<Instant>,
    good_until: Option<Instant>,
    tried: Option<Instant>,
    running: bool,
}

impl State {
    /// Whether a fetch is due to whoever asks; then it is theirs to begin.
    fn may_begin(&mut self, now: Instant) -> bool {
        let is_recent = |tried: Instant| now.saturating_duration_since(tried) < PAUSE;
        if self.running || self.tried.is_some_and(is_recent) {
            return false;
        }
        self.running = true;
        self.tried = Some(now);
        true
    }
}

impl Remote {
    pub(super) fn new(place: Place, timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            place,
            timeout,
            state: Mutex::default(),
            finished: watch::Sender::new(0),
        })
    }

    /// The keys as they are known, if they are; begins to fetch them again where they are old.
    pub(super) fn known(self: &Arc<Self>) -> Option<Arc<Keys>> {
        let now = Instant::now();
        let is_over = |end: Option<Instant>| end.is_none_or(|end| now >= end);
        let (keys, begins) = {
            let mut state = self.state();
            state.keys.as_ref()?;
            let begins = is_over(state.fresh_until) && state.may_begin(now);
            if is_over(state.good_until) {
                state.keys = None;
            }
            (state.keys.clone(), begins)
        };
        if begins {
            self.begin();
        }
        keys
    }

    /// Waits for a fetch and returns what is known then: the one that runs, or one that begins now. What is known already
    /// where the last one is too recent.
    pub(super) async fn newer(self: &Arc<Self>) -> Option<Arc<Keys>> {
        let mut finished = self.finished.subscribe();
        let (begins, runs) = {
            let mut state = self.state();
            (state.may_begin(Instant::now()), state.running)
        };
        if begins {
            self.begin();
        }
        if begins || runs {
            // Longer than the fetch itself, which ends in time.
            let patience = self.timeout + Duration::from_secs(1);
            let _ = tokio::time::timeout(patience, finished.changed()).await;
        }
        self.known()
    }

    /// Fetches. The caller has asked whether it may, and no longer holds the state: a task that cannot start ends here.
    fn begin(self: &Arc<Self>) {
        let running = Running(Arc::clone(self));
        tokio::task::spawn_local(async move {
            let remote = &running.0;
            match tokio::time::timeout(remote.timeout, remote.place.fetch()).await {
                Ok(Ok(fetched)) => remote.take(fetched),
                Ok(Err(why)) => {
                    tracing::warn!(url = %remote.place, why, "the keys of tokens cannot be fetched");
                }
                Err(_) => tracing::warn!(
                    url = %remote.place,
                    "the keys of tokens do not come within {:?}",
                    remote.timeout
                ),
            }
        });
    }

    fn take(&self, fetched: Fetched) {
        let age = fetched.max_age.unwrap_or(FRESH);
        let fresh = age.clamp(FRESH_AT_LEAST, FRESH_AT_MOST);
        let now = Instant::now();
        let mut state = self.state();
        state.keys = Some(Arc::new(fetched.keys));
        state.fresh_until = Some(now + fresh);
        state.good_until = Some(now + fresh + GRACE);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As if the last fetch were long ago.
    #[cfg(test)]
    pub(super) fn forget_when(&self) {
        self.state().tried = None;
    }
}

/// A fetch that runs. Ends with its task, also where its worker ends before it does.
struct Running(Arc<Remote>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.state().running = false;
        self.0.finished.send_modify(|count| *count += 1);
    }
}
