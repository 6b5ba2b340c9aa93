//! What chat knows, and the one task that changes it.

mod follow;
mod request;
mod task;
mod wishes;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::addresses::Addresses;
use super::handle::{Notice, OnNotice, Options, Told};
use super::limits::Limits;
use super::log::{Log, Place};
use super::model::{Event, View};
use super::presence::Presence;
use super::state::State;
use crate::store::random_id;
pub(super) use request::Request;

/// The longest one call to the log may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the head of this file.
pub(super) struct Owner {
    options: Options,
    log: Arc<Log>,
    on_notice: OnNotice,
    views: watch::Sender<Arc<View>>,
    state: State,
    limits: Limits,
    presence: Presence,
    addresses: Addresses,
    /// How far the log is applied.
    at: Place,
    /// Events that came before those that go before them.
    early: BTreeMap<u64, Event>,
    /// Since when something is missing, or the log did not answer.
    behind: Option<Instant>,
    unsent: VecDeque<Event>,
    seen: VecDeque<Arc<str>>,
    sequence: u64,
    last_id: u64,
    instance: String,
    dirty: bool,
    /// The log has lost everything.
    unrestored: bool,
    told_this_tick: usize,
    told_all: bool,
    /// Others have not been told who is here now.
    unrolled: bool,
    rolled: Instant,
}

impl Owner {
    pub(super) async fn start(
        options: Options,
        log: Log,
        on_notice: OnNotice,
        views: watch::Sender<Arc<View>>,
    ) -> Self {
        let mut owner = Self {
            options,
            log: Arc::new(log),
            on_notice,
            views,
            state: State::default(),
            limits: Limits::default(),
            presence: Presence::default(),
            addresses: Addresses::default(),
            at: Place {
                epoch: String::new(),
                sequence: 0,
            },
            early: BTreeMap::new(),
            behind: None,
            unsent: VecDeque::new(),
            seen: VecDeque::new(),
            sequence: 0,
            last_id: 0,
            instance: random_id().chars().take(4).collect(),
            dirty: false,
            unrestored: false,
            told_this_tick: 0,
            told_all: false,
            unrolled: false,
            rolled: Instant::now(),
        };
        owner.load().await;
        owner
    }

    /// Makes the next view what those who come will see.
    pub(super) fn next_view(&mut self) -> Arc<View> {
        self.sequence += 1;
        let (present, count) = self.presence.all();
        let view = Arc::new(View {
            sequence: self.sequence,
            messages: Arc::new(self.state.messages.iter().cloned().collect()),
            pinned: self.state.pinned.clone(),
            slow_mode: self.state.slow_mode(),
            present: Arc::new(present),
            count,
        });
        self.views.send_replace(Arc::clone(&view));
        view
    }

    pub(super) fn notice(&mut self, told: Told) {
        let sequence = self.next_view().sequence;
        (self.on_notice)(&Notice { sequence, told });
    }
}
