//! Calls to the store that nobody waits for: coming back to a store that failed, and looking whether others wrote.
//!
//! While one runs, commands go on. Answers come back to the writer's own loop, so all decisions stay in one place.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::writer::{Held, Link, STORE_TIMEOUT, Writer};
use crate::state::{Kind, Snapshot};
use crate::store::{Backend, Mode, Outcome, Parts, Position, StoreError, Stored};

/// Between two looks at a store that others can write to.
const CHECK: Duration = Duration::from_secs(5);
/// The wait grows by this much with each failure,
const RETRY_STEP: Duration = Duration::from_millis(50);
/// up to this much.
const RETRY_CAP: Duration = Duration::from_secs(2);

/// What came of a call.
pub(super) enum Done {
    Loaded(Box<Result<Stored, StoreError>>),
    Wrote(Arc<Snapshot>, Result<Outcome, StoreError>),
    Found(Result<Option<Position>, StoreError>),
}

/// A call under way.
pub(super) struct Background {
    /// What it writes of [`Writer::unsaved`] and of [`Writer::owed`].
    unsaved: Parts,
    owed: Parts,
    /// What the store was thought to hold when it began.
    held: Held,
    start: Instant,
    call: Pin<Box<dyn Future<Output = Done> + Send>>,
}

impl Background {
    /// Its end; never, if there is none.
    pub(super) async fn finished(this: Option<&mut Self>) -> Done {
        match this {
            Some(background) => background.call.as_mut().await,
            None => std::future::pending().await,
        }
    }
}

/// The error of a call that took too long.
pub(super) fn late() -> StoreError {
    StoreError(format!("no answer within {STORE_TIMEOUT:?}"))
}

async fn limited<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(STORE_TIMEOUT, call)
        .await
        .unwrap_or_else(|_| Err(late()))
}

impl<B: Backend> Writer<B> {
    /// Waits for the store to answer for the first time, for as long as the options say.
    pub(super) async fn first_contact(&mut self) {
        let start = Instant::now();
        loop {
            self.reload().await;
            let left = self.options.first_contact.saturating_sub(start.elapsed());
            if self.link == Link::Up || left.is_zero() {
                break;
            }
            tokio::time::sleep(self.retry_delay().min(left)).await;
        }
        if self.link != Link::Up {
            tracing::error!("the store does not answer: starting with the defaults");
        }
    }

    /// Takes over what the store holds.
    pub(super) async fn reload(&mut self) {
        let start = Instant::now();
        match limited(self.store.load()).await {
            Ok(stored) => self.loaded(stored, start.elapsed()).await,
            Err(error) => {
                self.held = Held::Unknown;
                self.failed(&error);
            }
        }
    }

    async fn loaded(&mut self, stored: Stored, took: Duration) {
        self.take_over(stored);
        self.answered(took);
        self.look_again();
        self.save().await;
    }

    /// What was loaded may be older than what was heard of while it was on its way.
    fn look_again(&mut self) {
        let heard = self.heard.take();
        let newer = heard.filter(|heard| {
            heard.epoch == self.current.epoch && heard.version > self.current.version
        });
        if newer.is_some() {
            self.heard = newer;
            self.held = Held::Unknown;
            self.retry_at = Some(Instant::now());
        }
    }

    /// Begins what has to be done next.
    pub(super) fn begin_background(&mut self) {
        self.retry_at = None;
        let store = Arc::clone(&self.store);
        let (mut unsaved, mut owed) = (Parts::default(), Parts::default());
        let call: Pin<Box<dyn Future<Output = Done> + Send>> = match self.held {
            Held::Unknown => {
                Box::pin(async move { Done::Loaded(Box::new(limited(store.load()).await)) })
            }
            _ if self.unsaved.union(self.owed) != Parts::default() => {
                unsaved = std::mem::take(&mut self.unsaved);
                owed = std::mem::take(&mut self.owed);
                let write = self.write(&self.current, unsaved.union(owed), Kind::Stream);
                Box::pin(async move {
                    let outcome = limited(store.write(&write)).await;
                    Done::Wrote(write.next, outcome)
                })
            }
            _ => Box::pin(async move { Done::Found(limited(store.position()).await) }),
        };
        self.background = Some(Background {
            unsaved,
            owed,
            held: self.held.clone(),
            start: Instant::now(),
            call,
        });
    }

