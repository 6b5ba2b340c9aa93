//! The map of the gateway. Each module is a room; a room may use only rooms listed before it
//! (`tests/tests/layering.rs` holds the order, `docs/ARCHITECTURE.md` tells what lives where).

pub mod h1;
pub mod net;
pub mod observe;

pub mod http;

pub mod upstream;
