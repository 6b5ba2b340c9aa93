//! What a WebSocket may do, as one or several middlewares ask.

use std::time::Duration;

use super::Guard;

/// How many messages a client may send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Messages in a second.
    pub per_second: f64,
    /// Messages at once.
    pub burst: f64,
}

/// See the module. Without limits nobody follows the frames.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// The longest message of a client, in bytes of payload over all its frames.
    pub message: Option<u64>,
    /// All of them hold.
    pub rates: Vec<Rate>,
    /// The longest time without a byte in either direction.
    pub idle: Option<Duration>,
    /// The longest time in all.
    pub lifetime: Option<Duration>,
}

impl Limits {
    /// Both hold.
    pub fn tighten(&mut self, other: &Self) {
        self.message = shorter(self.message, other.message);
        self.rates.extend(&other.rates);
        self.idle = shorter(self.idle, other.idle);
        self.lifetime = shorter(self.lifetime, other.lifetime);
    }

    /// What holds a connection to them. `None` where there is nothing to hold to: its bytes are nobody's business then.
    pub fn guard(&self) -> Option<Guard> {
        (*self != Self::default()).then(|| Guard::new(self))
    }
}

/// The smaller of two limits, of which each may be none.
pub fn shorter<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
