//! What middlewares cost: nanoseconds and allocations per request, in front of a service that answers at once.
//!
//! Run with `cargo bench -p gateway --bench middlewares` (or `--profile fast`). The first line is the service alone:
//! what is above it belongs to the chain. Counting costs a few nanoseconds an allocation. The last lines hold one chain to
//! what it may cost over none; only a build that is optimized fails there.

use std::alloc::System;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use gateway::config::dynamic::{
    AddPrefix, Headers, InFlightReq, IpAllowList, Middleware, RateLimit, RedirectRegex,
    RedirectScheme, ReplacePathRegex, StripPrefix,
};
use gateway::http::{
    Body, Connection, Context, Handler, HandlerFuture, Peer, Request, Response, Target,
};
use gateway::middleware::{Caches, Site, assemble, build};
use http::{HeaderMap, HeaderValue, Method, Version, header};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const REQUESTS: u32 = 500_000;
/// What five filters may cost over none.
const MOST_NANOS: f64 = 1_000.0;
const MOST_ALLOCATIONS: f64 = 5.0;
/// Requests made ready at once: few, so that they are still in the processor's cache when their turn comes.
const BATCH: u32 = 100;

struct Service;

impl Handler for Service {
    fn handle<'a>(&'a self, _: &'a mut Context, request: Request) -> HandlerFuture<'a> {
        drop(black_box(request));
        Box::pin(std::future::ready(Ok(Response::new(Body::Empty))))
    }
}

fn main() {
    println!("{:44}{:>8}{:>14}", "per request", "ns", "allocations");
    measure("the service alone", &[]);
    let five = [
        strip_prefix(),
        headers(),
        ip_allow_list(),
        rate_limit(),
        in_flight_req(),
    ];
    measure("five: strip, headers, allow, rate, in-flight", &five);
    let idle = [
        redirect_scheme(),
        redirect_regex(),
        ip_allow_list(),
        strip_nothing(),
        replace_nothing(),
    ];
    measure("five with nothing to do", &idle);
    for (name, middleware) in [
        ("stripPrefix", strip_prefix()),
        ("addPrefix", add_prefix()),
        ("headers", headers()),
        ("ipAllowList", ip_allow_list()),
        ("rateLimit", rate_limit()),
        ("inFlightReq", in_flight_req()),
        ("redirectRegex, not matching", redirect_regex()),
    ] {
        measure(name, &[middleware]);
    }
    let bound = [
        add_prefix(),
        headers(),
        ip_allow_list(),
        strip("/v2"),
        rate_limit(),
    ];
    println!();
    let within = judge("over none: add, headers, allow, strip, rate", &bound);
    println!("at most{:>45.0}{:>14.2}", MOST_NANOS, MOST_ALLOCATIONS);
    assert!(
        within || cfg!(debug_assertions),
        "five middlewares cost more than they may"
    );
}

/// Runs many requests through a chain and prints what one costs.
fn measure(name: &str, middlewares: &[Middleware]) {
    let chain = chain(name, middlewares);
    let (mut nanos, mut allocations) = (0.0, 0.0);
    for _ in 0..REQUESTS / BATCH {
        let cost = round(&*chain);
        nanos += cost.nanos;
        allocations += cost.allocations;
    }
    let rounds = f64::from(REQUESTS / BATCH);
    report(name, nanos / rounds, allocations / rounds);
}

/// Measures a chain in turns with none, so that whatever else runs here slows both down, and judges the difference of the
/// medians. Whether it is within its bounds.
fn judge(name: &str, middlewares: &[Middleware]) -> bool {
    let chains = [chain("none", &[]), chain(name, middlewares)];
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..REQUESTS / BATCH {
        for (chain, costs) in chains.iter().zip(&mut costs) {
            costs.push(round(&**chain));
        }
    }
    let [none, some] = costs.map(|costs| {
        let nanos = median(costs.iter().map(|cost| cost.nanos));
        (nanos, median(costs.iter().map(|cost| cost.allocations)))
    });
    let (nanos, allocations) = (some.0 - none.0, some.1 - none.1);
    report(name, nanos, allocations);
    nanos <= MOST_NANOS && allocations <= MOST_ALLOCATIONS
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn report(name: &str, nanos: f64, allocations: f64) {
    println!("{name:44}{nanos:>8.0}{allocations:>14.2}");
}

/// What a request costs, on average over a batch.
struct Cost {
    nanos: f64,
    allocations: f64,
}

fn chain(name: &str, middlewares: &[Middleware]) -> Arc<dyn Handler> {
    let mut service = |name: &str| Err(format!("no service {name}"));
    let mut site = Site {
        name: "bench@file",
        caches: &Caches::default(),
        service: &mut service,
    };
    let built = middlewares
        .iter()
        .map(|config| build("bench@file", config, &mut site));
    let built: Vec<_> = match built.collect() {
        Ok(built) => built,
        Err(error) => panic!("{name}: {error}"),
    };
    assemble(built, Arc::new(Service))
}

/// Runs a batch.
fn round(chain: &dyn Handler) -> Cost {
    let connection = Rc::new(Connection {
        peer: Peer::new(SocketAddr::from(([10, 0, 0, 9], 4000))),
        local: SocketAddr::from((Ipv4Addr::LOCALHOST, 80)),
        entry_point: "web".into(),
        append_forwarded_for: true,
        tls: None,
    });
    let target = Target::from_bytes(Bytes::from_static(b"/api/users/42?page=3"), 13);
    let ready = requests(&connection, &target);
    let region = Region::new(COUNTED);
    let start = Instant::now();
    for (mut cx, request) in ready {
        let mut answer = chain.handle(&mut cx, request);
        let polled = answer
            .as_mut()
            .poll(&mut TaskContext::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Ok(response)) if response.status() == 200));
    }
    let nanos = start.elapsed().as_nanos() as f64;
    let change = region.change();
    // A map or a text that grows is allocated anew.
    let allocations = (change.allocations + change.reallocations) as f64;
    Cost {
        nanos: nanos / f64::from(BATCH),
        allocations: allocations / f64::from(BATCH),
    }
}

