//! Puts the stream manager together: threads, listeners, who tells whom, and the order of its end.
//!
//! [`start`] needs no runtime of its caller's and blocks nobody: everything runs on threads of its own, one for control
//! (REST, handshakes, the owner of the state), and one for each shard of the hub. Nothing is global, so that a process may
//! hold several, or hold one beside something else.

mod control;
mod figures;
mod listen;
mod notice;
mod running;
mod serve;
mod shutdown;

pub use running::{Addresses, Running, StartError, start};
