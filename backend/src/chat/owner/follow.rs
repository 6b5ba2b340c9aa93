//! Keeping step with the log: what happened is applied and told once, in the order that it has there.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout;

use super::{Owner, PATIENCE};
use crate::chat::handle::Told;
use crate::chat::log::Place;
use crate::chat::model::{ChatError, Event, Moderation};
use crate::chat::state::State;
use crate::clock::now_ms;
use crate::config::PersistMode;

/// Events that wait for the log; older ones are lost to other instances.
const UNSENT: usize = 1_000;
/// Events whose ids are known, to tell each once.
const SEEN: usize = 2_000;

impl Owner {
    /// Has the log keep an event, and applies it in its turn.
    pub(super) async fn happened(&mut self, event: Event) -> Result<(), ChatError> {
        // What could not be sent yet goes first, or others would have another order.
        let appended = match self.unsent.is_empty() {
            true => timeout(PATIENCE, self.log.append(&event)).await,
            false => Ok(Err(crate::store::StoreError("others wait".to_owned()))),
        };
        match appended {
            Ok(Ok(place)) => {
                self.arrived(&place, event);
                // Others' events go before ours: have them told first.
                if !self.early.is_empty() {
                    self.catch_up().await;
                }
                Ok(())
            }
            _ if self.options.persist_mode == PersistMode::Strict => Err(ChatError::new(
                "SERVICE_UNAVAILABLE",
                "the message can't be stored at the moment",
            )),
            failed => {
                if let Ok(Err(error)) = failed {
                    tracing::debug!(%error, "a chat event waits for the store");
                }
                self.unsent.push_back(event.clone());
                if self.unsent.len() > UNSENT {
                    self.unsent.pop_front();
                }
                self.behind.get_or_insert_with(Instant::now);
                self.tell(&event);
                Ok(())
            }
        }
    }

    /// An event has its place; it is told when all before it are.
    pub(super) fn arrived(&mut self, place: &Place, event: Event) {
        if place.epoch != self.at.epoch {
            let emptied = !self.at.epoch.is_empty();
            if emptied && place.sequence != 1 {
                // Another log: what is there now is looked at as a whole.
                self.behind.get_or_insert_with(Instant::now);
                return;
            }
            self.unrestored |= emptied;
            self.at = Place {
                epoch: place.epoch.clone(),
                sequence: 0,
            };
            self.early.clear();
        }
        if place.sequence <= self.at.sequence {
            return;
        }
        self.early.insert(place.sequence, event);
        while let Some(event) = self.early.remove(&(self.at.sequence + 1)) {
            self.at.sequence += 1;
            self.tell(&event);
        }
        if self.early.is_empty() {
            if self.unsent.is_empty() {
                self.behind = None;
            }
        } else {
            self.behind.get_or_insert_with(Instant::now);
        }
    }

    /// Applies an event and tells of it, if it is new.
    pub(super) fn tell(&mut self, event: &Event) {
        if self.seen.contains(event.id()) {
            return;
        }
        self.seen.push_back(Arc::clone(event.id()));
        if self.seen.len() > SEEN {
            self.seen.pop_front();
        }
        self.state.apply(event);
        self.dirty = true;
        let told = match event {
            Event::Message(message) => Told::Message(Arc::clone(message)),
            Event::Moderation(moderation) => {
                self.mute_address(moderation);
                Told::Moderation(Arc::clone(moderation))
            }
        };
        self.notice(told);
    }

    pub(super) fn mute_address(&mut self, moderation: &Moderation) {
        let Some(mute) = self.addresses.mute(moderation) else {
            return;
        };
        if self.log.is_shared() {
            self.addresses.is_to_be_told(mute.clone());
        }
        self.state.mute_address(mute, now_ms());
    }

    /// Tells others of mutes whose addresses are known here.
    pub(super) async fn tell_mutes(&mut self) {
        while let Some(mute) = self.addresses.untold() {
            match timeout(PATIENCE, self.log.mute_address(&mute)).await {
                Ok(Ok(())) => self.addresses.told(),
                // The next tick tries again.
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    /// Brings this instance and the log to the same point: first what others did, then what could not be sent.
    pub(super) async fn catch_up(&mut self) {
        let missed = match timeout(PATIENCE, self.log.since(&self.at)).await {
            Ok(Ok(missed)) => missed,
            Ok(Err(_)) | Err(_) => {
                self.behind.get_or_insert_with(Instant::now);
                return;
            }
        };
        match missed {
            Some(missed) => {
                for (sequence, event) in missed.events {
                    let epoch = missed.epoch.clone();
                    self.arrived(&Place { epoch, sequence }, event);
                }
            }
            None => self.load().await,
        }
        if self.unrestored {
            match timeout(PATIENCE, self.log.restore(&self.state)).await {
                Ok(Ok(())) => self.unrestored = false,
                Ok(Err(_)) | Err(_) => return,
            }
        }
        while let Some(event) = self.unsent.front().cloned() {
            match timeout(PATIENCE, self.log.append(&event)).await {
                Ok(Ok(place)) => {
                    self.unsent.pop_front();
                    self.arrived(&place, event);
                }
                Ok(Err(_)) | Err(_) => return,
            }
        }
        self.early
            .retain(|sequence, _| *sequence > self.at.sequence);
        if self.early.is_empty() {
            self.behind = None;
        }
    }

    /// Takes everything from the log anew; what is not in it yet is added to it afterwards.
    pub(super) async fn load(&mut self) {
        match timeout(PATIENCE, self.log.load()).await {
            Ok(Ok(loaded)) => {
                let first = self.at.epoch.is_empty() && self.sequence == 0;
                self.at = Place {
                    epoch: loaded.epoch,
                    sequence: loaded.sequence,
                };
                self.early.clear();
                if loaded.sequence == 0 && self.state != State::default() {
                    // It has lost everything, and gets what is known here.
                    self.unrestored = true;
                    return;
                }
                self.state = loaded.state;
                self.seen = self
                    .state
                    .messages
                    .iter()
                    .map(|known| Arc::clone(&known.id))
                    .collect();
                for event in &self.unsent {
                    self.state.apply(event);
                    self.seen.push_back(Arc::clone(event.id()));
                }
                let view = self.next_view();
                if !first {
                    self.notice(Told::Replaced(view));
                }
            }
            failed => {
                let error = match failed {
                    Ok(Err(error)) => error.to_string(),
                    _ => "it does not answer".to_owned(),
                };
                tracing::warn!(error, "chat can't be loaded yet");
                self.behind.get_or_insert_with(Instant::now);
            }
        }
    }

    pub(super) async fn save(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        if let Err(error) = self.log.save(&self.state).await {
            tracing::error!(%error, "chat could not be stored");
            self.dirty = true;
        }
    }
}
