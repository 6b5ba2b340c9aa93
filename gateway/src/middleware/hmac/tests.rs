//! Tests of `hmac`: signatures that others have made, and everything that is not one.
#![allow(clippy::unwrap_used)]

use ::http::Method;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::*;
use crate::config::dynamic::HmacKey;
use crate::middleware::testing::{context, request, request_with};
use crate::types::Secret;

const SHA256: &str = r#"Hmac keyId="Test",algorithm="hmac-sha256",signature="QgoCZTOayhvFBl1QLXmFOZIVMXC0Dujs5ODsYVruDPI=""#;
const SHA1: &str =
    r#"Signature keyId="Test",algorithm="hmac-sha1",signature="06tbjUif0/069JeDM7gWFUOjz04=""#;
const TARGET: &str = r#"hmac keyId="ruby",algorithm="hmac-sha256",headers="(request-target)",signature="OQ/dHqRW9vFmrW/RCHg7O2Fqx+3uqxJw81p6k9Rcyo4=""#;
const DATE: (&str, &str) = ("date", "Thu, 05 Jan 2012 21:31:40 GMT");

fn key(id: &str, key: &str) -> HmacKey {
    HmacKey {
        id: id.to_owned(),
        key: Secret::new(key),
    }
}

/// The keys of vectors that other implementations test with, and no clock.
fn guard(change: impl FnOnce(&mut Config)) -> Result<Hmac, String> {
    let mut config = Config {
        keys: vec![key("Test", "SomethingRandom"), key("ruby", "secret 🙈")],
        clock_skew: "0s".parse().unwrap(),
        ..Config::default()
    };
    change(&mut config);
    Hmac::new(&config)
}

/// Runs it; else the status of the refusal.
async fn ask(guard: &Hmac, mut request: Request) -> Result<(String, Request), StatusCode> {
    let mut cx = context();
    let outcome = match guard.request(&mut cx, &mut request) {
        Step::Done(outcome) => outcome,
        Step::Later(later) => later.await,
    };
    match outcome {
        Outcome::Answer(response) => {
            if response.status() == 401 {
                let challenge = &response.headers()["www-authenticate"];
                assert!(challenge.to_str().unwrap().starts_with("Hmac realm="));
            }
            Err(response.status())
        }
        _ => Ok((cx.record.user.as_deref().unwrap().to_owned(), request)),
    }
}

