//! What is known of one request: filled in while it travels, and told to metrics and access log in one place, when the
//! record is dropped. So a request whose client went away, and whose future with it, is recorded as well.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderName, Method, Version, header};

use super::access::{Entry, Origin, REDACTED, Request, first};
use super::metrics::{Kind, Sample};
use super::observer::{Counted, Observed, ObservedService};
use super::worker::Own;
use crate::types::query;

/// nginx's and Traefik's status of a request whose client did not wait for an answer.
const CLIENT_GONE: u16 = 499;
/// gRPC's status "unknown": an answer that brought none.
const GRPC_UNKNOWN: u16 = 2;

/// See the module.
#[derive(Debug)]
pub struct Record {
    /// When the request's head was complete.
    pub start: Instant,
    /// Server that answered, its URL as configured.
    pub server: Option<Arc<str>>,
    /// Status of the server's answer; `None` where no server answered.
    pub origin_status: Option<u16>,
    /// From sending to the server until its head was there.
    pub origin_duration: Duration,
    /// Body bytes received from the server, where they are known.
    pub origin_bytes: u64,
    /// User name that an authenticating middleware found.
    pub user: Option<Box<str>>,
    /// How often the request was sent again.
    pub retries: u32,
    route: Option<Arc<Own<Observed>>>,
    kind: Kind,
    tls: Option<(&'static str, &'static str)>,
    labels: Vec<Box<str>>,
    request: Option<Box<Request>>,
    attempt: Option<Attempt>,
    /// Only what services did is counted: it is a copy of a request that has a record of its own.
    copy: bool,
    end: Cell<End>,
    grpc_status: Cell<Option<u16>>,
    told: Cell<bool>,
}

/// A request as its route found it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub method: &'a Method,
    /// Path and query.
    pub target: &'a [u8],
    pub version: Version,
    pub headers: &'a HeaderMap,
    pub peer: SocketAddr,
    /// Version and cipher suite.
    pub tls: Option<(&'static str, &'static str)>,
    /// The client's certificate (DER).
    pub client_certificate: Option<&'a [u8]>,
}

#[derive(Debug)]
struct Attempt {
    service: Arc<Own<ObservedService>>,
    start: Instant,
    status: u16,
}

#[derive(Debug, Clone, Copy)]
struct End {
    status: u16,
    sent: u64,
    received: u64,
}

