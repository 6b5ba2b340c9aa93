//! Signatures of requests (`hmac`): whatever stands in the header, only what the key has signed is let in.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Instant;

use gateway::config::dynamic::{Hmac, HmacKey, Middleware};
use gateway::http::{
    Body, Connection, Context, Handler, HandlerFuture, Peer, Request, Response, Target,
};
use gateway::middleware::{Caches, Site, assemble, build};
use gateway::types::{Duration, Secret};
use http::{HeaderMap, HeaderValue, Method, Version};

/// What the key of [`guard`] says of `GET /foo`.
const RIGHT: &str = "OQ/dHqRW9vFmrW/RCHg7O2Fqx+3uqxJw81p6k9Rcyo4=";

struct Service;

impl Handler for Service {
    fn handle<'a>(&'a self, _: &'a mut Context, _: Request) -> HandlerFuture<'a> {
        Box::pin(std::future::ready(Ok(Response::new(Body::Empty))))
    }
}

/// A service behind a key and no clock: what was right once is right for ever.
fn guard() -> Arc<dyn Handler> {
    static GUARD: OnceLock<Arc<dyn Handler>> = OnceLock::new();
    let made = GUARD.get_or_init(|| {
        let config = Middleware {
            hmac: Some(Hmac {
                keys: vec![HmacKey {
                    id: "ruby".to_owned(),
                    key: Secret::new("secret \u{1f648}"),
                }],
                enforced_headers: vec!["(request-target)".to_owned()],
                clock_skew: Duration::from_secs(0),
                ..Hmac::default()
            }),
            ..Middleware::default()
        };
        let mut service = |name: &str| Err(format!("no service {name}"));
        let mut site = Site {
            name: "fuzz@file",
            caches: &Caches::default(),
            service: &mut service,
        };
        match build("fuzz@file", &config, &mut site) {
            Ok(built) => assemble(vec![built], Arc::new(Service)),
            Err(error) => panic!("{error}"),
        }
    });
    Arc::clone(made)
}

/// Asks with these bytes as `Authorization`.
pub fn signatures(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("a.test"));
    headers.insert("authorization", value);
    let request = Request {
        method: Method::GET,
        target: Target::new("/foo", None),
        version: Version::HTTP_11,
        headers,
        body: Body::Empty,
    };
    let connection = Rc::new(Connection {
        peer: Peer::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 4000))),
        local: SocketAddr::from((Ipv4Addr::LOCALHOST, 80)),
        entry_point: "web".into(),
        append_forwarded_for: true,
        tls: None,
    });
    let mut cx = Context::new(connection, "a.test".to_owned(), Instant::now());
    let guard = guard();
    let mut answer = guard.handle(&mut cx, request);
    let polled = answer
        .as_mut()
        .poll(&mut TaskContext::from_waker(Waker::noop()));
    let Poll::Ready(Ok(response)) = polled else {
        panic!("no answer: {}", bytes.escape_ascii());
    };
    let signed = bytes
        .windows(RIGHT.len())
        .any(|part| part == RIGHT.as_bytes());
    match response.status().as_u16() {
        401 => {}
        200 if signed => {}
        other => panic!("{other}: {}", bytes.escape_ascii()),
    }
}
