//! A limit for the time until the head of an answer (`timeout` of routers and load balancers, an addition to Traefik's options).

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use super::{Context, ErrorKind, Handler, HandlerFuture, ProxyError, Request, Side};
use crate::net::Deadline;

/// Answers 504 where what is behind it does not answer in time. The body may take as long as it will, and so may a tunnel.
pub struct TimeLimit {
    inner: Arc<dyn Handler>,
    limit: Duration,
}

impl TimeLimit {
    /// `inner` with a limit; itself where there is none.
    pub fn wrap(inner: Arc<dyn Handler>, limit: Option<Duration>) -> Arc<dyn Handler> {
        match limit.filter(|limit| !limit.is_zero()) {
            Some(limit) => Arc::new(Self { inner, limit }),
            None => inner,
        }
    }
}

impl Handler for TimeLimit {
    fn handle<'a>(&'a self, cx: &'a mut Context, request: Request) -> HandlerFuture<'a> {
        Box::pin(async move {
            let deadline = Deadline::after(self.limit);
            let late = poll_fn(|cx| deadline.poll_expired(cx));
            tokio::select! {
                biased;
                answer = self.inner.handle(cx, request) => answer,
                () = late => Err(ProxyError::new(ErrorKind::UpstreamTimeout, Side::Upstream)),
            }
        })
    }
}