/// A batch of requests with everything they are made of, so that only the chain is measured.
fn requests(connection: &Rc<Connection>, target: &Target) -> Vec<(Context, Request)> {
    let request = |_| {
        let request = Request {
            method: Method::GET,
            target: target.clone(),
            version: Version::HTTP_11,
            headers: fields(),
            body: Body::Empty,
        };
        let host = "example.com".to_owned();
        let cx = Context::new(Rc::clone(connection), host, Instant::now());
        (cx, request)
    };
    (0..BATCH).map(request).collect()
}

/// With room for some more, as the codec makes them.
fn fields() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(5 + 8);
    for (name, value) in [
        (header::HOST, "example.com"),
        (header::USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64)"),
        (header::ACCEPT, "text/html,application/json;q=0.9"),
        (header::ACCEPT_ENCODING, "gzip, br"),
        (header::COOKIE, "session=0123456789abcdef"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

fn strip_prefix() -> Middleware {
    strip("/api")
}

fn strip_nothing() -> Middleware {
    strip("/elsewhere")
}

fn strip(prefix: &str) -> Middleware {
    Middleware {
        strip_prefix: Some(StripPrefix {
            prefixes: vec![prefix.to_owned()],
            ..StripPrefix::default()
        }),
        ..Middleware::default()
    }
}

fn add_prefix() -> Middleware {
    Middleware {
        add_prefix: Some(AddPrefix {
            prefix: "/v2".to_owned(),
        }),
        ..Middleware::default()
    }
}

fn headers() -> Middleware {
    Middleware {
        headers: Some(Headers {
            custom_request_headers: [("X-From".to_owned(), "gateway".to_owned())].into(),
            custom_response_headers: [("Server".to_owned(), String::new())].into(),
            frame_deny: true,
            content_type_nosniff: true,
            sts_seconds: Some(31_536_000),
            ..Headers::default()
        }),
        ..Middleware::default()
    }
}

fn ip_allow_list() -> Middleware {
    Middleware {
        ip_allow_list: Some(IpAllowList {
            source_range: vec!["10.0.0.0/8".to_owned(), "192.168.0.0/16".to_owned()],
            ..IpAllowList::default()
        }),
        ..Middleware::default()
    }
}

fn rate_limit() -> Middleware {
    Middleware {
        rate_limit: Some(RateLimit {
            average: 1_000_000_000,
            burst: 1_000_000_000,
            ..RateLimit::default()
        }),
        ..Middleware::default()
    }
}

fn in_flight_req() -> Middleware {
    Middleware {
        in_flight_req: Some(InFlightReq {
            amount: 100,
            ..InFlightReq::default()
        }),
        ..Middleware::default()
    }
}

fn redirect_scheme() -> Middleware {
    Middleware {
        redirect_scheme: Some(RedirectScheme {
            scheme: "http".to_owned(),
            ..RedirectScheme::default()
        }),
        ..Middleware::default()
    }
}

fn redirect_regex() -> Middleware {
    Middleware {
        redirect_regex: Some(RedirectRegex {
            regex: r"^https?://www\.(.+)$".to_owned(),
            replacement: "https://$1".to_owned(),
            permanent: true,
        }),
        ..Middleware::default()
    }
}

fn replace_nothing() -> Middleware {
    Middleware {
        replace_path_regex: Some(ReplacePathRegex {
            regex: "^/old/(.*)".to_owned(),
            replacement: "/new/$1".to_owned(),
        }),
        ..Middleware::default()
    }
}
