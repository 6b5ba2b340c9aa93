//! Where users write from, where nobody proves who he is: a mute then holds for the address too, so that connecting anew
//! does not lift it. Which instance knows the address is chance; it tells the others.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::model::{Action, Moderation};
use super::state::until;

/// Users whose addresses are known.
const KNOWN: usize = 10_000;
/// Mutes that wait for the log; older ones hold on this instance only.
const UNSENT: usize = 1_000;

/// A mute of an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AddressMute {
    pub(super) address: IpAddr,
    /// Whose mute it is, and with whose unban it ends.
    pub(super) user: Arc<str>,
    /// Unix milliseconds; 0 is never.
    pub(super) until: u64,
    /// It ends here. What an instance tells of one address comes in the order in which it happened.
    #[serde(default)]
    pub(super) lifted: bool,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    known: HashMap<Arc<str>, IpAddr>,
    unsent: VecDeque<AddressMute>,
}

impl Addresses {
    pub(super) fn writes_from(&mut self, user: &Arc<str>, address: IpAddr) {
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        self.known.insert(Arc::clone(user), address);
    }

    /// The mute that goes with a moderator's, or its end, if the address is known here.
    pub(super) fn mute(&self, moderation: &Moderation) -> Option<AddressMute> {
        let lifted = match moderation.action {
            Action::Timeout | Action::Ban => false,
            Action::Unban => true,
            _ => return None,
        };
        let user = moderation.user_id.as_ref()?;
        Some(AddressMute {
            address: *self.known.get(user)?,
            user: Arc::clone(user),
            until: until(moderation),
            lifted,
        })
    }

    /// Others are to be told of it.
    pub(super) fn is_to_be_told(&mut self, mute: AddressMute) {
        self.unsent.push_back(mute);
        if self.unsent.len() > UNSENT {
            self.unsent.pop_front();
        }
    }

    /// The first that others were not told of yet.
    pub(super) fn untold(&self) -> Option<AddressMute> {
        self.unsent.front().cloned()
    }

    /// They were.
    pub(super) fn told(&mut self) {
        self.unsent.pop_front();
    }
}
