//! Tests of the options of `rateLimit.redis`. What they do is tested with real programs.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::config::dynamic::ClientTls;
use crate::types::{FileOrContent, Secret};

fn refused(config: &Config) -> String {
    Redis::new(config).unwrap_err()
}

fn at(endpoints: &[&str]) -> Config {
    Config {
        endpoints: endpoints.iter().map(|text| (*text).to_owned()).collect(),
        ..Config::default()
    }
}

#[test]
fn endpoints_are_a_host_with_a_port_or_a_socket() {
    for good in [
        "localhost:6379",
        "10.0.0.1:1",
        "[::1]:6379",
        "/run/redis.sock",
    ] {
        Redis::new(&at(&[good])).unwrap();
    }
    for bad in [
        "localhost",
        ":6379",
        "::1:6379",
        "a:b",
        "redis://a:6379/0",
        "a:99999",
    ] {
        let error = refused(&at(&[bad]));
        assert!(
            error.contains(bad) && error.contains("localhost:6379"),
            "{error}"
        );
    }
    assert!(refused(&at(&[])).contains("must name a Redis"));
}

#[test]
fn several_endpoints_are_a_cluster() {
    let one = Redis::new(&at(&["a:1"])).unwrap();
    assert!(matches!(one.servers, Servers::One(_)));
    let several = Redis::new(&at(&["a:1", "b:1"])).unwrap();
    assert!(matches!(several.servers, Servers::Cluster(_)));
    assert!(refused(&at(&["a:1", "/run/redis.sock"])).contains("host and port"));
    let numbered = Config {
        db: 3,
        ..at(&["a:1", "b:1"])
    };
    assert!(refused(&numbered).contains("only 0"));
}

#[test]
fn what_happens_without_redis_is_one_of_three() {
    for (text, fallback) in [
        ("", Fallback::Deny),
        ("deny", Fallback::Deny),
        ("allow", Fallback::Allow),
        ("local", Fallback::Local),
    ] {
        let config = Config {
            on_unavailable: text.to_owned(),
            ..Config::default()
        };
        assert_eq!(Redis::new(&config).unwrap().fallback, fallback);
    }
    let config = Config {
        on_unavailable: "pass".to_owned(),
        ..Config::default()
    };
    assert!(refused(&config).contains("\"pass\" is none of deny, allow and local"));
}

#[test]
fn tls_options_that_cannot_work_are_refused() {
    let config = Config {
        tls: Some(ClientTls {
            ca: FileOrContent::new("/nowhere/ca.pem"),
            ..ClientTls::default()
        }),
        ..Config::default()
    };
    let error = refused(&config);
    assert_eq!(error, "creating TLS config: failed to parse CA");
}

#[test]
fn the_password_is_not_shown() {
    let config = Config {
        password: Secret::new("hunter2"),
        ..Config::default()
    };
    let shown = format!("{:?}", Redis::new(&config).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}
