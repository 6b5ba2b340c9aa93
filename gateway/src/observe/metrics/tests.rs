//! Counting and the page.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use http::{HeaderMap, Method};

use super::*;
use crate::observe::{Asked, Asks, Observer, Record};

fn metrics(workers: usize) -> Metrics {
    let options = Options {
        entry_points: true,
        routers: true,
        services: true,
        buckets: vec![0.1, 5.0],
        header_labels: Vec::new(),
    };
    Metrics::new(options, workers)
}

fn sample(code: u16, millis: u64) -> Sample<'static> {
    Sample {
        kind: Kind::of(&Method::GET, &HeaderMap::new()),
        code,
        duration: Duration::from_millis(millis),
        request_bytes: 3,
        response_bytes: 10,
        tls: None,
        labels: &[],
    }
}

fn lines(page: &str, start: &str) -> Vec<String> {
    page.lines()
        .filter(|line| line.starts_with(start))
        .map(str::to_owned)
        .collect()
}

#[test]
fn shards_of_all_workers_are_one_series() {
    let metrics = metrics(3);
    let scope = metrics.router("r@file", "s@file").unwrap();
    for number in 0..3 {
        scope.of(number).record(&sample(200, 1));
    }
    scope.of(1).record(&sample(503, 1000));
    scope.of(1).record(&sample(503, 9000));
    let page = metrics.page();
    let labels = |code: &str| {
        format!(r#"code="{code}",method="GET",protocol="http",router="r@file",service="s@file""#)
    };
    assert_eq!(
        lines(&page, "traefik_router_requests_total"),
        [
            format!("traefik_router_requests_total{{{}}} 3", labels("200")),
            format!("traefik_router_requests_total{{{}}} 2", labels("503")),
        ]
    );
    let duration = "traefik_router_request_duration_seconds";
    let failed = labels("503");
    let of_failed: Vec<_> = lines(&page, duration)
        .into_iter()
        .filter(|line| line.contains("503"))
        .collect();
    assert_eq!(
        of_failed,
        [
            format!(r#"{duration}_bucket{{{failed},le="0.1"}} 0"#),
            format!(r#"{duration}_bucket{{{failed},le="5"}} 1"#),
            format!(r#"{duration}_bucket{{{failed},le="+Inf"}} 2"#),
            format!("{duration}_sum{{{failed}}} 10"),
            format!("{duration}_count{{{failed}}} 2"),
        ]
    );
    assert_eq!(
        lines(&page, "traefik_router_responses_bytes_total")[0],
        format!(
            "traefik_router_responses_bytes_total{{{}}} 30",
            labels("200")
        )
    );
    assert_eq!(
        lines(&page, "traefik_config_reloads_total"),
        ["traefik_config_reloads_total 0"]
    );
}

#[test]
fn what_left_the_configuration_is_shown_once_more() {
    let metrics = metrics(1);
    let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
    metrics.reloaded(names(&["r@file"]), names(&["a@file", "b@file"]));
    metrics
        .router("r@file", "a@file")
        .unwrap()
        .mine()
        .record(&sample(200, 1));
    metrics
        .scope(Group::Service, "b@file")
        .unwrap()
        .mine()
        .record(&sample(200, 1));
    metrics.reloaded(names(&["r@file"]), names(&["b@file"]));
    assert_eq!(
        lines(&metrics.page(), "traefik_router_requests_total").len(),
        1
    );
    let page = metrics.page();
    assert!(lines(&page, "traefik_router_requests_total").is_empty());
    assert_eq!(lines(&page, "traefik_service_requests_total").len(), 1);
    // Gone and back before anyone looked: nothing is lost.
    metrics.reloaded(names(&[]), names(&[]));
    metrics.reloaded(names(&["r@file"]), names(&["b@file"]));
    metrics.page();
    assert_eq!(
        lines(&metrics.page(), "traefik_service_requests_total").len(),
        1
    );
}

#[test]
fn labels_of_headers_come_in_order_and_escaped() {
    let options = Options {
        header_labels: vec![("tenant".into(), "x-tenant".parse().unwrap())],
        routers: false,
        ..metrics(1).options().clone()
    };
    let metrics = Metrics::new(options, 1);
    assert!(metrics.router("r", "s").is_none());
    let labels = ["a\"b\\\n".into()];
    let labelled = Sample {
        labels: &labels,
        tls: Some(("1.3", "TLS_AES_128_GCM_SHA256")),
        ..sample(200, 1)
    };
    metrics
        .scope(Group::EntryPoint, "web")
        .unwrap()
        .mine()
        .record(&labelled);
    let page = metrics.page();
    assert_eq!(
        lines(&page, "traefik_entrypoint_requests_total"),
        [
            r#"traefik_entrypoint_requests_total{code="200",entrypoint="web",method="GET",protocol="http",tenant="a\"b\\\n"} 1"#
        ]
    );
    assert_eq!(
        lines(&page, "traefik_entrypoint_requests_tls_total"),
        [
            r#"traefik_entrypoint_requests_tls_total{entrypoint="web",tls_cipher="TLS_AES_128_GCM_SHA256",tls_version="1.3"} 1"#
        ]
    );
}

#[test]
fn gauges_and_open_connections() {
    let metrics = metrics(2);
    let open = metrics.open_connections("web", "TCP");
    open.of(0).up();
    open.of(1).up();
    open.of(1).down();
    let page = metrics.page();
    assert_eq!(
        lines(&page, "traefik_open_connections"),
        [r#"traefik_open_connections{entrypoint="web",protocol="TCP"} 1"#]
    );
    assert_eq!(lines(&page, "process_resident_memory_bytes").len(), 1);
}

/// Not a limit of the machine but of the design: a lock, a hash or an allocation would be seen here.
#[test]
fn counting_is_cheap() {
    let metrics = metrics(1);
    let scope = metrics.router("r", "s").unwrap();
    let rounds = 100_000_u32;
    let best = (0..5)
        .map(|_| {
            let start = Instant::now();
            for round in 0..rounds {
                scope
                    .mine()
                    .record(&sample(if round % 8 == 0 { 404 } else { 200 }, 1));
            }
            start.elapsed() / rounds
        })
        .min()
        .unwrap();
    println!("{best:?} a request and group");
    assert!(best < Duration::from_micros(2), "{best:?}");
}

#[test]
fn copies_of_requests_count_for_services_alone() {
    let metrics = Arc::new(metrics(1));
    let observer = Observer {
        metrics: Some(Arc::clone(&metrics)),
        workers: 1,
        ..Observer::default()
    };
    let asks = Asks {
        access_log: false,
        metrics: true,
        internal: false,
    };
    let route = observer.route("web", &[("r@file", "s@file")], asks);
    let (main, mirror) = (observer.service("s@file"), observer.service("m@file"));
    let mut record = Record::new(Instant::now());
    let asked = Asked {
        method: &Method::GET,
        target: b"/",
        version: http::Version::HTTP_11,
        headers: &HeaderMap::new(),
        peer: ([127, 0, 0, 1], 1).into(),
        tls: None,
        client_certificate: None,
    };
    record.begin(route.mine(), &asked);
    let mut copy = record.of_copy(Instant::now());
    for (record, service, status) in [(&mut record, main, 200), (&mut copy, mirror, 503)] {
        record.attempt(service.mine());
        record.attempted(status, None);
        record.answer(status, &HeaderMap::new());
    }
    drop((record, copy));
    let page = metrics.page();
    let total = |group: &str| lines(&page, &format!("traefik_{group}_requests_total"));
    assert_eq!(total("entrypoint").len(), 1, "{page}");
    assert_eq!(total("router").len(), 1, "{page}");
    let services = total("service");
    assert_eq!(services.len(), 2, "{page}");
    assert!(
        services
            .iter()
            .any(|line| line.contains("m@file") && line.contains("503"))
    );
}
