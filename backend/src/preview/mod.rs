//! Preview frames (specification, section 3.9): a test pattern drawn from the scene, or pictures that an outside
//! compositor puts here; scaled and encoded once for each quality and format that somebody watches.
//!
//! [`Frames`] is what everybody else holds. The ticker makes frames while the stream is live and not paused, on threads
//! of their own, and only for those who watch; what takes too long is dropped, never queued.

mod choice;
mod demand;
mod fanout;
mod frames;
mod lock;
mod pattern;
mod picture;
mod ticker;

#[cfg(test)]
mod tests;

pub use choice::{Choice, Encoding, Format, Variant};
pub use demand::{PreviewClient, Watching};
pub use frames::{FrameConfig, FrameError, Frames};
pub use picture::Encoded;
pub use ticker::{Event, OnEvent, Ticker};
