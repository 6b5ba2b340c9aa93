//! Entry points: from an accepted socket to an answered request.
//!
//! accept → sniff → TLS → HTTP/1 or HTTP/2 → normalise → route → middlewares and service → answer → record.
//! One task a connection, on the worker that accepted it; a request never leaves its thread.

mod accept;
mod dispatch;
pub mod explain;
mod handshake;
mod http1;
mod http2;
pub mod normalize;
mod settings;
mod worker;

pub use accept::accept;
pub use settings::{EntryPoint, ProxyProtocol, Underscores};
pub use worker::Worker;
