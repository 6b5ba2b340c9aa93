//! Tests of the `headers` middleware, half by half.

#![allow(clippy::unwrap_used)]

use ::http::Method;

use super::*;
use crate::http::Body;
use crate::middleware::filter::Outcome;
use crate::middleware::testing::{
    answered, context, decide, request, request_with, secure_context, through,
};

fn headers(change: impl FnOnce(&mut Config)) -> Headers {
    let mut config = Config::default();
    change(&mut config);
    Headers::new(&config).unwrap()
}

/// The answer's fields, for an answer that came with `fields`.
fn back(
    filter: &Headers,
    mut cx: Context,
    mut request: Request,
    fields: &[(&'static str, &'static str)],
) -> HeaderMap {
    let memo = match decide(filter, &mut cx, &mut request) {
        Outcome::Next => None,
        Outcome::Keep(memo) => Some(memo),
        Outcome::Answer(response) => panic!("answered {}", response.status()),
    };
    let mut response = Response::new(Body::Empty);
    for &(name, value) in fields {
        let value = HeaderValue::from_static(value);
        response.headers_mut().append(name, value);
    }
    filter.response(&cx, memo, &mut response);
    response.headers().clone()
}

fn map(entries: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    entries.iter().map(owned).collect()
}

#[test]
fn own_fields_are_set_and_removed() {
    let filter = headers(|config| {
        config.custom_request_headers = map(&[
            ("X-Set", "1"),
            ("X-Gone", ""),
            ("Host", "b.test"),
            ("X-Forwarded-For", ""),
        ]);
        config.custom_response_headers = map(&[("Server", ""), ("X-Block", "a;\nb\n")]);
    });
    let mut cx = context();
    let mut request_ = request_with("/", &[("x-set", "0"), ("x-set", "2"), ("x-gone", "1")]);
    let _ = decide(&filter, &mut cx, &mut request_);
    assert!(cx.hide_client);
    assert_eq!(request_.headers.get_all("x-set").iter().count(), 1);
    assert_eq!(request_.headers[header::HOST], "b.test");
    assert!(!request_.headers.contains_key("x-gone"));
    let after = back(&filter, context(), request("/"), &[("server", "theirs")]);
    assert!(!after.contains_key("server"));
    assert_eq!(after["x-block"], "a; b");
}

#[test]
fn an_empty_host_cannot_be_asked_for() {
    let filter = headers(|config| {
        config.custom_request_headers = map(&[("host", ""), ("x", "1")]);
    });
    assert_eq!(
        through(&filter, request("/")).headers[header::HOST],
        "a.test"
    );
}

#[test]
fn nothing_configured_and_nonsense_are_errors() {
    assert!(Headers::new(&Config::default()).is_err());
    for (name, value) in [("a b", "x"), ("a", "x\u{1}")] {
        let config = Config {
            custom_response_headers: map(&[(name, value)]),
            ..Config::default()
        };
        assert!(Headers::new(&config).is_err(), "{name}");
    }
    let config = Config {
        access_control_allow_origin_list_regex: vec!["(".to_owned()],
        ..Config::default()
    };
    assert!(Headers::new(&config).is_err());
}

#[test]
fn a_preflight_is_answered() {
    let filter = headers(|config| {
        config.access_control_allow_origin_list = vec!["https://one.test".to_owned()];
        config.access_control_allow_credentials = true;
        config.access_control_allow_methods = vec!["GET".to_owned(), "PUT".to_owned()];
        config.access_control_allow_headers = vec!["*".to_owned()];
        config.access_control_max_age = Some(100);
    });
    let preflight = |fields| {
        let mut request = request_with("/", fields);
        request.method = Method::OPTIONS;
        request
    };
    let response = answered(
        &filter,
        preflight(&[
            ("origin", "https://one.test"),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "X-In"),
        ]),
    );
    assert_eq!(response.status(), 200);
    let fields = response.headers();
    assert_eq!(fields["access-control-allow-origin"], "https://one.test");
    assert_eq!(fields["access-control-allow-methods"], "GET,PUT");
    assert_eq!(fields["access-control-allow-headers"], "X-In");
    assert_eq!(fields["access-control-max-age"], "100");
    assert_eq!(fields["access-control-allow-credentials"], "true");
    through(&filter, preflight(&[("origin", "https://one.test")]));
}

#[test]
fn origins_are_matched_and_vary_grows() {
    let filter = headers(|config| {
        config.access_control_allow_origin_list = vec!["https://one.test".to_owned()];
        config.access_control_allow_origin_list_regex = vec!["^https://[a-z]+\\.two$".to_owned()];
        config.access_control_expose_headers = vec!["X-A".to_owned(), "X-B".to_owned()];
        config.add_vary_header = true;
    });
    for (origin, allowed) in [
        ("https://one.test", true),
        ("https://a.two", true),
        ("https://evil.test", false),
    ] {
        let request = request_with("/", &[("origin", origin)]);
        let after = back(&filter, context(), request, &[("vary", "Accept")]);
        let found = after.get("access-control-allow-origin");
        assert_eq!(found.map(|value| value == origin), allowed.then_some(true));
        assert_eq!(after["access-control-expose-headers"], "X-A,X-B");
        assert_eq!(after["vary"], "Accept,Origin");
    }
}

#[test]
fn security_fields_replace_those_of_the_server() {
    let filter = headers(|config| {
        config.frame_deny = true;
        config.content_type_nosniff = true;
        config.sts_seconds = Some(10);
        config.sts_preload = true;
        config.ssl_proxy_headers = map(&[("X-Proto", "https")]);
        config.content_security_policy = "script-src $NONCE".to_owned();
    });
    let theirs = [("x-frame-options", "theirs")];
    let plain = back(&filter, context(), request("/"), &theirs);
    assert_eq!(plain["x-frame-options"], "DENY");
    assert_eq!(plain["x-content-type-options"], "nosniff");
    assert!(!plain.contains_key("strict-transport-security"));
    let tls = back(&filter, secure_context(), request("/"), &[]);
    assert_eq!(tls["strict-transport-security"], "max-age=10; preload");
    let proxied = request_with("/", &[("x-proto", "https")]);
    let proxied = back(&filter, context(), proxied, &[]);
    assert!(proxied.contains_key("strict-transport-security"));
    let policy = |map: &HeaderMap| map["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy(&plain).starts_with("script-src 'nonce-"));
    assert_ne!(policy(&plain), policy(&tls));
}

#[test]
fn only_allowed_hosts_are_let_in() {
    let allowed = |config: &mut Config| {
        config.allowed_hosts = vec!["A.TEST".to_owned()];
        config.hosts_proxy_headers = vec!["X-Host".to_owned()];
        config.custom_response_headers = map(&[("X-Ours", "1")]);
    };
    let filter = headers(allowed);
    through(&filter, request("/"));
    let response = answered(&filter, request_with("/", &[("x-host", "evil.test")]));
    assert_eq!(response.status(), 500);
    assert_eq!(response.headers()["x-ours"], "1");
    let development = headers(|config| {
        allowed(config);
        config.is_development = true;
    });
    through(&development, request_with("/", &[("x-host", "evil.test")]));
}
