//! Keys behind a URL: fetched at the start, again now and then, and when a token names one that is not known.
//!
//! The URL is the configured one, whatever a token says. A fetch is a task of its own, so that no client that goes away
//! takes it along, and at most one runs at a time. While none succeeds, the last keys count.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::fetch::Place;
use super::keys::Key;

/// From one fetch to the next that a token may cause: whoever makes up names of keys does not ask through us.
pub(super) const PAUSE: Duration = Duration::from_secs(10);
/// Between two fetches that nobody asks for.
const EVERY: Duration = Duration::from_secs(10 * 60);
/// For one fetch.
const PATIENCE: Duration = Duration::from_secs(5);

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Remote {
    place: Place,
    pause: Duration,
    state: Mutex<State>,
    /// Counts finished fetches, for those who wait for one.
    finished: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    keys: Arc<Vec<Key>>,
    /// When a token last caused a fetch.
    caused: Option<Instant>,
    running: bool,
}

impl Remote {
    pub(super) fn new(place: Place, pause: Duration) -> Arc<Self> {
        Arc::new(Self {
            place,
            pause,
            state: Mutex::default(),
            finished: watch::Sender::new(0),
        })
    }

    /// The keys as they are known.
    pub(super) fn known(&self) -> Arc<Vec<Key>> {
        Arc::clone(&self.state().keys)
    }

    /// Fetches from now on. Tokens that come before the first answer wait for it.
    pub(super) fn keep(self: &Arc<Self>) {
        self.begin(&mut self.state());
        let remote = Arc::clone(self);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first one is at once.
            ticks.tick().await;
            loop {
                ticks.tick().await;
                remote.begin(&mut remote.state());
            }
        });
    }

    /// Waits for the fetch that runs, or one that begins now unless a token has just caused one.
    pub(super) async fn renew(self: &Arc<Self>) {
        let mut finished = self.finished.subscribe();
        {
            let mut state = self.state();
            if !state.running {
                let now = Instant::now();
                let recent = |caused| now.saturating_duration_since(caused) < self.pause;
                if state.caused.is_some_and(recent) {
                    return;
                }
                state.caused = Some(now);
                self.begin(&mut state);
            }
        }
        // An error would mean that the sender is gone, and we hold it.
        let _ = finished.changed().await;
    }

    fn begin(self: &Arc<Self>, state: &mut State) {
        if std::mem::replace(&mut state.running, true) {
            return;
        }
        let running = Running(Arc::clone(self));
        tokio::spawn(async move {
            let remote = &running.0;
            let fetched = tokio::time::timeout(PATIENCE, remote.place.fetch()).await;
            let fetched = fetched.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")));
            match fetched.and_then(|body| Key::set(&body).map_err(str::to_owned)) {
                Ok(keys) => remote.state().keys = Arc::new(keys),
                Err(why) => remote.warn(&why),
            }
        });
    }

    fn warn(&self, why: &str) {
        let then = match self.known().is_empty() {
            true => "tokens that need them are refused",
            false => "the last ones count",
        };
        tracing::warn!(
            component = "auth",
            variable = "JWT_JWKS_URL",
            url = %self.place,
            why,
            "the keys of tokens can't be fetched: {then} until they can"
        );
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch that runs. Ends with its task, however that ends.
struct Running(Arc<Remote>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.state().running = false;
        self.0.finished.send_modify(|count| *count += 1);
    }
}
