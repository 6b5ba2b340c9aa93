//! What the tests of middlewares share: requests out of nothing, and filters run once.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ::http::{HeaderMap, Method, StatusCode, Version};
use bytes::Bytes;

use super::Caches;
use super::build::Site;
use super::chain::Chain;
use super::filter::{Act, Outcome, Step};
use super::wrapper::Wrap;
use crate::http::{
    Body, Connection, Context, Handler, HandlerFuture, Peer, ProxyError, Request, Response, Target,
    Tls,
};

/// A context of a plain connection from 10.0.0.9.
pub(super) fn context() -> Context {
    with_connection(None)
}

/// The same over TLS.
pub(super) fn secure_context() -> Context {
    with_connection(Some(Tls::default()))
}

/// The same over whatever TLS settled.
pub(super) fn with_connection(tls: Option<Tls>) -> Context {
    let connection = Connection {
        peer: Peer::new(SocketAddr::from(([10, 0, 0, 9], 4000))),
        local: SocketAddr::from((Ipv4Addr::LOCALHOST, 80)),
        entry_point: "web".into(),
        append_forwarded_for: true,
        tls,
    };
    Context::new(Rc::new(connection), "a.test".to_owned(), Instant::now())
}

/// A GET request for `target` at a.test.
pub(super) fn request(target: &str) -> Request {
    let path = target.find('?').unwrap_or(target.len());
    let mut headers = HeaderMap::new();
    headers.insert(
        ::http::header::HOST,
        ::http::HeaderValue::from_static("a.test"),
    );
    Request {
        method: Method::GET,
        target: Target::from_bytes(Bytes::copy_from_slice(target.as_bytes()), path),
        version: Version::HTTP_11,
        headers,
        body: Body::Empty,
    }
}

/// The same with fields.
pub(super) fn request_with(target: &str, fields: &[(&'static str, &'static str)]) -> Request {
    let mut request = request(target);
    for &(name, value) in fields {
        request
            .headers
            .append(name, ::http::HeaderValue::from_static(value));
    }
    request
}

/// Runs the filter's half on the way in.
pub(super) fn decide<F: Act>(
    filter: &F,
    cx: &mut Context,
    request: &mut Request,
) -> Outcome<F::Memo> {
    match filter.request(cx, request) {
        Step::Done(outcome) => outcome,
        Step::Later(_) => panic!("this filter waits"),
    }
}

/// The request as the filter lets it through.
pub(super) fn through<F: Act>(filter: &F, mut request: Request) -> Request {
    match decide(filter, &mut context(), &mut request) {
        Outcome::Answer(response) => panic!("answered {}", response.status()),
        _ => request,
    }
}

/// The filter's own answer.
pub(super) fn answered<F: Act>(filter: &F, mut request: Request) -> Response {
    match decide(filter, &mut context(), &mut request) {
        Outcome::Answer(response) => *response,
        _ => panic!("let through"),
    }
}

/// The target as the filter lets it through.
pub(super) fn target_after<F: Act>(filter: &F, target: &str) -> String {
    let request = through(filter, request(target));
    String::from_utf8_lossy(request.target.as_bytes()).into_owned()
}

/// A service that answers by a script and remembers what it was asked. It reads bodies only where it answers with a
/// status: an error means that nothing was sent.
pub(super) struct Script {
    answers: Mutex<VecDeque<Result<StatusCode, ProxyError>>>,
    seen: Mutex<Vec<Seen>>,
}

struct Seen {
    target: String,
    headers: HeaderMap,
    body: String,
}

impl Script {
    /// Answers in this order; the test fails where it is asked once more.
    pub(super) fn new(
        answers: impl IntoIterator<Item = Result<StatusCode, ProxyError>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            seen: Mutex::default(),
        })
    }

    pub(super) fn targets(&self) -> Vec<String> {
        let seen = lock(&self.seen);
        seen.iter().map(|seen| seen.target.clone()).collect()
    }

    pub(super) fn bodies(&self) -> Vec<String> {
        let seen = lock(&self.seen);
        seen.iter().map(|seen| seen.body.clone()).collect()
    }

    /// How many requests had the field.
    pub(super) fn fields(&self, name: &str) -> usize {
        let seen = lock(&self.seen);
        seen.iter()
            .filter(|seen| seen.headers.contains_key(name))
            .count()
    }
}

impl Handler for Script {
    fn handle<'a>(&'a self, _: &'a mut Context, mut request: Request) -> HandlerFuture<'a> {
        Box::pin(async move {
            let answer = lock(&self.answers)
                .pop_front()
                .unwrap_or_else(|| panic!("more requests than answers"));
            let mut body = Vec::new();
            while answer.is_ok()
                && let Some(frame) = request.body.frame().await
            {
                body.extend_from_slice(&frame?.into_data().unwrap_or_default());
            }
            lock(&self.seen).push(Seen {
                target: String::from_utf8_lossy(request.target.as_bytes()).into_owned(),
                headers: request.headers,
                body: String::from_utf8_lossy(&body).into_owned(),
            });
            let mut response = Response::new(Body::Empty);
            *response.status_mut() = answer?;
            Ok(response)
        })
    }
}

/// Builds something where there are no services.
pub(super) fn site<T>(build: impl FnOnce(&mut Site<'_>) -> T) -> T {
    let mut service = |name: &str| Err(format!("the service \"{name}\" does not exist"));
    build(&mut Site {
        name: "tested@file",
        caches: &Caches::default(),
        service: &mut service,
    })
}

/// Builds something where every name is this service.
pub(super) fn site_with<T>(all: &Arc<Script>, build: impl FnOnce(&mut Site<'_>) -> T) -> T {
    let mut service = |_: &str| Ok(Arc::clone(all) as Arc<dyn Handler>);
    build(&mut Site {
        name: "tested@file",
        caches: &Caches::default(),
        service: &mut service,
    })
}

/// Runs a wrapper in front of a service.
pub(super) async fn wrapped<W: Wrap>(
    wrapper: &W,
    service: &Arc<Script>,
    cx: &mut Context,
    request: Request,
) -> Result<Response, ProxyError> {
    let rest = Arc::new(Chain::new(Arc::clone(service) as Arc<dyn Handler>));
    wrapper.handle(cx, request, &rest).await
}

/// What it holds, also after a test has failed with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
