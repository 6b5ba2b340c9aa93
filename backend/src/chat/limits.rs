//! How often one user may write: five messages in ten seconds, and the moderators' slow mode.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::model::{ChatError, Sender};

const MESSAGES: usize = 5;
const WITHIN: Duration = Duration::from_secs(10);
/// Writers that are remembered before those who have been silent go.
const SWEEP_FROM: usize = 4096;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Limits {
    users: HashMap<Arc<str>, Writer>,
    addresses: HashMap<IpAddr, Writer>,
}

/// When somebody's last messages were.
#[derive(Debug, Default)]
struct Writer([Option<Instant>; MESSAGES]);

impl Writer {
    /// How long to wait, if at all.
    fn wait(&self, slow_mode: Duration, now: Instant) -> Option<Duration> {
        let until = |at: Option<Instant>, after: Duration| {
            let left = (at? + after).saturating_duration_since(now);
            (!left.is_zero()).then_some(left)
        };
        let last = self.0.last().copied().flatten();
        let first = self.0.first().copied().flatten();
        until(last, slow_mode).max(until(first, WITHIN))
    }

    fn note(&mut self, now: Instant) {
        self.0.rotate_left(1);
        if let Some(last) = self.0.last_mut() {
            *last = Some(now);
        }
    }

    fn silent(&self, for_at_least: Duration, now: Instant) -> bool {
        let last = self.0.last().copied().flatten();
        last.is_none_or(|last| now.saturating_duration_since(last) > for_at_least)
    }
}

impl Limits {
    /// Counts a message of that sender.
    pub(super) fn take(
        &mut self,
        from: &Sender,
        slow_mode: Duration,
        now: Instant,
    ) -> Result<(), ChatError> {
        sweep(&mut self.users, slow_mode, now);
        sweep(&mut self.addresses, slow_mode, now);
        let by_user = self.users.get(&from.user.id);
        let by_address = from
            .anonymous
            .then(|| self.addresses.get(&from.address))
            .flatten();
        // Slow mode is for each user: those who share an address would otherwise wait for each other.
        let wait = by_user
            .and_then(|writer| writer.wait(slow_mode, now))
            .max(by_address.and_then(|writer| writer.wait(Duration::ZERO, now)));
        if let Some(wait) = wait {
            return Err(ChatError::wait("Too many messages; wait a little", wait));
        }
        self.users
            .entry(Arc::clone(&from.user.id))
            .or_default()
            .note(now);
        if from.anonymous {
            self.addresses.entry(from.address).or_default().note(now);
        }
        Ok(())
    }
}

fn sweep<K: Hash + Eq>(writers: &mut HashMap<K, Writer>, slow_mode: Duration, now: Instant) {
    if writers.len() >= SWEEP_FROM {
        writers.retain(|_, writer| !writer.silent(WITHIN.max(slow_mode), now));
    }
}
