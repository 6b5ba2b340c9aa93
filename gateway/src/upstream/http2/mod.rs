//! HTTP/2 towards servers: known beforehand (`h2c://`) or settled in the TLS handshake (`https://`).
//!
//! h2 speaks the protocol, one task a connection drives it. A request is still driven inline in its own future; only
//! one whose answer begins before its body has ended gets a task for the rest of the body, so that neither direction
//! waits for the other.

mod answer;
mod exchange;
mod head;
mod session;
mod sessions;
#[cfg(test)]
mod tests;
mod upload;

use std::time::Instant;

use self::exchange::{Exchange, Failure, Plan};
use self::session::Ticket;
use self::sessions::Place;
use super::target::Target;
use crate::http::{Body, Context, ProxyError, Request, Response};
use crate::net::Stream;

pub(super) use self::sessions::Sessions;

/// How often a request is sent again that servers say they did not begin with.
const REPEATS: u32 = 3;

/// What became of a request.
pub(super) enum Went {
    /// It was answered.
    Answered(Response),
    /// The server speaks HTTP/1.1 after all: the request is as it was, to be sent on this connection or another.
    Http1(Option<Stream>),
}

/// Sends `request` over HTTP/2, if `target` speaks it.
///
/// It is sent again where the server did not begin with it (RFC 9113 section 8.7: refused, or above the last stream of
/// a GOAWAY) and its body is still whole; and once where a connection that was in use before ended without an answer
/// and repeating does no harm.
pub(super) async fn forward(
    target: &Target,
    cx: &mut Context,
    request: &mut Request,
    start: Instant,
) -> Result<Went, ProxyError> {
    let mut repeats = 0;
    loop {
        let ticket = match sessions::place(target).await? {
            Place::Http1(stream) => return Ok(Went::Http1(stream)),
            Place::Http2(ticket) => ticket,
        };
        let reused = ticket.reused();
        let whole = match &request.body {
            Body::Full(bytes) => Some(bytes.clone()),
            _ => None,
        };
        match attempt(target, cx, request, ticket).await {
            Ok(response) => {
                cx.record.origin_status = Some(response.status().as_u16());
                cx.record.origin_duration = start.elapsed();
                return Ok(Went::Answered(response));
            }
            Err((failure, touched)) => {
                if let Some(bytes) = whole {
                    request.body = Body::Full(bytes);
                }
                let repeatable = !touched || matches!(request.body, Body::Full(_));
                repeats += 1;
                match failure {
                    Failure::NotBegun(_) if repeatable && repeats <= REPEATS => {}
                    Failure::Lost(_) if reused && repeats == 1 && is_harmless(request) => {}
                    Failure::Http1Required if repeatable && sessions::note_http1(target) => {
                        return Ok(Went::Http1(None));
                    }
                    failure => return Err(failure.into_error()),
                }
            }
        }
    }
}

/// Go's rule for HTTP/1, which nobody forbids here.
fn is_harmless(request: &Request) -> bool {
    matches!(request.body, Body::Empty) && super::forward::is_idempotent(request)
}

/// One attempt on one connection. If it fails `request` is as it was, save what was taken of its body: the second
/// value says whether anything was.
async fn attempt(
    target: &Target,
    cx: &Context,
    request: &mut Request,
    ticket: Ticket,
) -> Result<Response, (Failure, bool)> {
    let head = match head::head(target, request) {
        Ok(head) => head,
        Err(error) => return Err((Failure::Final(error), false)),
    };
    let plan = Plan {
        interim: cx.interim.clone(),
        expects: super::forward::expects_continue(&request.headers),
        header_timeout: target.transport.response_header_timeout,
    };
    let mut exchange = match Exchange::begin(&ticket, head, request, plan) {
        Ok(exchange) => exchange,
        Err(failure) => return Err((failure, false)),
    };
    match exchange.answer().await {
        Ok(answer) => Ok(answer::receive(
            answer,
            exchange.into_upload(),
            ticket,
            request,
        )),
        Err(failure) => {
            let touched = exchange.into_upload().give_back(request);
            Err((failure, touched))
        }
    }
}