fn authorized(target: &str, value: &str, fields: &[(&'static str, &str)]) -> Request {
    let mut request = request(target);
    let all = [&[("authorization", value)], fields].concat();
    for (name, value) in all {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers.append(name, value);
    }
    request
}

/// Signs `text` with the key `ruby`.
fn sign(headers: &str, more: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA512, "secret 🙈".as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    format!(
        "Hmac keyId=\"ruby\",algorithm=\"hmac-sha512\",headers=\"{headers}\",signature=\"{signature}\"{more}"
    )
}

#[tokio::test]
async fn signatures_of_others_are_right_and_nothing_near_them() {
    let guard = guard(|_| {}).unwrap();
    let (user, passed) = ask(&guard, authorized("/", SHA256, &[DATE])).await.unwrap();
    assert_eq!(user, "Test");
    assert!(!passed.headers.contains_key("authorization"));
    let (user, _) = ask(&guard, authorized("/foo", TARGET, &[])).await.unwrap();
    assert_eq!(user, "ruby");
    let mut proxy = request("/foo");
    proxy
        .headers
        .insert("proxy-authorization", TARGET.parse().unwrap());
    assert!(ask(&guard, proxy).await.is_ok());

    let wrong = [
        authorized("/", SHA256, &[("date", "Thu, 05 Jan 2012 21:31:41 GMT")]),
        authorized("/", SHA256, &[]),
        authorized("/", SHA256, &[DATE, DATE]),
        authorized("/foo?", TARGET, &[]),
        authorized("/Foo", TARGET, &[]),
        authorized("/foo", &TARGET.replace("ruby", "Test"), &[]),
        authorized("/foo", &TARGET.replace("ruby", "nobody"), &[]),
        authorized("/foo", &TARGET.replace("OQ/", "OR/"), &[]),
        authorized("/foo", &TARGET.replace("yo4=", ""), &[]),
        authorized("/foo", &TARGET.replace("sha256", "sha384"), &[]),
        authorized("/foo", &TARGET.replace("hmac ", "Basic "), &[]),
        authorized("/foo", TARGET, &[("authorization", TARGET)]),
        request("/foo"),
    ];
    for request in wrong {
        let shown = format!("{:?}", request.headers);
        assert_eq!(ask(&guard, request).await.unwrap_err(), 401, "{shown}");
    }
    let mut post = authorized("/foo", TARGET, &[]);
    post.method = Method::POST;
    assert!(ask(&guard, post).await.is_err());
}

#[tokio::test]
async fn sha1_counts_only_where_it_is_asked_for() {
    let newer = guard(|_| {}).unwrap();
    assert!(ask(&newer, authorized("/", SHA1, &[DATE])).await.is_err());
    let older = guard(|config| config.algorithms = vec!["hmac-sha1".to_owned()]).unwrap();
    assert!(ask(&older, authorized("/", SHA1, &[DATE])).await.is_ok());
    assert!(ask(&older, authorized("/", SHA256, &[DATE])).await.is_err());
}

#[tokio::test]
async fn fields_are_signed_as_one_line_each() {
    let guard = guard(|config| {
        config.enforced_headers = ["(request-target)", "Host", "x-a"]
            .map(str::to_owned)
            .into();
        config.header_field = "X-Key".to_owned();
        config.forward_authorization = true;
    })
    .unwrap();
    let text = "(request-target): get /a?b=%20c\nhost: a.test\nx-a: 1, 2\nx-empty: ";
    let value = sign("(request-target) host x-a x-empty", "", text);
    let fields = [
        ("x-a", "1"),
        ("x-a", " 2 "),
        ("x-empty", ""),
        ("x_key", "root"),
    ];
    let (_, passed) = ask(&guard, authorized("/a?b=%20c", &value, &fields))
        .await
        .unwrap();
    assert_eq!(passed.headers["x-key"], "ruby");
    assert!(!passed.headers.contains_key("x_key"));
    assert!(
        passed.headers.contains_key("authorization"),
        "it is forwarded"
    );
    // Right, but without one that must be there.
    let value = sign(
        "(request-target) host",
        "",
        "(request-target): get /\nhost: a.test",
    );
    assert!(ask(&guard, authorized("/", &value, &[])).await.is_err());
    assert!(
        guard
            .challenge
            .ends_with("headers=\"(request-target) host x-a\"")
    );
}

#[tokio::test]
async fn a_signature_counts_for_a_time() {
    let guard = guard(|config| config.clock_skew = "1m".parse().unwrap()).unwrap();
    let now = seconds(SystemTime::now()).floor();
    let at = |created: f64, expires: f64| {
        let times = format!("(created): {created}\n(expires): {expires}");
        let more = format!(",created={created},expires=\"{expires}\"");
        sign("(created) (expires)", &more, &times)
    };
    for (created, expires, right) in [
        (now, now + 5.0, true),
        (now - 50.0, now + 5.0, true),
        (now + 50.0, now + 500.0, true),
        (now - 70.0, now + 500.0, false),
        (now + 70.0, now + 500.0, false),
        (now, now - 5.0, false),
    ] {
        let asked = ask(&guard, authorized("/", &at(created, expires), &[])).await;
        assert_eq!(asked.is_ok(), right, "{created} {expires}, now {now}");
    }
    let date = httpdate::fmt_http_date(SystemTime::now());
    let fresh = sign("date", "", &format!("date: {date}"));
    assert!(
        ask(&guard, authorized("/", &fresh, &[("date", &date)]))
            .await
            .is_ok()
    );
    // Too old, no time at all, a time that is not signed, times that are none.
    assert!(ask(&guard, authorized("/", SHA256, &[DATE])).await.is_err());
    assert!(ask(&guard, authorized("/foo", TARGET, &[])).await.is_err());
    let unsigned = format!("{TARGET},created={now}");
    assert!(
        ask(&guard, authorized("/foo", &unsigned, &[]))
            .await
            .is_err()
    );
    for odd in [
        "",
        "x",
        "nan",
        "inf",
        "-1",
        "1e999",
        "99999999999999999999999",
    ] {
        let value = sign(
            "(created)",
            &format!(",created=\"{odd}\""),
            &format!("(created): {odd}"),
        );
        assert!(
            ask(&guard, authorized("/", &value, &[])).await.is_err(),
            "{odd}"
        );
    }
    let unnamed = sign("(created)", "", "(created): ");
    assert!(ask(&guard, authorized("/", &unnamed, &[])).await.is_err());
}

/// A request with a body, signed over these digests.
fn with_body(body: &'static str, digests: &[(&'static str, &str)]) -> Request {
    let names: Vec<&str> = digests.iter().map(|(name, _)| *name).collect();
    let lines: Vec<String> = digests
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let names = [&["host"], &names[..]].concat().join(" ");
    let text = [&["host: a.test".to_owned()], &lines[..]]
        .concat()
        .join("\n");
    let mut request = authorized("/", &sign(&names, "", &text), digests);
    request.body = Body::stream(Body::Full(Bytes::from_static(body.as_bytes())));
    request
}

