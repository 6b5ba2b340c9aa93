//! Sockets: one stream type for all transports, buffers that idle connections do not hold.

pub mod buffer;
mod stream;

pub use stream::Stream;
