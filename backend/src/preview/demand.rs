//! Who watches what: frames are made for no one else.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::choice::{Choice, Variant};
use crate::config::Quality;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Demand {
    counts: [AtomicUsize; Choice::COUNT],
    clients: Mutex<BTreeMap<String, PreviewClient>>,
}

/// A client of the preview, as REST lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviewClient {
    pub id: String,
    pub quality: &'static str,
    /// When it was last heard of choosing something, Unix milliseconds.
    pub last_ping: u64,
    pub connected: bool,
}

/// A client's place among those who watch, until it is dropped.
#[derive(Debug)]
pub struct Watching {
    demand: Arc<Demand>,
    id: String,
    choice: Choice,
}

impl Demand {
    pub(super) fn watch(self: &Arc<Self>, id: &str, choice: Choice) -> Watching {
        self.add(choice);
        let watching = Watching {
            demand: Arc::clone(self),
            id: id.to_owned(),
            choice,
        };
        watching.note();
        watching
    }

    /// Whether anybody wants that.
    pub(super) fn wants(&self, variant: Variant) -> bool {
        let first = variant.index() * 2;
        let counts = self.counts.get(first..first + 2).unwrap_or_default();
        counts.iter().any(|count| count.load(Relaxed) > 0)
    }

    /// Whether anybody wants exactly that.
    pub(super) fn wants_choice(&self, choice: Choice) -> bool {
        let count = self.counts.get(choice.index());
        count.is_some_and(|count| count.load(Relaxed) > 0)
    }

    /// Clients of a quality.
    pub(super) fn of(&self, quality: Quality) -> usize {
        let first = quality as usize * 4;
        let counts = self.counts.get(first..first + 4).unwrap_or_default();
        counts.iter().map(|count| count.load(Relaxed)).sum()
    }

    pub(super) fn list(&self) -> Vec<PreviewClient> {
        self.clients().values().cloned().collect()
    }

    fn add(&self, choice: Choice) {
        if let Some(count) = self.counts.get(choice.index()) {
            count.fetch_add(1, Relaxed);
        }
    }

    fn remove(&self, choice: Choice) {
        if let Some(count) = self.counts.get(choice.index()) {
            count.fetch_sub(1, Relaxed);
        }
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<String, PreviewClient>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watching {
    /// What the client has chosen.
    pub fn choice(&self) -> Choice {
        self.choice
    }

    /// It chooses something else.
    pub fn choose(&mut self, choice: Choice) {
        self.demand.add(choice);
        self.demand.remove(self.choice);
        self.choice = choice;
        self.note();
    }

    fn note(&self) {
        let client = PreviewClient {
            id: self.id.clone(),
            quality: self.choice.variant.quality.as_str(),
            last_ping: crate::clock::now_ms(),
            connected: true,
        };
        self.demand.clients().insert(self.id.clone(), client);
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.demand.remove(self.choice);
        self.demand.clients().remove(&self.id);
    }
}
