//! One request, whatever version brought it: normalised, routed, answered, recorded.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use bytes::Bytes;

use super::normalize::{self, TargetError};
use super::settings::Underscores;
use super::{EntryPoint, Worker};
use crate::http::{Body, Connection, Context, Interim, ProxyError, Request, Response};
use crate::router::http::{find, not_found};
use crate::rule::canonical_host;
use crate::runtime::Snapshot;

/// A request as its protocol read it.
pub(super) struct Incoming {
    pub(super) method: Method,
    /// Target as sent.
    pub(super) target: Bytes,
    pub(super) version: Version,
    /// Fields as sent, `Host` included.
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    /// `Expect` holds something that nobody can meet (RFC 9110 section 10.1.1).
    pub(super) unmet: bool,
}

/// An answer to be written, and who is to be told how that went.
pub(super) struct Outcome {
    pub(super) response: Response,
    pub(super) cx: Context,
    pub(super) ticket: Ticket,
}

/// Records one request when its answer ended, or when its client went away before (499).
pub(super) struct Ticket {
    status: u16,
    ended: bool,
}

impl Ticket {
    fn open() -> Self {
        Self {
            status: 499,
            ended: false,
        }
    }

    /// The answer was written: `sent` and `received` body bytes.
    pub(super) fn end(&mut self, cx: &Context, sent: u64, received: u64) {
        self.ended = true;
        tracing::trace!(status = self.status, sent, received, router = ?cx.record.router, "request ended");
    }
}

/// Answers `incoming`. Always answers: what goes wrong becomes an answer here.
pub(super) async fn dispatch(
    worker: &Worker,
    entry: &EntryPoint,
    connection: &Rc<Connection>,
    incoming: Incoming,
    interim: Option<Rc<dyn Interim>>,
) -> Outcome {
    let mut ticket = Ticket::open();
    let mut cx = Context::new(Rc::clone(connection), String::new(), Instant::now());
    cx.interim = interim;
    let snapshot = worker.snapshot();
    let response = match prepare(entry, &mut cx, incoming) {
        Ok(request) => route(&snapshot, entry, &mut cx, request).await,
        Err(refused) => refused,
    };
    ticket.status = response.status().as_u16();
    Outcome {
        response,
        cx,
        ticket,
    }
}

/// Makes a request of what came, or the answer that refuses it.
fn prepare(entry: &EntryPoint, cx: &mut Context, incoming: Incoming) -> Result<Request, Response> {
    let Incoming {
        method,
        target,
        version,
        mut headers,
        body,
        unmet,
    } = incoming;
    if unmet {
        return Err(bare(StatusCode::EXPECTATION_FAILED));
    }
    if method == Method::CONNECT {
        // A tunnel to wherever the client says is no reverse proxy's business (CVE-2026-71324).
        return Err(bare(StatusCode::NOT_IMPLEMENTED));
    }
    if method == Method::OPTIONS && &target[..] == b"*" {
        // About the server as a whole (RFC 9110 section 9.3.7), and so ours to answer.
        return Err(bare(StatusCode::OK));
    }
    let normalized =
        normalize::normalize(target, entry.target).map_err(|error| refuse_target(error))?;
    if let Some(authority) = normalized.authority {
        let host = HeaderValue::try_from(authority).map_err(|_| bare(StatusCode::BAD_REQUEST))?;
        headers.insert(header::HOST, host);
    }
    underscores(entry.underscores, &mut headers)?;
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    cx.host = canonical_host(host).into_owned();
    entry.forwarded.apply(
        &mut headers,
        cx.connection.peer.ip(),
        cx.connection.tls.is_some(),
    );
    Ok(Request {
        method,
        target: normalized.target,
        version,
        headers,
        body,
    })
}

async fn route(
    snapshot: &Snapshot,
    entry: &EntryPoint,
    cx: &mut Context,
    request: Request,
) -> Response {
    let Some(tables) = snapshot.entry_points.get(entry.index) else {
        return not_found();
    };
    let table = if cx.connection.tls.is_some() {
        &tables.tls
    } else {
        &tables.plain
    };
    let Some(route) = find(table, cx, &request) else {
        return not_found();
    };
    let path = request.target.path();
    if entry
        .denied_escapes
        .iter()
        .any(|escape| path.contains(escape))
    {
        return bare(StatusCode::BAD_REQUEST);
    }
    cx.record.router = Some(Arc::clone(&route.name));
    cx.record.service = Some(Arc::clone(&route.service));
    match route.handler.handle(cx, request).await {
        Ok(response) => response,
        Err(error) => answer_error(cx, error),
    }
}

fn answer_error(cx: &Context, error: ProxyError) -> Response {
    tracing::debug!(%error, router = ?cx.record.router, server = ?cx.record.server, "request failed");
    error.into_response()
}

fn refuse_target(error: TargetError) -> Response {
    tracing::debug!(%error, "request target refused");
    bare(StatusCode::BAD_REQUEST)
}

fn bare(status: StatusCode) -> Response {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}

fn underscores(strategy: Underscores, headers: &mut HeaderMap) -> Result<(), Response> {
    if strategy == Underscores::Keep {
        return Ok(());
    }
    let found: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().contains('_'))
        .cloned()
        .collect();
    if strategy == Underscores::Reject && !found.is_empty() {
        return Err(bare(StatusCode::BAD_REQUEST));
    }
    for name in found {
        headers.remove(name);
    }
    Ok(())
}