impl Record {
    /// A record of a request whose head was complete at `start`. Until it is given a route nothing will be told of it.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            server: None,
            origin_status: None,
            origin_duration: Duration::ZERO,
            origin_bytes: 0,
            user: None,
            retries: 0,
            route: None,
            kind: Kind::default(),
            tls: None,
            labels: Vec::new(),
            request: None,
            attempt: None,
            copy: false,
            end: Cell::new(End {
                status: CLIENT_GONE,
                sent: 0,
                received: 0,
            }),
            grpc_status: Cell::new(None),
            told: Cell::new(false),
        }
    }

    /// A record for a copy of the request that is sent at `start`: services count it, as in Traefik, and nobody else does.
    #[must_use]
    pub fn of_copy(&self, start: Instant) -> Self {
        let mut copy = Self::new(start);
        copy.route.clone_from(&self.route);
        copy.kind = self.kind;
        copy.tls = self.tls;
        copy.labels.clone_from(&self.labels);
        copy.copy = true;
        copy
    }

    /// The request found its route: keeps of it what `route` will tell.
    pub fn begin(&mut self, route: &Arc<Own<Observed>>, asked: &Asked<'_>) {
        if let Some(counted) = &route.counted {
            self.kind = Kind::of(asked.method, asked.headers);
            self.tls = asked.tls;
            let header_labels = &counted.metrics.options().header_labels;
            self.labels.extend(header_labels.iter().map(|(_, name)| {
                let value = asked.headers.get(name).map(|value| value.as_bytes());
                String::from_utf8_lossy(value.unwrap_or_default())
                    .into_owned()
                    .into_boxed_str()
            }));
        }
        if let Some(log) = &route.log {
            self.request = Some(Box::new(Request {
                started: SystemTime::now(),
                method: asked.method.clone(),
                target: asked.target.into(),
                version: asked.version,
                host: asked.headers.get(header::HOST).cloned(),
                forwarded_for: first(asked.headers, "x-forwarded-for"),
                // A dual-stack socket says ::ffff:10.0.0.1 of an IPv4 client; Go says 10.0.0.1.
                peer: SocketAddr::new(asked.peer.ip().to_canonical(), asked.peer.port()),
                tls: asked.tls,
                client_subject: asked.client_certificate.and_then(super::subject::of),
                headers: log.headers().pick(asked.headers),
                origin_headers: Vec::new(),
                downstream_headers: Vec::new(),
            }));
        }
        self.route = Some(Arc::clone(route));
    }

    /// Shows nothing of a header: a middleware knows that its value is a secret.
    pub fn hide_header(&mut self, name: &HeaderName) {
        if let Some(request) = &mut self.request {
            let picked = request.headers.iter_mut();
            for (_, value) in picked.filter(|(known, _)| known == name) {
                *value = None;
            }
        }
        let Some(counted) = self.route.as_ref().and_then(|route| route.counted.as_ref()) else {
            return;
        };
        let names = counted.metrics.options().header_labels.iter();
        for (label, (_, known)) in self.labels.iter_mut().zip(names) {
            if known == name {
                *label = String::from_utf8_lossy(REDACTED).into();
            }
        }
    }

    /// Shows nothing of a query parameter's values.
    pub fn hide_query(&mut self, name: &str) {
        let Some(request) = &mut self.request else {
            return;
        };
        let Some(mark) = request.target.iter().position(|&byte| byte == b'?') else {
            return;
        };
        let (path, query) = request.target.split_at(mark + 1);
        request.target = [path, &query::hiding(query, name, REDACTED)]
            .concat()
            .into();
    }

    /// A child of the router took the request.
    pub fn narrow(&mut self, route: &Arc<Own<Observed>>) {
        if self.route.is_some() {
            self.route = Some(Arc::clone(route));
        }
    }

    /// The router's name, for log lines; `None` where none matched.
    pub fn router(&self) -> Option<&str> {
        self.route.as_ref()?.router.as_deref()
    }

    /// A service sends the request to a server.
    pub fn attempt(&mut self, service: &Arc<Own<ObservedService>>) {
        self.count_attempt(0, 0);
        self.origin_bytes = 0;
        self.attempt = Some(Attempt {
            service: Arc::clone(service),
            start: Instant::now(),
            status: CLIENT_GONE,
        });
    }

    /// The server's answer, or the status that stands for why there is none.
    pub fn attempted(&mut self, status: u16, headers: Option<&HeaderMap>) {
        if let Some(attempt) = &mut self.attempt {
            attempt.status = status;
        }
        if let (Some(headers), Some(request), Some(log)) = (
            headers,
            &mut self.request,
            self.route.as_ref().and_then(|route| route.log.as_ref()),
        ) {
            request.origin_headers = log.headers().pick(headers);
        }
    }

    /// The head of the answer for the client.
    pub fn answer(&mut self, status: u16, headers: &HeaderMap) {
        self.end.set(End {
            status,
            ..self.end.get()
        });
        self.trailers(headers);
        if let (Some(request), Some(log)) = (
            &mut self.request,
            self.route.as_ref().and_then(|route| route.log.as_ref()),
        ) {
            request.downstream_headers = log.headers().pick(headers);
        }
    }

    /// Head or trailers of an answer may bring the status that counts for gRPC.
    pub fn trailers(&self, headers: &HeaderMap) {
        if self.kind.is_grpc()
            && let Some(status) = headers.get("grpc-status")
        {
            let status = status.to_str().ok().and_then(|text| text.parse().ok());
            self.grpc_status.set(Some(status.unwrap_or(GRPC_UNKNOWN)));
        }
    }

    /// The answer was written, or broke off: body bytes sent to the client, and received from it.
    pub fn ended(&self, sent: u64, received: u64) {
        let status = self.end.get().status;
        self.end.set(End {
            status,
            sent,
            received,
        });
    }

    fn counted(&self) -> Option<&Counted> {
        self.route.as_ref()?.counted.as_ref()
    }

    fn sample(&self, status: u16, duration: Duration, sent: u64, received: u64) -> Sample<'_> {
        Sample {
            kind: self.kind,
            code: if self.kind.is_grpc() {
                self.grpc_status.get().unwrap_or(GRPC_UNKNOWN)
            } else {
                status
            },
            duration,
            request_bytes: received,
            response_bytes: sent,
            tls: self.tls,
            labels: &self.labels,
        }
    }

    fn count_attempt(&self, sent: u64, received: u64) {
        if let Some(attempt) = &self.attempt
            && let Some(counters) = &attempt.service.counters
            && self.counted().is_some()
        {
            let sent = self.sent_by_server(sent);
            counters.record(&self.sample(attempt.status, attempt.start.elapsed(), sent, received));
        }
    }

    /// Body bytes of the server's answer, where the client was sent so many.
    fn sent_by_server(&self, sent: u64) -> u64 {
        match self.origin_bytes {
            0 => sent,
            known => known,
        }
    }

    fn origin(&self, sent: u64, now: Instant) -> Option<Origin<'_>> {
        let attempt = self.attempt.as_ref()?;
        Some(Origin {
            service: &attempt.service.name,
            url: self.server.as_deref().unwrap_or_default(),
            status: attempt.status,
            bytes: self.sent_by_server(sent),
            // Its body's time counts as well, as in Traefik.
            duration: now.saturating_duration_since(attempt.start),
        })
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.tell();
    }
}

impl Record {
    /// The one place where a request is told of: when its record ends, or before that, so that whoever got the answer
    /// finds it counted.
    pub fn tell(&self) {
        let Some(route) = &self.route else { return };
        if self.told.replace(true) {
            return;
        }
        let End {
            status,
            sent,
            received,
        } = self.end.get();
        let now = Instant::now();
        let duration = now.saturating_duration_since(self.start);
        if let Some(counted) = &route.counted {
            let sample = self.sample(status, duration, sent, received);
            if !self.copy {
                for scope in &counted.scopes {
                    scope.record(&sample);
                }
            }
            self.count_attempt(sent, received);
        }
        if let (Some(log), Some(request)) = (&route.log, &self.request) {
            let entry = Entry {
                request,
                entry_point: &route.entry_point,
                router: route.router.as_deref(),
                origin: self.origin(sent, now),
                user: self.user.as_deref(),
                retries: self.retries,
                status,
                sent,
                received,
                duration,
            };
            log.write(now, &entry);
        }
    }
}
