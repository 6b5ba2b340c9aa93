//! What a log holds and tells.

use crate::chat::addresses::AddressMute;
use crate::chat::model::Event;
use crate::chat::presence::Roll;
use crate::chat::state::State;

/// Everything there is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::chat) struct Loaded {
    pub(in crate::chat) state: State,
    /// The life of the sequence.
    pub(in crate::chat) epoch: String,
    /// Of the last event.
    pub(in crate::chat) sequence: u64,
}

/// An event's place in the log.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::chat) struct Place {
    pub(in crate::chat) epoch: String,
    pub(in crate::chat) sequence: u64,
}

/// Events that are in the log and not applied yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::chat) struct Missed {
    pub(in crate::chat) epoch: String,
    pub(in crate::chat) events: Vec<(u64, Event)>,
}

/// What other instances tell.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::chat) enum Heard {
    Event {
        place: Place,
        event: Event,
    },
    Roll {
        origin: String,
        roll: Roll,
    },
    Mute(AddressMute),
    /// From now on they are heard; what they told before may have been missed.
    Connected,
}
