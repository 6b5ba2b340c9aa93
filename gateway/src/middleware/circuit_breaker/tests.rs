//! Tests of `circuitBreaker`: when it opens, whom it lets through meanwhile, when it closes.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::middleware::testing::{answered, request};

fn breaker(expression: &str) -> Result<CircuitBreaker, String> {
    CircuitBreaker::new(&Config {
        expression: expression.to_owned(),
        ..Config::default()
    })
}

#[test]
fn it_opens_recovers_and_closes() {
    let breaker = breaker("NetworkErrorRatio() > 0.30").unwrap();
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    assert!(breaker.admits(start));
    breaker.count(at(0), StatusCode::OK, Duration::ZERO);
    breaker.count(at(50), StatusCode::BAD_GATEWAY, Duration::ZERO);
    assert!(breaker.admits(at(60)), "it was looked at too recently");
    breaker.count(at(150), StatusCode::BAD_GATEWAY, Duration::ZERO);
    assert!(!breaker.admits(at(160)));
    assert_eq!(answered(&breaker, request("/")).status(), 503);
    // Answers of requests that were under way do not matter now.
    breaker.count(at(300), StatusCode::BAD_GATEWAY, Duration::ZERO);
    assert!(!breaker.admits(at(10_100)));

    let share = |from: u64| {
        let admitted = (0..100).filter(|step| breaker.admits(at(from + step * 10)));
        admitted.count()
    };
    let (early, late) = (share(10_200), share(19_000));
    assert!(early < 10 && late > 30, "{early} {late}");
    assert!(breaker.admits(at(20_300)));
    assert_eq!(share(20_400), 100);
}

#[test]
fn statuses_and_latencies_open_it() {
    for (expression, status, millis, opens) in [
        ("ResponseCodeRatio(500, 600, 0, 600) > 0.5", 500, 1, true),
        ("ResponseCodeRatio(500, 600, 0, 600) > 0.5", 404, 1, false),
        ("LatencyAtQuantileMS(50.0) > 100", 200, 200, true),
        ("LatencyAtQuantileMS(50.0) > 100", 200, 50, false),
        (
            "NetworkErrorRatio() > 0.1 && RequestThreshold() >= 2",
            502,
            1,
            false,
        ),
    ] {
        let breaker = breaker(expression).unwrap();
        let now = Instant::now();
        let status = StatusCode::from_u16(status).unwrap();
        breaker.count(now, status, Duration::from_millis(millis));
        assert_eq!(breaker.admits(now), !opens, "{expression}");
    }
}

#[test]
fn what_is_refused() {
    for expression in [
        "",
        "Nope() > 1",
        "NetworkErrorRatio() > 2",
        "LatencyAtQuantileMS(50) > 1",
    ] {
        assert!(breaker(expression).is_err(), "{expression}");
    }
}
