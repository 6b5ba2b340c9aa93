//! Tests of `webSocket`: what is asked of a handshake, and what of a connection. The rest is tested with real programs.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::middleware::filter::Outcome;
use crate::middleware::testing::{answered, context, decide, request, request_with};

const UPGRADE: [(&str, &str); 2] = [("connection", "Upgrade"), ("upgrade", "WebSocket")];

fn limited(change: impl FnOnce(&mut Config)) -> Result<WebSocket, String> {
    let mut config = Config::default();
    change(&mut config);
    WebSocket::new(&config)
}

fn opened(limit: &WebSocket) -> Option<Open> {
    match decide(limit, &mut context(), &mut request_with("/", &UPGRADE)) {
        Outcome::Keep(open) => Some(open),
        Outcome::Answer(response) => {
            assert_eq!(response.status(), 429);
            assert_eq!(response.headers()["retry-after"], "5");
            None
        }
        Outcome::Next => panic!("it has limits"),
    }
}

#[test]
fn places_are_for_connections_only_and_free_again() {
    for each in [true, false] {
        let limit = limited(|config| match each {
            true => config.max_connections_per_client = 2,
            false => config.max_connections = 2,
        })
        .unwrap();
        let held = [opened(&limit).unwrap(), opened(&limit).unwrap()];
        assert!(opened(&limit).is_none());
        let other = [("connection", "Upgrade"), ("upgrade", "h2c")];
        let silent = [("upgrade", "websocket")];
        for fields in [&[][..], &other, &silent] {
            let mut request = request_with("/", fields);
            let passed = decide(&limit, &mut context(), &mut request);
            assert!(matches!(passed, Outcome::Next));
        }
        // A handshake that failed.
        let [mine, _other] = held;
        limit.response(&context(), Some(mine), &mut plain(StatusCode::OK));
        assert!(opened(&limit).is_some());
    }
}

#[test]
fn one_limit_that_refuses_takes_no_place_of_the_other() {
    let limit = limited(|config| {
        config.max_connections = 1;
        config.max_connections_per_client = 2;
    })
    .unwrap();
    let held = opened(&limit).unwrap();
    for _ in 0..5 {
        assert!(opened(&limit).is_none());
    }
    drop(held);
    assert!(opened(&limit).is_some());
    assert_eq!(limit.each.as_ref().unwrap().clients(), 0);
}

#[test]
fn origins_are_asked_of_handshakes_only() {
    let limit = limited(|config| {
        config.allowed_origins = vec!["https://a.test".to_owned()];
    })
    .unwrap();
    let evil = [&UPGRADE[..], &[("origin", "https://evil.test")]].concat();
    assert_eq!(answered(&limit, request_with("/", &evil)).status(), 403);
    let mut without = request_with("/", &[("origin", "https://evil.test")]);
    let passed = decide(&limit, &mut context(), &mut without);
    assert!(matches!(passed, Outcome::Next));
    assert!(opened(&limit).is_some(), "no origin is allowed by default");
    let mut plain = request("/");
    assert!(matches!(
        decide(&limit, &mut context(), &mut plain),
        Outcome::Next
    ));
}

#[test]
fn options_that_cannot_be_are_named() {
    type Change = fn(&mut Config);
    let wrong: [(&str, Change); 7] = [
        ("maxMessageSize", |config| config.max_message_size = -1),
        ("messagesPerSecond", |config| {
            config.messages_per_second = -1;
        }),
        ("burst needs", |config| config.burst = 5),
        ("idleTimeout", |config| {
            config.idle_timeout = "-1s".parse().unwrap();
        }),
        ("maxLifetime", |config| {
            config.max_lifetime = "-1s".parse().unwrap();
        }),
        ("maxConnections", |config| config.max_connections = -2),
        ("a.test", |config| {
            config.allowed_origins = vec!["a.test".to_owned()];
        }),
    ];
    for (what, change) in wrong {
        let error = limited(change).unwrap_err();
        assert!(error.contains(what), "{error}");
    }
}
