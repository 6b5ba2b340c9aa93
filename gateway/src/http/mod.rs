//! The request as every room after this one sees it: head, body, context, errors, and the one dyn seam.

mod body;
mod context;
mod error;
pub mod forwarded;
mod gather;
mod handler;
mod hold;
pub mod hop;
mod location;
pub mod path;
mod request;
pub mod sniff;
mod time_limit;
pub mod websocket;

pub use body::{Body, BoxBody};
pub use context::{Asked, Connection, Context, Held, Interim, Peer, Tls, Upgraded};
pub use error::{ErrorKind, ProxyError, Side, answer};
pub use gather::{Gathered, SharedBody, gather, gather_noting, peek};
pub use handler::{Handler, HandlerFuture};
pub use hold::hold;
pub use location::{location, plain, redirect};
pub use request::{Request, Target};
pub use time_limit::TimeLimit;

/// An answer on its way to the client.
pub type Response = ::http::Response<Body>;
