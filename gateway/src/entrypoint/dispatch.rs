//! One request, whatever version brought it: normalised, routed, answered, recorded.

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use bytes::Bytes;

use super::normalize::{self, TargetError};
use super::settings::Underscores;
use super::{EntryPoint, Worker};
use crate::http::{Body, Context, ProxyError, Request, Response, answer};
use crate::observe::{Asked, Observed, PerWorker};
use crate::router::http::{HttpRoute, find, not_found};
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
    /// More fields than the entry point takes.
    pub(super) too_many: bool,
}

/// Answers `incoming`. Always answers: what goes wrong becomes an answer here.
///
/// The caller tells `cx.record` how writing the answer went; the record tells of the request when it is dropped, and that
/// of a client that went away (499) is dropped with the caller's future.
pub(super) async fn dispatch(
    worker: &Worker,
    entry: &EntryPoint,
    cx: &mut Context,
    incoming: Incoming,
) -> Response {
    let snapshot = worker.snapshot();
    let response = match prepare(entry, cx, incoming) {
        Ok(request) => route(&snapshot, entry, cx, request).await,
        Err(refused) => refused,
    };
    let status = response.status().as_u16();
    cx.record.answer(status, response.headers());
    response
}

/// Makes a request of what came, or the answer that refuses it.
pub(super) fn prepare(
    entry: &EntryPoint,
    cx: &mut Context,
    incoming: Incoming,
) -> Result<Request, Response> {
    let Incoming {
        method,
        target,
        version,
        mut headers,
        body,
        unmet,
        too_many,
    } = incoming;
    if too_many {
        return Err(bare(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }
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
    if &target[..] == b"*" {
        // Only OPTIONS may ask about no resource (RFC 9112 section 3.2.4).
        return Err(refuse_target(TargetError::Form));
    }
    let normalized = normalize::normalize(target, entry.target).map_err(refuse_target)?;
    if let Some(authority) = normalized.authority {
        let host = HeaderValue::try_from(authority).map_err(|_| bare(StatusCode::BAD_REQUEST))?;
        headers.insert(header::HOST, host);
    }
    if !names_one_host(&headers) {
        return Err(bare(StatusCode::BAD_REQUEST));
    }
    underscores(entry.underscores, &mut headers)?;
    let host = headers.get(header::HOST).cloned();
    let text = host.as_ref().and_then(|host| host.to_str().ok());
    cx.host = canonical_host(text.unwrap_or_default()).into_owned();
    let tls = cx.connection.tls.is_some();
    entry
        .forwarded
        .apply(&mut headers, &cx.connection.peer, host, tls);
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
        begin(cx, &request, &entry.unrouted);
        return not_found();
    };
    let table = if cx.connection.tls.is_some() {
        &tables.tls
    } else {
        &tables.plain
    };
    let Some(route) = find(table, cx, &request) else {
        begin(cx, &request, &entry.unrouted);
        return not_found();
    };
    begin(cx, &request, &route.observed);
    if misdirected(cx, route) {
        // The connection was made for another host, whose options may ask for less (RFC 9110 section 15.5.20).
        return answer(StatusCode::MISDIRECTED_REQUEST, "Misdirected Request\n");
    }
    let path = request.target.path();
    if entry
        .denied_escapes
        .iter()
        .any(|escape| path.contains(escape))
    {
        return bare(StatusCode::BAD_REQUEST);
    }
    match route.handler.handle(cx, request).await {
        Ok(response) => response,
        Err(error) => answer_error(cx, error),
    }
}

/// Whether the handshake was held with other TLS options than those of the route.
pub(super) fn misdirected(cx: &Context, route: &HttpRoute) -> bool {
    match (&cx.connection.tls, &route.tls_options) {
        (Some(tls), Some(wanted)) => tls.options.as_ref() != Some(wanted),
        _ => false,
    }
}

/// From here on the request is recorded, as its route wants it.
fn begin(cx: &mut Context, request: &Request, route: &PerWorker<Observed>) {
    let tls = cx.connection.tls.as_ref();
    let asked = Asked {
        method: &request.method,
        target: request.target.as_bytes(),
        version: request.version,
        headers: &request.headers,
        peer: cx.connection.peer.address(),
        tls: tls.map(|tls| (tls.version, tls.cipher)),
        client_certificate: tls
            .and_then(|tls| tls.client_certificates.first())
            .map(|certificate| &certificate[..]),
    };
    cx.record.begin(route.mine(), &asked);
}

fn answer_error(cx: &Context, error: ProxyError) -> Response {
    tracing::debug!(%error, router = ?cx.record.router(), server = ?cx.record.server, "request failed");
    error.into_response()
}

fn refuse_target(error: TargetError) -> Response {
    tracing::debug!(%error, "request target refused");
    bare(StatusCode::BAD_REQUEST)
}

/// Whether the request names one host at most, and one that everybody reads alike.
fn names_one_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => true,
        (Some(host), None) => host.is_empty() || normalize::is_authority(host.as_bytes()),
        (Some(_), Some(_)) => false,
    }
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
