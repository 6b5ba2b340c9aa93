//! The one dyn seam of the data path: whatever answers a request.

use std::future::Future;
use std::pin::Pin;

use super::{Context, ProxyError, Request, Response};

/// The future of one request. It stays on its worker's thread, so it need not be `Send`.
pub type HandlerFuture<'a> = Pin<Box<dyn Future<Output = Result<Response, ProxyError>> + 'a>>;

/// Answers requests: a service, an internal service, or a chain of middlewares with its tail.
/// Shared by all workers through the snapshot, hence `Send + Sync`.
pub trait Handler: Send + Sync {
    /// Answers `request`. An error becomes an answer in one place, [`super::answer`].
    fn handle<'a>(&'a self, cx: &'a mut Context, request: Request) -> HandlerFuture<'a>;
}
