//! Chat: messages, moderation, and who is there (specification, sections 3.3, 3.4 and 4.4).
//!
//! One task, [`Chat`]'s, decides about each wish in turn, has the [`log`] keep it, applies it to the state, and tells the
//! listener. With Redis the log gives every event its place, and all instances apply the same events in that order; who
//! is there is told beside it, and kept by nobody.

mod addresses;
mod handle;
mod limits;
mod log;
mod model;
mod owner;
mod presence;
mod state;

#[cfg(test)]
mod tests;

pub use handle::Seat;
pub use handle::{Chat, Notice, OnNotice, Options, Told};
pub use log::Log;
pub use model::{
    Action, ChatError, ChatMessage, Moderation, Post, Present, Sender, Status, User, View, Wish,
};

use std::sync::Arc;

/// A name as it is shown.
///
/// # Errors
/// It is empty, longer than 40 characters, or has control characters.
pub fn name(name: &str) -> Result<Arc<str>, ChatError> {
    state::name(name)
}
