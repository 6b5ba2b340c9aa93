//! What a client that comes back says it has, and whether it gets all that it missed.
//!
//! Snapshots hold the newest state whatever was missed; so of one epoch nothing is lost but chat messages that are kept no
//! longer.

use super::handshake::parameter;
use crate::chat::View;
use crate::hub::{Channel, Channels};
use crate::state::Snapshot;

/// Longest id or epoch that is looked at.
const LONGEST: usize = 64;

/// `since`, `epoch` and `lastMessageId` of a query; of server-sent events what `Last-Event-ID` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Since {
    pub(super) epoch: String,
    pub(super) version: u64,
    /// The last chat message it has.
    pub(super) message: Option<String>,
}

impl Since {
    /// What a query says; `None`: the client comes for the first time.
    pub(super) fn of_query(query: &str) -> Option<Self> {
        let short = |text: &String| (1..=LONGEST).contains(&text.len());
        let epoch = parameter(query, "epoch").filter(short)?;
        let version = parameter(query, "since")?.parse().ok()?;
        Some(Self {
            epoch,
            version,
            message: parameter(query, "lastMessageId").filter(short),
        })
    }

    /// What the id of an event says: `epoch-version`.
    pub(super) fn of_event(id: &str) -> Option<Self> {
        let (epoch, version) = id.trim().rsplit_once('-')?;
        let version = version.parse().ok()?;
        (1..=LONGEST).contains(&epoch.len()).then(|| Self {
            epoch: epoch.to_owned(),
            version,
            message: None,
        })
    }

    /// Whether what is sent at subscription holds all that was missed on these channels.
    pub(super) fn is_covered(&self, targets: Channels, now: &Snapshot, chat: &View) -> bool {
        let same = self.epoch == *now.epoch && self.version <= now.version;
        // Without a message to go on from nobody can tell.
        let chat = !targets.contains(Channel::Chat)
            || self
                .message
                .as_ref()
                .is_some_and(|id| chat.messages.iter().any(|known| *known.id == **id));
        same && chat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_queries_are_read() {
        let since = |epoch: &str, version, message: Option<&str>| {
            Some(Since {
                epoch: epoch.to_owned(),
                version,
                message: message.map(str::to_owned),
            })
        };
        assert_eq!(Since::of_event("9f2c-42"), since("9f2c", 42, None));
        assert_eq!(Since::of_event("a-b-7"), since("a-b", 7, None));
        for bad in ["", "42", "-42", "9f2c-", "9f2c-x"] {
            assert_eq!(Since::of_event(bad), None, "{bad}");
        }
        let query = "target=chat&since=3&epoch=e&lastMessageId=m1";
        assert_eq!(Since::of_query(query), since("e", 3, Some("m1")));
        assert_eq!(Since::of_query("since=3"), None);
        assert_eq!(Since::of_query("epoch=e&since=-3"), None);
    }
}
