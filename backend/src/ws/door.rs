//! Answers upgrade requests and hands the sockets on. The same for both ports.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::handshake::{self, Accepted, Body, Refusal};
use super::server::{Full as NoPlace, Server, Ticket};
use super::session::{self, Arrival};
use super::socket::Socket;
use super::worker::Shard;
use crate::hub::Presence;

/// See the head of this file.
#[derive(Clone)]
pub struct Door(Arc<Server>);

impl Door {
    /// The header by which the health check's own socket is known.
    pub const PROBE: &str = "x-stream-probe";

    pub fn new(server: Arc<Server>) -> Self {
        Self(server)
    }

    /// Whether a request on the REST port is for this door: it wants a WebSocket.
    pub fn wants<B>(request: &Request<B>) -> bool {
        let upgrade = request.headers().get(UPGRADE);
        let websocket =
            upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
        websocket && handshake::is_upgrade(request.headers())
    }

    /// Answers with 101, or says why not. Must be called inside a runtime: the socket is handed on when the answer is out.
    pub async fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Full<Bytes>> {
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, _) = request.into_parts();
        let probe = parts.headers.get(Self::PROBE).map(HeaderValue::as_bytes);
        let internal = probe == Some(self.0.probe().as_bytes());
        self.0.guard.prepare(&parts.headers).await;
        let examined = match handshake::is_upgrade(&parts.headers) {
            true => {
                let debug = self.0.settings.debug;
                handshake::examine(&parts, peer.ip(), &self.0.guard, internal, debug)
            }
            false => Err(handshake::upgrade_required(parts.uri.path())),
        };
        let admitted = examined.and_then(|accepted| {
            let ticket = if internal {
                None
            } else {
                Some(self.admit(&accepted)?)
            };
            Ok((accepted, ticket))
        });
        match admitted {
            Ok((accepted, ticket)) => {
                let answer = switching(&accepted);
                self.hand_over(upgrade, accepted, ticket);
                answer
            }
            Err(refusal) => {
                self.note(&refusal, peer);
                refused(refusal)
            }
        }
    }

    fn admit(&self, accepted: &Accepted) -> Result<Ticket, Refusal> {
        let unavailable = |message, reason| {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Refusal::json(status, "SERVICE_UNAVAILABLE", message, reason).with(RETRY_AFTER, "5")
        };
        if self.0.hub.is_leaving() {
            return Err(unavailable("The server is shutting down", "shutdown"));
        }
        self.0.admit(accepted.address).map_err(|full| match full {
            NoPlace::Server => unavailable("Too many connections", "max_clients"),
            NoPlace::Address => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                let message = "Too many connections from this address";
                Refusal::json(status, "RATE_LIMITED", message, "max_clients_per_ip")
                    .with(RETRY_AFTER, "5")
            }
        })
    }

    fn note(&self, refusal: &Refusal, peer: SocketAddr) {
        let reason = refusal.reason;
        self.0
            .metrics
            .ws
            .rejected
            .with_label_values(&[reason])
            .inc();
        tracing::info!(
            r#type = "websocket",
            event = "rejected",
            reason,
            status = refusal.status.as_u16(),
            ip = %peer.ip(),
            "handshake refused"
        );
    }

    fn hand_over(&self, upgrade: OnUpgrade, accepted: Accepted, ticket: Option<Ticket>) {
        let server = Arc::clone(&self.0);
        tokio::spawn(async move {
            let handed = upgrade
                .await
                .map_err(|error| error.to_string())
                .and_then(detached);
            let (socket, read) = match handed {
                Ok(handed) => handed,
                Err(error) => {
                    tracing::debug!(r#type = "websocket", error, "socket lost in the handshake");
                    return;
                }
            };
            let hub = Arc::clone(&server.hub);
            hub.enter(move |shard: &std::rc::Rc<Shard>, presence: Presence| {
                let arrival = Arrival {
                    socket,
                    read,
                    id: server.client_id(),
                    targets: accepted.targets,
                    since: accepted.since,
                    identity: accepted.identity,
                    address: accepted.address,
                    raw: accepted.raw,
                    place: ticket.map(|ticket| (ticket, presence)),
                };
                session::settle(shard, arrival);
            });
        });
    }
}

/// The socket, off this runtime, and what was read beyond the handshake.
fn detached(upgraded: Upgraded) -> Result<(std::net::TcpStream, Bytes), String> {
    let parts = upgraded
        .downcast::<TokioIo<Socket>>()
        .map_err(|_| "not a socket of ours".to_owned())?;
    let socket = parts.io.into_inner().into_inner().into_std();
    // A copy: even an empty one would keep the whole buffer of the handshake, and thousands may wait for their thread.
    let read = Bytes::copy_from_slice(&parts.read_buf);
    Ok((socket.map_err(|error| error.to_string())?, read))
}

fn switching(accepted: &Accepted) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept = derive_accept_key(accepted.key.as_bytes());
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = &accepted.protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol.clone());
    }
    response
}

fn refused(refusal: Refusal) -> Response<Full<Bytes>> {
    let (kind, body) = match refusal.body {
        Body::Text(text) => ("text/plain; charset=utf-8", text.to_owned()),
        Body::Json(code, message) => {
            let body = json!({"success": false, "error": message, "code": code});
            ("application/json", body.to_string())
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = refusal.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Nothing more is said on a connection whose request was not understood as an upgrade.
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if let Some((name, value)) = refusal.header.map(|header| *header) {
        if name == UPGRADE {
            headers.insert(CONNECTION, HeaderValue::from_static("close, Upgrade"));
        }
        headers.insert(name, value);
    }
    response
}
