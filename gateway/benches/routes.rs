//! What finding a route costs as tables grow: nanoseconds per request for 1, 1,000 and 10,000 routers.
//!
//! Run with `cargo bench -p gateway --bench routes` (or `--profile fast`). The figures of one column should be alike.

use std::hint::black_box;
use std::time::Instant;

use gateway::router::{RouteSpec, Table};
use gateway::rule::Syntax;
use gateway::rule::http::{RequestView, compile, default_priority};

const SIZES: [usize; 3] = [1, 1_000, 10_000];
const LOOKUPS: usize = 1_000_000;

/// A kind of table: its name, the rule of router `i` of `n`, and the host and path of a request for it.
type Shape = (
    &'static str,
    fn(usize) -> String,
    fn(usize) -> (String, String),
);

const SHAPES: [Shape; 5] = [
    (
        "hosts",
        |i| format!("Host(`h{i}.example.com`)"),
        |i| (format!("h{i}.example.com"), "/".into()),
    ),
    (
        "wildcards",
        |i| format!("Host(`*.h{i}.example.com`)"),
        |i| (format!("www.h{i}.example.com"), "/".into()),
    ),
    (
        "prefixes of one host",
        |i| format!("Host(`example.com`) && PathPrefix(`/service-{i}/`)"),
        |i| ("example.com".into(), format!("/service-{i}/users/42")),
    ),
    (
        "paths of any host",
        |i| format!("Path(`/p/{i}`)"),
        |i| ("example.com".into(), format!("/p/{i}")),
    ),
    (
        "host and path",
        |i| {
            format!(
                "(Host(`a{i}.example.com`) || Host(`b{i}.example.com`)) && PathPrefix(`/api`) && !Path(`/api/private`)"
            )
        },
        |i| (format!("b{i}.example.com"), "/api/users".into()),
    ),
];

fn main() {
    print!("{:24}", "ns per request");
    for size in SIZES {
        print!("{size:>12}");
    }
    println!("{:>12}", "build 10k");
    for (name, rule, request) in SHAPES {
        print!("{name:24}");
        let mut built = 0.0;
        for size in SIZES {
            let start = Instant::now();
            let table = table(size, rule);
            built = start.elapsed().as_secs_f64() * 1e3;
            print!("{:>12.1}", measure(&table, size, request));
        }
        println!("{built:>9.1} ms");
    }
}

fn table(size: usize, rule: fn(usize) -> String) -> Table<usize> {
    let specs = (0..size).filter_map(|i| {
        let rule = rule(i);
        let matcher = compile(&rule, Syntax::V3).ok()?;
        Some(RouteSpec {
            name: format!("r{i}@file"),
            matcher: matcher.into(),
            priority: default_priority(&rule),
            provider_rank: 0,
            payload: i,
        })
    });
    Table::build(specs.collect())
}

/// Nanoseconds a lookup, over requests spread evenly over at most 64 of the routers, so that caches are warm in all tables.
fn measure(table: &Table<usize>, size: usize, request: fn(usize) -> (String, String)) -> f64 {
    let headers = http::HeaderMap::new();
    let requests: Vec<_> = (0..size.min(64))
        .map(|i| request(i * size / size.min(64)))
        .collect();
    let start = Instant::now();
    let mut found = 0usize;
    for (host, path) in requests.iter().cycle().take(LOOKUPS) {
        let view = RequestView {
            method: "GET",
            host: black_box(host),
            flat_host: None,
            path: black_box(path).as_bytes(),
            query: None,
            headers: &headers,
            client_ip: None,
        };
        found += usize::from(table.find(&view).is_some());
    }
    let elapsed = start.elapsed();
    assert_eq!(found, LOOKUPS, "every request has a route");
    elapsed.as_nanos() as f64 / LOOKUPS as f64
}
