//! Fan-out: channels, shards, and what waits for each client.
//!
//! A message is encoded once, as the whole WebSocket frame, and shared by all who get it. The publisher appends to one
//! inbox a shard and goes on: it never waits for a client, nor for a shard. A shard is one thread that owns its clients;
//! it offers a message to each of them, and a client that can't take it at once keeps it in its own lanes (spec 3.8),
//! which are bounded. Only a slow client ever pays for being slow.
//!
//! The hub knows neither sockets nor what the messages say: `ws` implements [`Client`], and builds the messages.

mod channel;
mod handle;
mod inbox;
mod lanes;
mod message;
mod outbox;
mod shard;

pub use channel::{Channel, Channels};
pub use handle::{Hub, Presence, Totals};
pub use lanes::{Bounds, Lane, Lanes, Pushed};
pub use message::{Merge, Message, Publication};
pub use outbox::{Flushed, Outbox, Pipe};
pub use shard::{Client, Farewell, Local, Shard};

#[cfg(test)]
mod tests;
