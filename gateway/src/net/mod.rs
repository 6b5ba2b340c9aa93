//! Sockets: one stream type for all transports, buffers that idle connections do not hold.

pub mod buffer;
mod copy;
mod stream;
mod ticker;

pub use copy::{EndReason, Tally, Tunnel, TunnelOptions, tunnel};
pub use stream::Stream;
pub use ticker::Deadline;
