//! Addresses, origins, tokens and rates.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::proof::Proof;
use super::{Denied, Guard, Rates, Role};
use crate::config::Config;

const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn guard(vars: &[(&str, &str)]) -> Guard {
    let vars = vars
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let (config, _) = Config::from_vars(vars).unwrap();
    Guard::new(&config.auth, &config.rest.allowed_ips).unwrap()
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&'static str, &str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    let mut all = HeaderMap::new();
    for (name, value) in lines.iter().map(line) {
        all.append(name, value);
    }
    all
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_client_is_the_rightmost_untrusted_address() {
    let guard = guard(&[]);
    for (peer, forwarded, client) in [
        ("8.8.8.8", "1.1.1.1", "8.8.8.8"),
        ("127.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("127.0.0.1", "9.9.9.9, 1.1.1.1", "1.1.1.1"),
        ("127.0.0.1", "1.1.1.1, 10.0.0.3", "1.1.1.1"),
        ("127.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"),
        ("127.0.0.1", "1.1.1.1, nonsense", "127.0.0.1"),
        ("127.0.0.1", "1.1.1.1:4711", "1.1.1.1"),
        ("::ffff:127.0.0.1", "2001:db8::1", "2001:db8::1"),
    ] {
        let found = guard.address(ip(peer), &headers(&[("x-forwarded-for", forwarded)]));
        assert_eq!(found, ip(client), "{peer}, {forwarded}");
    }
}

#[test]
fn origins_are_compared_by_host_and_port() {
    let list = "https://Admin.example:443, http://local.example:3000/";
    let listed = guard(&[("ALLOWED_ORIGINS", list)]);
    for (origin, host, allowed) in [
        ("https://live.example", "live.example", true),
        ("http://live.example:80", "live.example:443", true),
        ("http://live.example:8080", "live.example:8080", true),
        ("http://live.example:8080", "live.example", false),
        ("https://LIVE.example", "live.example", true),
        ("https://admin.example", "live.example", true),
        ("http://local.example:3000", "live.example", true),
        ("http://local.example", "live.example", false),
        ("https://evil.example", "live.example", false),
        ("null", "live.example", false),
        ("live.example", "live.example", false),
    ] {
        let lines = headers(&[("origin", origin), ("host", host)]);
        assert_eq!(
            listed.origin(LOCAL, &lines).is_ok(),
            allowed,
            "{origin} to {host}"
        );
    }
    assert!(listed.origin(LOCAL, &headers(&[("host", "x")])).is_ok());
    let any = guard(&[("ALLOWED_ORIGINS", "*")]);
    assert!(
        any.origin(LOCAL, &headers(&[("origin", "https://evil.example")]))
            .is_ok()
    );
    assert!(any.origin(LOCAL, &headers(&[("origin", "null")])).is_err());
}

#[test]
fn a_forwarded_host_counts_from_a_proxy_only() {
    let guard = guard(&[]);
    let lines = headers(&[
        ("origin", "https://live.example"),
        ("host", "backend:4201"),
        ("x-forwarded-host", "live.example"),
    ]);
    assert!(guard.origin(LOCAL, &lines).is_ok());
    assert!(guard.origin(ip("8.8.8.8"), &lines).is_err());
}

#[test]
fn tokens_come_by_header_key_or_subprotocol() {
    let guard = guard(&[
        ("AUTH_MODE", "token"),
        (
            "STREAM_API_TOKENS",
            "ada:operator:s3cret-s3cret,bob:viewer:other-other",
        ),
    ]);
    let who = |lines: &[(&'static str, &str)]| guard.identify(ip("8.8.8.8"), &headers(lines));
    for lines in [
        [("authorization", "bearer s3cret-s3cret")],
        [("x-api-key", "s3cret-s3cret")],
        [("sec-websocket-protocol", "stream.v1, bearer.s3cret-s3cret")],
    ] {
        let identity = who(&lines).unwrap();
        assert_eq!((&*identity.name, identity.role), ("ada", Role::Operator));
    }
    let bob = who(&[("x-api-key", "other-other")]).unwrap();
    assert!(bob.at_least(Role::Operator).is_err() && bob.at_least(Role::Viewer).is_ok());
    for wrong in ["", "s3cret", "s3cret-s3cretX", "other-othe"] {
        assert!(
            matches!(who(&[("x-api-key", wrong)]), Err(Denied::Unauthorized(_))),
            "{wrong}"
        );
    }
    assert!(matches!(who(&[]), Err(Denied::Unauthorized(_))));
}

#[test]
fn internal_peers_are_operators_unless_forwarded() {
    let guard = guard(&[
        ("AUTH_MODE", "token"),
        ("STREAM_API_TOKENS", "ada:operator:s3cret-s3cret"),
        ("AUTH_INTERNAL_CIDRS", "10.0.0.0/8"),
    ]);
    assert_eq!(
        guard.identify(ip("10.1.1.1"), &headers(&[])).unwrap().role,
        Role::Operator
    );
    let forwarded = headers(&[("x-forwarded-for", "1.1.1.1")]);
    assert!(guard.identify(ip("10.1.1.1"), &forwarded).is_err());
}

#[test]
fn the_first_proof_counts_and_each_mode_has_its_own() {
    let lines = headers(&[
        ("authorization", "Basic YTpi"),
        ("x-api-key", "k"),
        ("sec-websocket-protocol", "stream.v1, bearer.s"),
        ("cookie", "__sessions=x; __session=; b=c"),
        ("cookie", "a=b; __session=\"c\""),
    ]);
    let mut left = lines.clone();
    let both = |lines: &HeaderMap| format!("{:?}", Proof::of(lines, true, true));
    assert_eq!(both(&left), r#"Some(Key("k"))"#);
    left.remove("x-api-key");
    assert_eq!(both(&left), r#"Some(Bearer("s"))"#);
    left.remove("sec-websocket-protocol");
    assert_eq!(both(&left), r#"Some(Cookie("c"))"#);
    assert_eq!(Proof::of(&left, true, false), None);
    left.insert("authorization", HeaderValue::from_static("BEARER t"));
    assert_eq!(both(&left), r#"Some(Bearer("t"))"#);
    assert_eq!(Proof::of(&lines, false, true), Some(Proof::Bearer("s")));
}

#[test]
fn a_wrong_proof_of_an_internal_peer_is_wrong() {
    let guard = guard(&[
        ("AUTH_MODE", "jwt"),
        ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ("AUTH_INTERNAL_CIDRS", "10.0.0.0/8"),
    ]);
    assert!(!guard.is_open());
    let peer = ip("10.1.1.1");
    let nothing = guard.identify(peer, &headers(&[])).unwrap();
    assert_eq!((nothing.role, nothing.until), (Role::Operator, None));
    let wrong = headers(&[("authorization", "Bearer a.b.c")]);
    assert!(guard.identify(peer, &wrong).is_err());
}

#[test]
fn control_can_be_limited_to_addresses() {
    let guard = guard(&[("ALLOWED_IPS", "10.0.0.0/8,1.1.1.1")]);
    assert!(guard.control_from(ip("10.9.9.9")).is_ok());
    assert!(guard.control_from(ip("1.1.1.2")).is_err());
}

#[test]
fn buckets_allow_a_burst_and_then_a_rate() {
    let rates = Rates::new(2.0, 3.0);
    let start = Instant::now();
    for _ in 0..3 {
        assert!(rates.take(LOCAL, 1.0, start).is_ok());
    }
    let wait = rates.take(LOCAL, 1.0, start).unwrap_err();
    assert!(
        wait > Duration::from_millis(400) && wait <= Duration::from_millis(500),
        "{wait:?}"
    );
    assert!(rates.take(ip("8.8.8.8"), 1.0, start).is_ok());
    assert!(
        rates
            .take(LOCAL, 1.0, start + Duration::from_millis(501))
            .is_ok()
    );
}

#[test]
fn addresses_without_end_do_not_fill_memory() {
    let rates = Rates::new(1.0, 1.0);
    let now = Instant::now();
    for number in 0..100_000_u32 {
        assert!(rates.take(IpAddr::V4(number.into()), 1.0, now).is_ok());
    }
    assert!(rates.buckets.lock().unwrap().len() <= 16_384);
}
