//! WebSocket: who may come in, the protocol, and the messages (spec section 3).
//!
//! [`Door`] answers upgrade requests, on whichever port they come, and hands the socket to the hub's shard with the fewest
//! clients. From then on one thread owns it: a [`session`] reads, answers, and writes what the hub offers. The protocol is
//! RFC 6455 without extensions; headers of frames and the handshake's key are tungstenite's, the rest is `decoder`, because
//! a stream of tungstenite keeps buffers of its own for each socket and encodes each message anew.
//!
//! Adding a message type: one row in `session::handlers`, one handler; adding a channel: one row in [`crate::hub::Channel`]
//! and its snapshot in `session::snapshots`.

mod close;
mod decoder;
mod door;
pub mod events;
mod handshake;
mod limits;
mod recovery;
mod server;
mod session;
mod socket;
mod worker;

pub mod wire;

pub use door::Door;
pub use server::{Server, Settings};
pub use socket::Socket;
pub use worker::{Hub, Worker};

pub use handshake::PATHS;
