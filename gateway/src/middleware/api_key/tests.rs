//! Tests of `apiKey`: which keys are let in, from where, and what is left of them in the request.

#![allow(clippy::unwrap_used)]

use ::http::header;

use super::*;
use crate::config::dynamic::ApiKeySource;
use crate::http::Response;
use crate::middleware::testing::{context, request_with};
use crate::types::Secret;

/// Of `test`, of `password` (SHA-1), and of `foo` (bcrypt).
const APR1: &str = "$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/";
const SHA1: &str = "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=";
const BCRYPT: &str = "$2y$05$D4SPFxzfWKcx1OXfVhRbvOTH/QB0Lm6AXTk8.NOmU4rPLX2t6UUuW";
/// Of `secret`.
const SHA256_HEX: &str = "{SHA256}2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

fn source(header: &str, scheme: &str, query: &str, cookie: &str) -> ApiKeySource {
    ApiKeySource {
        header: header.to_owned(),
        header_auth_scheme: scheme.to_owned(),
        query: query.to_owned(),
        cookie: cookie.to_owned(),
    }
}

fn config() -> Config {
    let hashes = [APR1, SHA1, BCRYPT, SHA256_HEX];
    Config {
        key_source: Some(source("X-Api-Key", "", "key", "key")),
        secret_non_base64_encoded: true,
        secret_values: hashes.map(Secret::new).to_vec(),
        ..Config::default()
    }
}

fn guard(change: impl FnOnce(&mut Config)) -> Result<ApiKey, String> {
    let mut config = config();
    change(&mut config);
    ApiKey::new(&config)
}

/// The name that is logged and the request; else the answer.
async fn ask(
    guard: &ApiKey,
    target: &str,
    fields: &[(&'static str, &'static str)],
) -> Result<(String, Request), Response> {
    let (mut cx, mut request) = (context(), request_with(target, fields));
    let outcome = match guard.request(&mut cx, &mut request) {
        Step::Done(outcome) => outcome,
        Step::Later(outcome) => outcome.await,
    };
    match outcome {
        Outcome::Answer(response) => Err(*response),
        _ => Ok((cx.record.user.take().unwrap().into(), request)),
    }
}

#[tokio::test]
async fn a_key_is_known_by_any_kind_of_hash_again_and_again() {
    let guard = guard(|_| {}).unwrap();
    for _ in 0..2 {
        for (key, name) in [
            ("test", "key-1"),
            ("password", "key-2"),
            ("foo", "key-3"),
            ("secret", "key-4"),
        ] {
            let (user, request) = ask(&guard, "/", &[("x-api-key", key)]).await.unwrap();
            assert_eq!(user, name);
            assert!(!request.headers.contains_key("x-api-key"));
        }
        for wrong in ["", "Test", "foo ", "tes", "testt", SHA1, APR1] {
            let fields = [("x-api-key", wrong)];
            // The end of a field's value is not blank on the wire; a filter may see it all the same.
            let response = ask(&guard, "/", &fields).await.unwrap_err();
            assert_eq!(response.status(), 401, "{wrong}");
            assert_eq!(
                response.headers()["www-authenticate"],
                "ApiKey realm=\"traefik\""
            );
        }
    }
}

#[tokio::test]
async fn keys_that_were_right_are_remembered_in_bounds() {
    let guard = guard(|config| config.secret_values = vec![Secret::new(BCRYPT)]).unwrap();
    assert!(matches!(guard.keys.look(b"foo"), Look::Unknown));
    for _ in 0..3 {
        assert!(ask(&guard, "/?key=foo", &[]).await.is_ok());
        assert!(matches!(guard.keys.look(b"foo"), Look::Right(_)));
        assert!(ask(&guard, "/?key=bar", &[]).await.is_err());
        assert!(matches!(guard.keys.look(b"bar"), Look::Unknown));
    }
}

#[tokio::test]
async fn the_first_place_counts_and_the_key_leaves_all_of_them() {
    let guard = guard(|_| {}).unwrap();
    let (_, request) = ask(&guard, "/a?x=1&key=password&y=%20", &[]).await.unwrap();
    assert_eq!(request.target.as_bytes(), b"/a?x=1&y=%20");
    let (_, request) = ask(&guard, "/a?k%65y=password", &[]).await.unwrap();
    assert_eq!(request.target.as_bytes(), b"/a");
    let (_, request) = ask(&guard, "/", &[("cookie", "a=1; key=password")])
        .await
        .unwrap();
    assert_eq!(request.headers[header::COOKIE], "a=1");
    let everywhere = [
        ("x-api-key", "password"),
        ("x_api_key", "other"),
        ("cookie", "key=other"),
    ];
    let (_, request) = ask(&guard, "/?key=other", &everywhere).await.unwrap();
    assert_eq!(request.target.as_bytes(), b"/");
    assert_eq!(request.headers.len(), 1, "{:?}", request.headers);
    // The header counts, though the query's would be right.
    let wrong = [("x-api-key", "wrong")];
    assert!(ask(&guard, "/?key=password", &wrong).await.is_err());
}