    /// Whether a background call may change the store.
    pub(super) fn is_writing(&self) -> bool {
        let writes =
            |background: &Background| background.unsaved.union(background.owed) != Parts::default();
        self.background.as_ref().is_some_and(writes)
    }

    /// Whether something that counts is not stored.
    pub(super) fn is_dirty(&self) -> bool {
        self.unsaved.union(self.owed) != Parts::default() || self.is_writing()
    }

    /// Draws the conclusions of a background call.
    pub(super) async fn background_done(&mut self, done: Done) {
        let Some(background) = self.background.take() else {
            return;
        };
        let took = background.start.elapsed();
        match done {
            Done::Loaded(result) => match *result {
                // If a write or a load came in between, this one is older than what is known.
                Ok(_) if self.held != background.held => self.answered(took),
                Ok(stored) => self.loaded(stored, took).await,
                Err(error) => self.failed(&error),
            },
            Done::Wrote(snapshot, Ok(Outcome::Written)) => {
                self.written(&snapshot, took);
                self.save().await;
            }
            Done::Wrote(_, Ok(outcome)) => {
                self.unsaved = self.unsaved.union(background.unsaved);
                self.owed = self.owed.union(background.owed);
                self.displaced(&outcome);
            }
            Done::Wrote(_, Err(error)) => {
                self.uncertain(background.unsaved);
                self.failed(&error);
            }
            Done::Found(Ok(found)) => {
                let found = found.map_or(Held::Nothing, Held::Version);
                // If a write came in between, what was found is old.
                if self.held != background.held || self.held == found {
                    self.answered(took);
                } else if let Held::Version(position) = found {
                    self.displaced(&Outcome::Conflict(position));
                } else {
                    self.displaced(&Outcome::Empty);
                }
            }
            Done::Found(Err(error)) => self.failed(&error),
        }
    }

    /// The store holds something else than was thought: nothing, or somebody else's.
    fn displaced(&mut self, outcome: &Outcome) {
        if *outcome == Outcome::Empty {
            tracing::warn!("the store is empty: writing our own state");
            self.held = Held::Nothing;
            self.owed = Parts::ALL;
        } else {
            self.held = Held::Unknown;
        }
        self.retry_at = Some(Instant::now());
        self.report(None);
    }

    /// Stores what is committed and not stored, if the store answers.
    pub(super) async fn save(&mut self) {
        if self.unsaved.union(self.owed) != Parts::default() {
            let current = Arc::clone(&self.current);
            self.persist_all(&current).await;
        }
    }

    /// A call succeeded.
    pub(super) fn answered(&mut self, took: Duration) {
        if matches!(self.link, Link::Down { failures } if failures > 0) {
            tracing::info!("the store answers again");
        }
        self.link = Link::Up;
        let shared = self.store.mode() == Mode::Redis;
        self.retry_at = shared.then(|| Instant::now() + CHECK);
        self.report(Some(took));
    }

    /// A call failed.
    pub(super) fn failed(&mut self, error: &StoreError) {
        let failures = match self.link {
            Link::Up => 1,
            Link::Down { failures } => failures.saturating_add(1),
        };
        if failures == 1 {
            tracing::warn!(%error, "the store does not answer; trying again until it does");
        } else {
            tracing::debug!(%error, failures, "the store still does not answer");
        }
        self.link = Link::Down { failures };
        self.retry_at = Some(Instant::now() + self.retry_delay());
        self.report(None);
    }

    fn retry_delay(&self) -> Duration {
        match self.link {
            Link::Up => Duration::ZERO,
            Link::Down { failures } => RETRY_STEP.saturating_mul(failures).min(RETRY_CAP),
        }
    }
}