#[tokio::test]
async fn bodies_are_what_was_signed() {
    // Of `{"hello": "world"}`, as in the draft's examples.
    const RIGHT: &str = "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=";
    const CONTENT: &str = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    let body = r#"{"hello": "world"}"#;
    let strict = guard(|_| {}).unwrap();
    for digests in [
        &[("digest", RIGHT)][..],
        &[("content-digest", CONTENT)],
        &[("digest", RIGHT), ("content-digest", CONTENT)],
        &[(
            "digest",
            "MD5=xyz, SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=",
        )],
    ] {
        let (_, mut passed) = ask(&strict, with_body(body, digests)).await.unwrap();
        let frame = passed.body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), body);
    }
    for digests in [
        &[][..],
        &[("digest", "MD5=xyz")],
        &[("digest", "SHA-256=")],
        &[("digest", "nothing")],
        &[(
            "digest",
            "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        )],
        &[("content-digest", RIGHT)],
        &[("digest", RIGHT), ("content-digest", "sha-256=:AAAA:")],
    ] {
        let asked = ask(&strict, with_body(body, digests)).await;
        assert_eq!(asked.unwrap_err(), 401, "{digests:?}");
    }
    // A digest that nobody signed is no digest.
    let mut unsigned = with_body(body, &[]);
    unsigned.headers.insert("digest", RIGHT.parse().unwrap());
    assert!(ask(&strict, unsigned).await.is_err());
    // Nothing needs none, but where one is signed there must be what it is of.
    assert!(ask(&strict, with_body("", &[])).await.is_ok());
    assert!(
        ask(&strict, with_body("", &[("digest", RIGHT)]))
            .await
            .is_err()
    );

    let short = guard(|config| config.max_body_size = 17).unwrap();
    let asked = ask(&short, with_body(body, &[("digest", RIGHT)])).await;
    assert_eq!(asked.unwrap_err(), 413);
    let lax = guard(|config| config.validate_digest = Some(false)).unwrap();
    assert!(ask(&lax, with_body(body, &[])).await.is_ok());
}

#[tokio::test]
async fn who_has_not_signed_has_no_body_read() {
    let guard = guard(|_| {}).unwrap();
    let mut request = request_with("/", &[("authorization", "Hmac keyId=\"x\"")]);
    request.body = Body::stream(Body::from("never read"));
    let mut cx = context();
    let step = guard.request(&mut cx, &mut request);
    assert!(matches!(step, Step::Done(Outcome::Answer(_))));
}

#[test]
fn options_that_cannot_be_are_named_without_their_secrets() {
    type Change = fn(&mut Config);
    let wrong: [(&str, Change); 10] = [
        ("keys must", |config| config.keys.clear()),
        ("keys[2].id", |config| config.keys.push(key("", "hunter2"))),
        ("keys[2].id", |config| {
            config.keys.push(key("a\"b", "hunter2"));
        }),
        ("keys[2].key is empty", |config| {
            config.keys.push(key("a", ""));
        }),
        ("Kubernetes", |config| {
            config.keys.push(key("a", "urn:k8s:secret:a:hunter2"));
        }),
        ("already", |config| config.keys.push(key("Test", "hunter2"))),
        ("algorithms", |config| {
            config.algorithms = vec!["hmac-md5".to_owned()];
        }),
        ("enforcedHeaders", |config| {
            config.enforced_headers = vec!["(host)".to_owned()];
        }),
        ("clockSkew", |config| {
            config.clock_skew = "-1s".parse().unwrap();
        }),
        ("headerField", |config| {
            config.header_field = "Host".to_owned();
        }),
    ];
    for (what, change) in wrong {
        let error = guard(change).err().unwrap();
        assert!(
            error.contains(what) && !error.contains("hunter2"),
            "{error}"
        );
    }
}
