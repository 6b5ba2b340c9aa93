//! Tests of `rateLimit` without Redis.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use ::http::{HeaderValue, header};

use super::bucket::{Bucket, MOST};
use super::*;
use crate::middleware::testing::{answered, context, decide, request, through};
use crate::types;

fn limit(average: i64, period: &str, burst: i64) -> RateLimit {
    RateLimit::new(&Config {
        average,
        period: period.parse().unwrap(),
        burst,
        ..Config::default()
    })
    .unwrap()
}

#[test]
fn a_burst_passes_and_the_rest_is_told_when_to_return() {
    let limit = limit(1, "1h", 2);
    through(&limit, request("/"));
    through(&limit, request("/"));
    let response = answered(&limit, request("/"));
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()[header::RETRY_AFTER], "3600");
    assert!(
        response.headers()["x-retry-in"]
            .to_str()
            .unwrap()
            .starts_with("59m59.")
    );
}

#[test]
fn a_token_comes_back_in_time_and_a_refusal_takes_none() {
    let limit = limit(10, "1s", 1);
    let bound = limit.limit.unwrap();
    let start = Instant::now();
    let mut bucket = Bucket {
        tokens: 1.0,
        filled: start,
        used: start,
    };
    assert_eq!(bucket.take(&bound, start).wait, Duration::ZERO);
    assert!(!bucket.take(&bound, start).granted);
    let later = start + Duration::from_millis(60);
    let taken = bucket.take(&bound, later);
    assert!(
        taken.granted && taken.wait > Duration::from_millis(35),
        "{taken:?}"
    );
    // A worker that read the clock before another had the bucket gains nothing.
    let before = bucket.take(&bound, start);
    assert!(!before.granted && bucket.filled == later, "{before:?}");
}

#[test]
fn clients_are_forgotten_when_there_are_too_many() {
    let limit = limit(1, "1h", 1);
    let bound = limit.limit.unwrap();
    for client in 0..u32::try_from(MOST).unwrap() + 10 {
        limit.buckets.take(&bound, &client.to_be_bytes());
    }
    let buckets = limit.buckets.0.lock().unwrap();
    assert!(buckets.len() <= MOST && buckets.len() > MOST / 2);
    assert!(buckets.contains_key(&(u32::try_from(MOST).unwrap() + 9).to_be_bytes()[..]));
}

#[test]
fn no_average_is_no_limit_and_nonsense_is_refused() {
    let open = limit(0, "1s", 1);
    for _ in 0..10 {
        through(&open, request("/"));
    }
    let negative = Config {
        period: types::Duration::from_secs(-1),
        ..Config::default()
    };
    assert_eq!(
        RateLimit::new(&negative).unwrap_err(),
        "negative value not valid for period: -1s"
    );
}

#[test]
fn answers_tell_what_is_left_unless_they_must_not() {
    let told = |limit: &RateLimit| {
        let mut cx = context();
        let mut request = request("/");
        let Outcome::Keep(left) = decide(limit, &mut cx, &mut request) else {
            return None;
        };
        let mut response = Response::new(Body::Empty);
        response
            .headers_mut()
            .append("ratelimit", HeaderValue::from_static("\"server\";r=7"));
        limit.response(&cx, Some(left), &mut response);
        let all = response.headers().get_all("ratelimit").iter();
        let all: Vec<_> = all
            .map(|value| value.to_str().unwrap().to_owned())
            .collect();
        Some(all.join(", "))
    };
    let mut named = limit(1, "1h", 2);
    named.named("slow@file");
    assert_eq!(told(&named).unwrap(), "\"server\";r=7, \"slow\";r=1;t=3600");
    through(&named, request("/"));
    let refused = answered(&named, request("/"));
    assert_eq!(refused.headers()["ratelimit"], "\"slow\";r=0;t=3600");
    assert_eq!(refused.headers()["ratelimit-policy"], "\"slow\";q=2;w=7200");

    let silent = RateLimit::new(&Config {
        average: 1,
        headers: Some(false),
        ..Config::default()
    })
    .unwrap();
    assert_eq!(told(&silent), None);
    let refused = answered(&silent, request("/"));
    assert_eq!(refused.headers().get("ratelimit"), None);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
}
