//! What recording one request costs: `cargo bench --bench observe`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::observe::access::{AccessLog, Fields, Filters, Format, Headers, Options};
use gateway::observe::metrics::{Metrics, Options as MetricsOptions};
use gateway::observe::{Asked, Asks, Observer, Record};
use http::{HeaderMap, HeaderValue, Method, Version};

const ROUNDS: u32 = 200_000;

fn main() {
    let nothing = Observer::default();
    let metrics = Arc::new(Metrics::new(
        MetricsOptions {
            entry_points: true,
            routers: true,
            services: true,
            buckets: vec![0.1, 0.3, 1.2, 5.0],
            header_labels: Vec::new(),
        },
        1,
    ));
    let counting = Observer {
        metrics: Some(metrics),
        workers: 1,
        ..Observer::default()
    };
    let base = cost(&nothing);
    println!("nothing recorded     {base:?}");
    println!(
        "three groups counted {:?} more",
        cost(&counting).saturating_sub(base)
    );
    for format in [Format::Common, Format::Json] {
        let options = Options {
            path: Some(PathBuf::from("/dev/null")),
            format,
            fields: Fields::new("keep", &BTreeMap::new()),
            headers: Headers::new("drop", &BTreeMap::new()),
            keep_query: true,
            filters: Filters::default(),
        };
        let log = match AccessLog::open(options, 1) {
            Ok(log) => log,
            Err(error) => return eprintln!("/dev/null: {error}"),
        };
        let logging = Observer {
            access_log: Some(Arc::new(log)),
            workers: 1,
            ..Observer::default()
        };
        println!(
            "{format:?} line {:?} more",
            cost(&logging).saturating_sub(base)
        );
    }
}

/// The best of a few runs, for one request.
fn cost(observer: &Observer) -> Duration {
    let asks = Asks {
        access_log: true,
        metrics: true,
        internal: false,
    };
    let route = observer.route("web", &[("app@file", "app@file")], asks);
    let service = observer.service("app@file");
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "a.test"),
        ("user-agent", "bench/1.0"),
        ("accept", "*/*"),
        ("x-forwarded-for", "10.0.0.1"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let answer = HeaderMap::new();
    let url: Arc<str> = "http://127.0.0.1:9000".into();
    let one = || {
        let mut record = Record::new(Instant::now());
        let asked = Asked {
            method: &Method::GET,
            target: b"/some/path?query=1",
            version: Version::HTTP_11,
            headers: &headers,
            peer: ([127, 0, 0, 1], 4000).into(),
            tls: None,
            client_certificate: None,
        };
        record.begin(route.mine(), &asked);
        record.attempt(service.mine());
        record.server = Some(Arc::clone(&url));
        record.attempted(200, Some(&answer));
        record.answer(200, &answer);
        record.ended(200, 0);
        black_box(&record);
    };
    (0..7)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                one();
            }
            start.elapsed() / ROUNDS
        })
        .min()
        .unwrap_or_default()
}
