//! The table against a plain list.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::rule::Syntax;
use crate::rule::http::{compile, default_priority};
use crate::rule::tcp;
use crate::rule::testing::{Request, Rng, random_expr, random_request};

fn spec(name: &str, rule: &str, priority: Option<i64>) -> RouteSpec<()> {
    RouteSpec {
        name: name.into(),
        matcher: Arc::new(compile(rule, Syntax::V3).unwrap()),
        priority: priority.unwrap_or_else(|| default_priority(rule)),
        provider_rank: 0,
        payload: (),
    }
}

fn found<'t>(table: &'t Table<()>, request: &str) -> Option<&'t str> {
    table
        .find(&Request::parse(request).view())
        .map(|route| route.name.as_str())
}

#[test]
fn the_highest_priority_that_matches_wins() {
    let table = Table::build(vec![
        spec("short", "PathPrefix(`/len`)", None),
        spec(
            "long",
            "PathPrefix(`/len`) && PathPrefix(`/len/long`)",
            None,
        ),
        spec("negative", "PathPrefix(`/neg`) && Method(`GET`)", Some(-5)),
        spec("positive", "Path(`/neg`)", None),
        spec("host", "Host(`a.test`) && PathPrefix(`/exp`)", Some(1)),
        spec("any", "PathPrefix(`/exp`)", Some(2)),
        spec("max", "Path(`/max`)", Some(i64::MAX)),
    ]);
    let cases = [
        ("GET /len", Some("short")),
        ("GET /len/long", Some("long")),
        ("GET /neg", Some("positive")),
        ("GET /neg/only", Some("negative")),
        ("GET /exp", Some("any")),
        ("GET /max", Some("max")),
        ("GET /none", None),
    ];
    for (request, name) in cases {
        assert_eq!(found(&table, request), name, "{request}");
    }
}

#[test]
fn ties_go_to_the_provider_and_then_to_the_name() {
    let rule = "Path(`/`)";
    let mut ranked = spec("z@file", rule, None);
    ranked.provider_rank = 1;
    let table = Table::build(vec![
        spec("b@docker", rule, None),
        spec("a@docker", rule, None),
        ranked,
    ]);
    let order: Vec<_> = table
        .routes()
        .iter()
        .map(|route| route.name.as_str())
        .collect();
    assert_eq!(order, ["z@file", "a@docker", "b@docker"]);
    assert_eq!(found(&table, "GET /"), Some("z@file"));
}

#[test]
fn the_index_loses_nothing_and_keeps_the_order() {
    let mut rng = Rng::new(4);
    for round in 0..200 {
        let specs: Vec<_> = (0..1 + rng.below(60))
            .map(|i| {
                let rule = random_expr(&mut rng, 2).to_string();
                RouteSpec {
                    provider_rank: rng.below(2) as i64,
                    ..spec(&format!("r{i:02}"), &rule, Some(rng.below(5) as i64 - 2))
                }
            })
            .collect();
        let table = Table::build(specs);
        for _ in 0..50 {
            let mut request = random_request(&mut rng);
            if rng.below(4) == 0 {
                request.flat_host = Some(rng.pick(&["a.test", "x.a.test", "q.test."]).into());
            }
            let view = request.view();
            let linear = table
                .routes()
                .iter()
                .find(|route| route.matcher.matches(&view));
            let indexed = table.find(&view);
            assert_eq!(
                indexed.map(|route| &route.name),
                linear.map(|route| &route.name),
                "round {round}: {request:?}"
            );
            let first = table
                .candidates(&view)
                .find(|route| route.matcher.matches(&view));
            assert_eq!(
                first.map(|route| &route.name),
                linear.map(|route| &route.name),
                "round {round}: {request:?}"
            );
        }
    }
}

#[test]
fn only_routes_that_can_fit_are_looked_at() {
    let table = |rule: fn(usize) -> String| {
        Table::build(
            (0..1000)
                .map(|i| spec(&format!("r{i}"), &rule(i), None))
                .collect(),
        )
    };
    let looked_at = |table: &Table<()>, request: &str| {
        table.candidates(&Request::parse(request).view()).count()
    };
    assert_eq!(
        looked_at(
            &table(|i| format!("Host(`h{i}.test`)")),
            "GET / | Host: h7.test"
        ),
        1
    );
    assert_eq!(
        looked_at(
            &table(|i| format!("Host(`*.h{i}.test`)")),
            "GET / | Host: x.h7.test."
        ),
        1
    );
    assert_eq!(
        looked_at(
            &table(|i| format!("Host(`a.test`) && PathPrefix(`/s{i}/`)")),
            "GET /s7/x"
        ),
        1
    );
    assert_eq!(
        looked_at(
            &table(|i| format!("Path(`/p{i}`) || Path(`/q{i}`)")),
            "GET /q7"
        ),
        1
    );
    assert_eq!(
        looked_at(
            &table(|i| format!("PathRegexp(`^/r{i}/[0-9]+$`)")),
            "GET /r7/1"
        ),
        1
    );
}

#[test]
fn connections_use_the_same_table() {
    let rules = [
        "HostSNI(`*`)",
        "HostSNI(`a.test`)",
        "HostSNI(`*.a.test`) && ALPN(`h2`)",
    ];
    let specs = rules.map(|rule| RouteSpec {
        name: rule.into(),
        matcher: Arc::new(tcp::compile(rule, Syntax::V3).unwrap()),
        priority: tcp::default_priority(rule),
        provider_rank: 0,
        payload: (),
    });
    let table = Table::build(specs.into());
    let find = |server_name, alpn: &[&[u8]]| {
        table
            .find(&tcp::ConnectionView {
                server_name,
                alpn,
                client_ip: None,
            })
            .map(|route| route.name.clone())
    };
    assert_eq!(find("a.test", &[]).as_deref(), Some(rules[1]));
    assert_eq!(find("x.a.test", &[b"h2"]).as_deref(), Some(rules[2]));
    assert_eq!(find("x.a.test", &[]).as_deref(), Some(rules[0]));
    assert_eq!(find("", &[]).as_deref(), Some(rules[0]));
}

#[test]
fn an_empty_table_finds_nothing() {
    let table: Table<()> = Table::default();
    assert!(table.is_empty() && table.find(&Request::parse("GET /").view()).is_none());
}
