//! The rules of chat, pure: which wishes are fine, and what an event changes.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::addresses::AddressMute;
use super::model::{Action, ChatError, ChatMessage, Event, Moderation, Wish};

/// Messages that are kept.
pub(super) const KEPT: usize = 200;
/// Characters of a message and of a name.
pub(super) const LONGEST_TEXT: usize = 500;
pub(super) const LONGEST_NAME: usize = 40;
const LONGEST_REASON: usize = 200;
/// A day, in seconds: a longer time-out is a ban.
const LONGEST_TIMEOUT: u64 = 86_400;
const LONGEST_SLOW_MODE: u64 = 3_600;
/// Mutes that are remembered; what is over goes first.
const MOST_MUTES: usize = 10_000;

/// See the head of this file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    pub(super) messages: VecDeque<Arc<ChatMessage>>,
    /// User to the end of the mute, Unix milliseconds; 0 is never.
    pub(super) mutes: HashMap<Arc<str>, u64>,
    pub(super) muted_addresses: HashMap<IpAddr, AddressMute>,
    pub(super) pinned: Option<Arc<str>>,
    pub(super) slow_mode_seconds: u64,
}

impl State {
    /// Applies what happened.
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Message(message) => {
                self.messages.push_back(Arc::clone(message));
                while self.messages.len() > KEPT {
                    self.messages.pop_front();
                }
            }
            Event::Moderation(moderation) => self.moderated(moderation),
        }
    }

    fn moderated(&mut self, moderation: &Moderation) {
        let (message, user) = (&moderation.message_id, &moderation.user_id);
        match moderation.action {
            Action::Delete => {
                self.messages
                    .retain(|known| Some(&known.id) != message.as_ref());
                if self.pinned == *message {
                    self.pinned = None;
                }
            }
            Action::Clear => {
                self.messages.clear();
                self.pinned = None;
            }
            Action::Pin => self.pinned.clone_from(message),
            Action::SlowMode => {
                self.slow_mode_seconds = moderation.duration_seconds.unwrap_or_default();
            }
            Action::Unban => {
                if let Some(user) = user {
                    self.mutes.remove(user);
                    self.muted_addresses.retain(|_, mute| mute.user != *user);
                }
            }
            Action::Timeout | Action::Ban => {
                if let Some(user) = user {
                    self.mute(user, moderation);
                }
            }
        }
    }

    fn mute(&mut self, user: &Arc<str>, moderation: &Moderation) {
        if self.mutes.len() >= MOST_MUTES {
            let now = moderation.timestamp;
            self.mutes.retain(|_, until| *until == 0 || *until > now);
        }
        if self.mutes.len() < MOST_MUTES || self.mutes.contains_key(user) {
            self.mutes.insert(Arc::clone(user), until(moderation));
        }
    }

    pub(super) fn mute_address(&mut self, mute: AddressMute, now_ms: u64) {
        let muted = &mut self.muted_addresses;
        if mute.lifted {
            muted.retain(|address, known| *address != mute.address || known.user != mute.user);
            return;
        }
        if muted.len() >= MOST_MUTES {
            muted.retain(|_, mute| mute.until == 0 || mute.until > now_ms);
        }
        if muted.len() < MOST_MUTES || muted.contains_key(&mute.address) {
            muted.insert(mute.address, mute);
        }
    }

    /// How long somebody may not write yet; `None`: he may. `address`: what a mute may hold for too.
    pub(super) fn muted(&self, user: &str, address: Option<IpAddr>, now_ms: u64) -> Option<Mute> {
        let by_user = self.mutes.get(user).copied();
        let by_address = address.and_then(|address| self.muted_addresses.get(&address));
        let ends = [by_user, by_address.map(|mute| mute.until)];
        let mutes = ends.into_iter().flatten();
        mutes.filter_map(|until| mute(until, now_ms)).max()
    }

    /// Checks a moderator's wish.
    pub(super) fn check(&self, wish: &Wish) -> Result<(), ChatError> {
        let known = |id: &str| self.messages.iter().any(|message| &*message.id == id);
        let reason = wish.reason.as_deref().unwrap_or_default();
        if reason.chars().count() > LONGEST_REASON {
            let message = format!("reason must not be longer than {LONGEST_REASON} characters");
            return Err(ChatError::field("reason", message));
        }
        match (wish.action, &wish.message_id) {
            (Action::Delete, None) => {
                return Err(ChatError::field(
                    "messageId",
                    "messageId must say which message",
                ));
            }
            (Action::Delete | Action::Pin, Some(id)) if !known(id) => {
                return Err(ChatError::new("NOT_FOUND", "Message not found"));
            }
            _ => {}
        }
        let muting = matches!(wish.action, Action::Timeout | Action::Ban | Action::Unban);
        let user = wish.user_id.as_deref().unwrap_or_default();
        if muting && (user.is_empty() || user.len() > 128) {
            return Err(ChatError::field("userId", "userId must say whom"));
        }
        let (least, most) = match wish.action {
            Action::Timeout => (1, LONGEST_TIMEOUT),
            Action::SlowMode => (0, LONGEST_SLOW_MODE),
            _ => return Ok(()),
        };
        match wish.duration_seconds {
            Some(seconds) if (least..=most).contains(&seconds) => Ok(()),
            _ => Err(ChatError::field(
                "durationSeconds",
                format!("durationSeconds must be a whole number from {least} to {most}"),
            )),
        }
    }

    /// Between two messages of one user.
    pub(super) fn slow_mode(&self) -> Duration {
        Duration::from_secs(self.slow_mode_seconds)
    }
}

/// A mute that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mute {
    For(Duration),
    Forever,
}

/// What an end that was noted means now.
fn mute(until: u64, now_ms: u64) -> Option<Mute> {
    match until {
        0 => Some(Mute::Forever),
        until if until > now_ms => Some(Mute::For(Duration::from_millis(until - now_ms))),
        _ => None,
    }
}

/// When a mute ends, Unix milliseconds; 0 is never.
pub(super) fn until(moderation: &Moderation) -> u64 {
    match (moderation.action, moderation.duration_seconds) {
        (Action::Timeout, Some(seconds)) => moderation.timestamp + seconds * 1000,
        _ => 0,
    }
}

/// A message's text as it is sent.
pub(super) fn text(text: &str) -> Result<String, ChatError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ChatError::field("text", "Message text is required"));
    }
    if text.chars().count() > LONGEST_TEXT {
        return Err(ChatError::field("text", "Message text is too long"));
    }
    Ok(text.to_owned())
}

/// A name as it is shown: no control characters, which could make it look like something else.
pub(super) fn name(name: &str) -> Result<Arc<str>, ChatError> {
    let name = name.trim();
    let length = name.chars().count();
    if !(1..=LONGEST_NAME).contains(&length) || name.chars().any(char::is_control) {
        let message = format!("name must be 1 to {LONGEST_NAME} characters");
        return Err(ChatError::field("name", message));
    }
    Ok(name.into())
}
