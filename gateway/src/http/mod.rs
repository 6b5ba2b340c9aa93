//! The request as every room after this one sees it: head, body, context, errors, and the one dyn seam.

mod body;
mod context;
mod error;
mod handler;
mod request;

pub use body::{Body, BoxBody};
pub use context::{Connection, Context, Interim, InterimFn, Tls, Upgraded};
pub use error::{ErrorKind, ProxyError, Side, answer};
pub use handler::{Handler, HandlerFuture};
pub use request::{Request, Target};

/// An answer on its way to the client.
pub type Response = ::http::Response<Body>;
