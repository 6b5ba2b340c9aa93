//! What happened in chat, one event after the other: in Redis, in a file, or in memory only.

mod file;
mod handle;
mod news;
mod redis;
mod script;

pub use handle::Log;
pub(super) use news::{Heard, Loaded, Missed, Place};