#[tokio::test]
async fn whoever_brings_two_keys_has_none() {
    let guard = guard(|_| {}).unwrap();
    let twice = [("x-api-key", "password"), ("x-api-key", "password")];
    assert!(ask(&guard, "/", &twice).await.is_err());
    assert!(
        ask(&guard, "/?key=password&key=password", &[])
            .await
            .is_err()
    );
    let cookies = [("cookie", "key=password"), ("cookie", "key=password")];
    assert!(ask(&guard, "/", &cookies).await.is_err());
    let long = format!("/?key={}", "x".repeat(LONGEST + 1));
    assert!(ask(&guard, &long, &[]).await.is_err());
    assert!(ask(&guard, "/", &[]).await.is_err());
}

#[tokio::test]
async fn a_scheme_and_base64_as_the_paid_edition_has_them() {
    let guard = guard(|config| {
        config.key_source = Some(source("Authorization", "Bearer", "", ""));
        config.secret_non_base64_encoded = false;
        config.forward_key = true;
    })
    .unwrap();
    let right = [("authorization", "bEARER cGFzc3dvcmQ=")];
    let (_, request) = ask(&guard, "/", &right).await.unwrap();
    assert!(request.headers.contains_key("authorization"), "forwardKey");
    for wrong in [
        "Bearer password",
        "Bearer",
        "cGFzc3dvcmQ=",
        "Basic cGFzc3dvcmQ=",
        "Bearer =",
    ] {
        let response = ask(&guard, "/", &[("authorization", wrong)])
            .await
            .unwrap_err();
        assert_eq!(
            response.headers()["www-authenticate"],
            "Bearer realm=\"traefik\""
        );
    }
}

#[tokio::test]
async fn the_service_hears_whose_key_it_is_from_us_alone() {
    let guard = guard(|config| {
        let entry = |id: &str, hash: &str, group: Option<&str>| ApiKeyEntry {
            id: id.to_owned(),
            value: Secret::new(hash),
            metadata: group
                .map(|group| ("group".to_owned(), group.to_owned()))
                .into_iter()
                .collect(),
        };
        config.secret_values.clear();
        config.keys = vec![
            entry("billing", SHA1, Some("finance")),
            entry("batch", SHA256_HEX, None),
        ];
        let told = [("X-Consumer", "_id"), ("X-Group", "group")];
        config.forward_headers = told
            .map(|(name, what)| (name.to_owned(), what.to_owned()))
            .into();
    })
    .unwrap();
    let spoofed = [
        ("x-group", "admin"),
        ("x_group", "admin"),
        ("x.consumer", "root"),
    ];
    let with = |key| [&[("x-api-key", key)][..], &spoofed[..]].concat();
    let (user, request) = ask(&guard, "/", &with("password")).await.unwrap();
    assert_eq!(user, "billing");
    assert_eq!(request.headers["x-consumer"], "billing");
    assert_eq!(request.headers["x-group"], "finance");
    assert_eq!(request.headers.len(), 3, "{:?}", request.headers);
    let (_, request) = ask(&guard, "/", &with("secret")).await.unwrap();
    assert_eq!(request.headers["x-consumer"], "batch");
    assert!(!request.headers.contains_key("x-group"), "it has no group");
}

#[test]
fn options_that_cannot_be_are_named_without_their_secrets() {
    type Change = fn(&mut Config);
    let wrong: [(&str, Change); 13] = [
        ("keySource", |config| config.key_source = None),
        ("headerAuthScheme", |config| {
            config.key_source = Some(source("", "Bearer", "q", ""));
        }),
        ("headerAuthScheme", |config| {
            config.key_source = Some(source("A", "a b", "", ""));
        }),
        ("keySource.header", |config| {
            config.key_source = Some(source("Host", "", "", ""));
        }),
        ("secretValues or keys", |config| {
            config.secret_values.clear();
        }),
        ("secretValues[0]", |config| {
            config.secret_values = vec![Secret::new("hunter2")];
        }),
        ("secretValues[0]", |config| {
            config.secret_values = vec![Secret::new("")];
        }),
        ("secretValues[4]", |config| {
            config.secret_values.push(Secret::new("{SHA256}hunter2"));
        }),
        ("bcrypt", |config| {
            config.secret_values.push(Secret::new("$2y$05$hunter2"));
        }),
        ("urn", |config| {
            config.secret_values.push(Secret::new("urn:k8s:secret:a:b"));
        }),
        ("id", |config| config.keys.push(ApiKeyEntry::default())),
        ("already", |config| {
            let entry = ApiKeyEntry {
                id: "key-1".to_owned(),
                value: Secret::new(SHA1),
                ..ApiKeyEntry::default()
            };
            config.keys.push(entry);
        }),
        ("forwardHeaders", |config| {
            config
                .forward_headers
                .insert("X-A".to_owned(), "nobody".to_owned());
        }),
    ];
    for (what, change) in wrong {
        let error = guard(change).err().unwrap();
        let named = error.contains(what) || what == "urn" && error.contains("Kubernetes");
        assert!(named && !error.contains("hunter2"), "{what}: {error}");
    }
}
