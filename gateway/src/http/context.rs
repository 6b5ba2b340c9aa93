//! What is known of a request beside its head: its connection, who sent it, what became of it.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use ::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::Bytes;

use super::{Target, websocket};
use crate::net::Stream;
use crate::observe::Record;

/// Address of a client.
#[derive(Debug, Clone)]
pub struct Peer {
    address: SocketAddr,
    /// Written once: every request of the connection needs it.
    text: HeaderValue,
}

impl Peer {
    /// The client at `address`.
    pub fn new(address: SocketAddr) -> Self {
        // `to_canonical`: a dual-stack socket says ::ffff:10.0.0.1 of an IPv4 client.
        let text = address.ip().to_canonical().to_string();
        let text =
            HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Self { address, text }
    }

    /// Address and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Address as the socket tells it.
    pub fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    /// Address without port, as it stands in fields.
    pub fn text(&self) -> &HeaderValue {
        &self.text
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// What all requests of one client connection share.
#[derive(Debug)]
pub struct Connection {
    /// Address of the client, or what a PROXY header said.
    pub peer: Peer,
    /// Address the client reached.
    pub local: SocketAddr,
    /// Entry point that accepted it.
    pub entry_point: Arc<str>,
    /// Whether servers are told its address in `X-Forwarded-For`.
    pub append_forwarded_for: bool,
    /// What the handshake settled; `None` on plain connections.
    pub tls: Option<Tls>,
}

/// What a client's TLS handshake settled.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Server name the client asked for, lower-case.
    pub server_name: Option<Box<str>>,
    /// Version, e.g. `1.3`.
    pub version: &'static str,
    /// Cipher suite, IANA name.
    pub cipher: &'static str,
    /// Name of the TLS options that were used, as `name@provider`.
    pub options: Option<Arc<str>>,
    /// The client's certificate chain (DER), leaf first.
    pub client_certificates: Vec<Bytes>,
}

/// A server's side of an upgraded connection, after its 101.
#[derive(Debug)]
pub struct Upgraded {
    /// The connection.
    pub stream: Stream,
    /// Bytes that came behind the 101 head.
    pub leftover: Bytes,
    /// What lives as long as the tunnel does.
    pub held: Held,
    /// What middlewares ask of it where it is a WebSocket.
    pub limits: RefCell<websocket::Limits>,
}

/// What middlewares keep until a tunnel ends: the place of its request among those that are answered, for example.
#[derive(Debug, Default)]
pub struct Held(RefCell<Vec<Box<dyn Any>>>);

impl Held {
    /// Drops `what` when the tunnel ends.
    pub fn until_the_end(&self, what: impl Any) {
        self.0.borrow_mut().push(Box::new(what));
    }
}

/// A request as the last middleware that saw it left it.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Path and query.
    pub target: Target,
    /// Fields, `Host` included.
    pub headers: HeaderMap,
}

/// Takes interim answers (1xx, RFC 9110 section 15.2) to the client before the final one.
pub trait Interim {
    /// Sends one. It goes out when the request is next waited for, or before the final answer.
    fn send(&self, status: StatusCode, headers: &HeaderMap);
}

/// One request's companion on its way through router, middlewares, service and back.
pub struct Context {
    /// The connection that brought it.
    pub connection: Rc<Connection>,
    /// Canonical host: lower-case, no port, no trailing dot. What rules match.
    pub host: String,
    /// A middleware asked that servers are not told the client's address in `X-Forwarded-For`.
    pub hide_client: bool,
    /// A middleware will want to know the request as it was when it was answered: whoever hands it on notes it here.
    pub asked: Option<Asked>,
    /// Trailers of the request, where a middleware read its body to the end before it is sent on.
    pub request_trailers: Option<Box<HeaderMap>>,
    /// What the access log and the metrics will say.
    pub record: Record,
    /// Set with an answer of 101: whoever writes that head joins the two connections.
    pub upgraded: Option<Upgraded>,
    /// Where interim answers go; `None` for clients that do not know them (HTTP/1.0).
    pub interim: Option<Rc<dyn Interim>>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("connection", &self.connection)
            .field("host", &self.host)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// A context for a request whose head was complete at `start`.
    pub fn new(connection: Rc<Connection>, host: String, start: Instant) -> Self {
        Self {
            connection,
            host,
            hide_client: false,
            asked: None,
            request_trailers: None,
            record: Record::new(start),
            upgraded: None,
            interim: None,
        }
    }
}
