//! Bringing together what the store holds and what is in force: at the start, after an outage, after another instance's
//! change.

use std::sync::Arc;

use super::commit::CommitKind;
use super::writer::{Held, Writer};
use crate::state::Snapshot;
use crate::store::{Backend, Parts, Position, Stored};

impl<B: Backend> Writer<B> {
    /// Decides what is in force from now on, and what of it the store does not hold yet.
    ///
    /// The store's parts win, except those with a change that is committed here and not stored; with such a change the
    /// version is one above both. A store that holds an older version than it was known to hold has lost something,
    /// and gets everything again.
    pub(super) fn take_over(&mut self, stored: Stored) {
        let Stored {
            stream,
            scene,
            settings,
            position,
        } = stored;
        self.held = position.clone().map_or(Held::Nothing, Held::Version);
        let known = self.known.clone();
        let lost = |held: &Position| {
            let known = known.as_ref();
            known.is_some_and(|known| known.epoch == held.epoch && known.version > held.version)
        };
        let empty = position.is_none() && stream.is_none() && scene.is_none();
        if empty || position.as_ref().is_some_and(lost) || (position.is_none() && known.is_some()) {
            if known.is_some() {
                tracing::warn!("the store has lost changes: writing our own state");
            }
            self.owed = Parts::ALL;
            return;
        }
        self.rehydrated();
        self.known.clone_from(&position);
        let ours = self.unsaved;
        let missing = Parts {
            stream: stream.is_none(),
            scene: scene.is_none(),
            settings: settings.is_none(),
        };
        let current = &self.current;
        let restored = settings.map(|settings| settings.restore(&self.options.settings));
        let mut next = Snapshot {
            stream: choose(stream, ours.stream, &current.stream),
            scene: choose(scene, ours.scene, &current.scene),
            settings: choose(restored, ours.settings, &current.settings),
            ..Snapshot::clone(current)
        };
        match position {
            Some(held) => {
                next.version = if ours == Parts::default() {
                    held.version
                } else {
                    held.version.max(current.version) + 1
                };
                next.epoch = held.epoch;
                self.owed = missing;
            }
            // An older service wrote it, without versions.
            None => self.owed = Parts::ALL,
        }
        if *next.scene != *current.scene || next.epoch != current.epoch {
            let marks = &current.marks;
            let marks = marks.replaced(&current.scene, &next.scene, next.version);
            next.marks = Arc::new(marks);
        }
        self.replace(next);
    }

    fn replace(&mut self, next: Snapshot) {
        if next == *self.current {
            return;
        }
        let mut changes = self.current.stream.changes(&next.stream);
        changes.extend(self.current.settings.changes(&next.settings));
        tracing::info!(version = next.version, epoch = %next.epoch, "state taken over from the store");
        self.commit(Arc::new(next), CommitKind::Replaced, changes);
    }
}

/// The stored part, unless it is missing or ours is newer.
fn choose<T: PartialEq>(stored: Option<T>, is_ours: bool, current: &Arc<T>) -> Arc<T> {
    match stored {
        Some(stored) if !is_ours && stored != **current => Arc::new(stored),
        _ => Arc::clone(current),
    }
}
