//! Sockets: one stream type for all transports, buffers that idle connections do not hold, coarse deadlines.

pub mod buffer;
pub mod deadline;
pub mod listener;
mod stream;

pub use stream::Stream;
