//! WebSockets (RFC 6455) that pass through: where their frames begin, what clients may send, how they are closed. Without I/O.

mod follow;
mod guard;
mod limits;
#[cfg(test)]
mod tests;

pub use follow::{Follower, Head, Malformed};
pub use guard::Guard;
pub use limits::{Limits, Rate, shorter};
