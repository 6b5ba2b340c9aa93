//! Sockets: one stream type for all transports, buffers that idle connections do not hold, coarse deadlines, TLS.

mod admission;
pub mod buffer;
mod copy;
pub mod deadline;
pub mod listener;
pub mod proxy_protocol;
mod rewind;
mod stream;
pub mod tls;
mod watch;

pub use admission::{Admission, Place};
pub use copy::{EndReason, Tally, Tunnel, TunnelOptions, tunnel};
pub use deadline::Deadline;
pub use rewind::Rewind;
pub use stream::Stream;
pub use watch::{Look, Side, Watch};
