//! Who is there: users of this instance by their sockets, and what other instances tell of theirs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::model::{Present, Status};

/// Users that a list names; more are counted only.
pub(super) const LISTED: usize = 200;
/// An instance that is not heard of for so long is gone, and its users with it.
const FORGET: Duration = Duration::from_secs(30);

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Presence {
    here: BTreeMap<Arc<str>, Here>,
    elsewhere: HashMap<String, Elsewhere>,
}

#[derive(Debug)]
struct Here {
    user: Present,
    sockets: usize,
}

#[derive(Debug)]
struct Elsewhere {
    users: Vec<Present>,
    count: usize,
    heard: Instant,
}

/// What an instance tells others of its users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Roll {
    pub(super) users: Vec<Present>,
    pub(super) count: usize,
}

/// What became of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Join,
    Leave,
    Away,
    Back,
    /// Another name.
    Name,
}

impl Presence {
    /// A socket of that user came.
    pub(super) fn join(&mut self, id: &Arc<str>, name: &Arc<str>) -> Option<Change> {
        if let Some(here) = self.here.get_mut(id) {
            here.sockets += 1;
            return None;
        }
        let user = Present {
            id: Arc::clone(id),
            name: Arc::clone(name),
            status: Status::Online,
        };
        self.here.insert(Arc::clone(id), Here { user, sockets: 1 });
        Some(Change::Join)
    }

    /// A socket of that user went.
    pub(super) fn leave(&mut self, id: &str) -> Option<(Change, Present)> {
        let here = self.here.get_mut(id)?;
        here.sockets -= 1;
        if here.sockets > 0 {
            return None;
        }
        self.here.remove(id).map(|here| (Change::Leave, here.user))
    }

    /// A user says how he is, and what he is called.
    pub(super) fn set(
        &mut self,
        id: &str,
        status: Option<Status>,
        name: Option<Arc<str>>,
    ) -> Option<(Change, Present)> {
        let user = &mut self.here.get_mut(id)?.user;
        let mut change = None;
        if let Some(name) = name.filter(|name| *name != user.name) {
            user.name = name;
            change = Some(Change::Name);
        }
        if let Some(status) = status.filter(|status| *status != user.status) {
            user.status = status;
            change = Some(match status {
                Status::Away => Change::Away,
                Status::Online => Change::Back,
            });
        }
        change.map(|change| (change, user.clone()))
    }

    /// The name that a user of this instance goes by.
    pub(super) fn name(&self, id: &str) -> Option<Arc<str>> {
        self.here.get(id).map(|here| Arc::clone(&here.user.name))
    }

    /// Another instance tells of its users; says whether anything is new.
    pub(super) fn told(&mut self, origin: &str, roll: Roll, now: Instant) -> bool {
        let Roll { users, count } = roll;
        let before = self.elsewhere.get(origin);
        let new = before.is_none_or(|known| known.users != users || known.count != count);
        let heard = now;
        let elsewhere = Elsewhere {
            users,
            count,
            heard,
        };
        self.elsewhere.insert(origin.to_owned(), elsewhere);
        new
    }

    /// Forgets instances that are silent; says whether there were any.
    pub(super) fn forget(&mut self, now: Instant) -> bool {
        let before = self.elsewhere.len();
        self.elsewhere
            .retain(|_, known| now.saturating_duration_since(known.heard) < FORGET);
        self.elsewhere.len() < before
    }

    /// What others are told.
    pub(super) fn roll(&self) -> Roll {
        let users = self.here.values().take(LISTED);
        Roll {
            users: users.map(|here| here.user.clone()).collect(),
            count: self.here.len(),
        }
    }

    /// Some of all, and how many there are. A user of several instances counts once where he is named.
    pub(super) fn all(&self) -> (Vec<Present>, usize) {
        let mut users: BTreeMap<&str, &Present> = BTreeMap::new();
        let mut count = self.here.len();
        for elsewhere in self.elsewhere.values() {
            count += elsewhere.count;
            users.extend(elsewhere.users.iter().map(|user| (&*user.id, user)));
        }
        let twice = users
            .keys()
            .filter(|id| self.here.contains_key(**id))
            .count();
        let here = self.here.iter().take(LISTED);
        users.extend(here.map(|(id, here)| (&**id, &here.user)));
        let listed = users.into_values().take(LISTED).cloned().collect();
        (listed, count - twice)
    }
}
