//! A router's middlewares in front of what answers: forwards over the filters, then backwards over those that ran.

use std::sync::Arc;

use super::filter::{Outcome, Step};
use super::{Filter, Memo, Wrapper};
use crate::http::{Context, Handler, HandlerFuture, ProxyError, Request, Response};

/// Filters, and what stands behind them.
pub struct Chain {
    filters: Box<[Filter]>,
    tail: Tail,
}

enum Tail {
    /// A service, or a table of child routers.
    Service(Arc<dyn Handler>),
    /// A wrapper with the rest of the chain.
    Wrap(Wrapper, Arc<Chain>),
}

/// Marks an answer that stands for an error before which no server saw the request: a wrapper may run the chain again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unsent;

/// What filters keep, by their place in the chain. Most chains have one that keeps something, or none: that is not worth
/// an allocation.
#[derive(Default)]
struct Memos {
    first: Option<(usize, Memo)>,
    more: Vec<(usize, Memo)>,
}

impl Memos {
    fn push(&mut self, of: usize, memo: Memo) {
        match &mut self.first {
            none @ None => *none = Some((of, memo)),
            Some(_) => self.more.push((of, memo)),
        }
    }

    /// That of the filter at this place, asked for in reverse order.
    fn pop(&mut self, of: usize) -> Option<Memo> {
        let last = self.more.pop_if(|(kept, _)| *kept == of);
        let last = last.or_else(|| self.first.take_if(|(kept, _)| *kept == of));
        last.map(|(_, memo)| memo)
    }
}

impl Chain {
    /// Nothing but `tail`.
    pub(super) fn new(tail: Arc<dyn Handler>) -> Self {
        Self {
            filters: Box::default(),
            tail: Tail::Service(tail),
        }
    }

    /// The same with filters before it.
    pub(super) fn after(self, filters: Vec<Filter>) -> Self {
        let mut all = filters;
        all.extend(self.filters);
        Self {
            filters: all.into(),
            tail: self.tail,
        }
    }

    /// The same inside `wrapper`.
    pub(super) fn inside(self, wrapper: Wrapper) -> Self {
        Self {
            filters: Box::default(),
            tail: Tail::Wrap(wrapper, Arc::new(self)),
        }
    }

    /// Answers `request`. Where a filter let it through, an error is an answer already: filters see what clients get.
    pub async fn run(&self, cx: &mut Context, request: Request) -> Result<Response, ProxyError> {
        let mut request = request;
        let mut memos = Memos::default();
        let mut ran = 0;
        let mut answered = None;
        for filter in &self.filters {
            let outcome = match filter.request(cx, &mut request) {
                Step::Done(outcome) => outcome,
                Step::Later(outcome) => outcome.await,
            };
            match outcome {
                Outcome::Next => {}
                Outcome::Keep(memo) => memos.push(ran, memo),
                Outcome::Answer(response) => {
                    note(cx, &request);
                    answered = Some(*response);
                    break;
                }
            }
            ran += 1;
        }
        let mut response = match answered {
            Some(response) => response,
            None => match self.tail(cx, request).await {
                Ok(response) => response,
                Err(error) if ran > 0 => failed(cx, error),
                Err(error) => return Err(error),
            },
        };
        for (index, filter) in self.filters.iter().enumerate().take(ran).rev() {
            let memo = memos.pop(index);
            filter.response(cx, memo, &mut response);
        }
        Ok(response)
    }

    async fn tail(&self, cx: &mut Context, mut request: Request) -> Result<Response, ProxyError> {
        note(cx, &request);
        match &self.tail {
            Tail::Service(service) => {
                // Rewrites may leave nothing of a path, which later ones can tell from a slash; servers cannot.
                if !request.target.path().starts_with('/') {
                    lead(&mut request);
                }
                service.handle(cx, request).await
            }
            Tail::Wrap(wrapper, rest) => wrapper.handle(cx, request, rest).await,
        }
    }
}

/// Notes the request where an outer middleware wants to know it.
fn note(cx: &mut Context, request: &Request) {
    if let Some(asked) = &mut cx.asked {
        asked.target = request.target.clone();
        asked.headers.clone_from(&request.headers);
    }
}

fn lead(request: &mut Request) {
    if request.target.as_bytes() != b"*" {
        let path = format!("/{}", request.target.path());
        request.target.set_path(&path);
    }
}

/// The answer that stands for an error of the tail.
pub(super) fn failed(cx: &Context, error: ProxyError) -> Response {
    tracing::debug!(%error, router = ?cx.record.router(), server = ?cx.record.server, "request failed");
    let unsent = error.is_retryable();
    let mut response = error.into_response();
    if unsent {
        response.extensions_mut().insert(Unsent);
    }
    response
}

impl Handler for Chain {
    fn handle<'a>(&'a self, cx: &'a mut Context, request: Request) -> HandlerFuture<'a> {
        Box::pin(self.run(cx, request))
    }
}
