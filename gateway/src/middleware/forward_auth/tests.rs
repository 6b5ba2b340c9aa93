//! Tests of `forwardAuth`: what is asked, and what becomes of each answer. The service that is asked is a real socket.

#![allow(clippy::unwrap_used)]

use ::http::{Method, header};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, LocalSet};

use super::*;
use crate::middleware::testing::{context, request_with};

/// A service that answers once; what it was asked comes back.
async fn service(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = tokio::task::spawn_local(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        while !whole(&bytes) {
            assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(bytes).unwrap().to_ascii_lowercase()
    });
    (address, asked)
}

fn whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

fn auth(address: &str, change: impl FnOnce(&mut Config)) -> ForwardAuth {
    let mut config = Config {
        address: address.to_owned(),
        trust_forward_header: Some(false),
        ..Config::default()
    };
    change(&mut config);
    ForwardAuth::new(&config).unwrap()
}

async fn decided(auth: &ForwardAuth, request: &mut Request) -> Outcome<Vec<HeaderValue>> {
    let mut cx = context();
    match auth.request(&mut cx, request) {
        Step::Done(outcome) => outcome,
        Step::Later(outcome) => outcome.await,
    }
}

async fn refused(auth: &ForwardAuth, request: &mut Request) -> Response {
    match decided(auth, request).await {
        Outcome::Answer(response) => *response,
        _ => panic!("let through"),
    }
}

#[tokio::test]
async fn a_yes_gives_the_request_what_is_configured() {
    let run = async {
        let (address, asked) = service(
            "HTTP/1.1 200 OK\r\nX-User: ann\r\nX-Auth-Id: 7\r\nX-Secret: s\r\nSet-Cookie: sid=1;Path=/\r\nSet-Cookie: other=2\r\nContent-Length: 2\r\n\r\nok",
        )
        .await;
        let auth = auth(&[&address, "/check?a=b"].concat(), |config| {
            config.auth_response_headers = vec!["X-User".to_owned(), "X-Missing".to_owned()];
            config.auth_response_headers_regex = "^X-Auth-".to_owned();
            config.add_auth_cookies_to_response = vec!["sid".to_owned()];
        });
        let fields = [
            ("x-user", "forged"),
            ("x-missing", "forged"),
            ("x-auth-extra", "forged"),
            ("x-forwarded-for", "9.9.9.9"),
            ("x-forwarded-uri", "/forged"),
            ("connection", "x-gone"),
            ("x-gone", "1"),
        ];
        let mut request = request_with("/p?q=1", &fields);
        let Outcome::Keep(cookies) = decided(&auth, &mut request).await else {
            panic!("there is a cookie");
        };
        assert_eq!(request.headers["x-user"], "ann");
        assert_eq!(request.headers["x-auth-id"], "7");
        for gone in ["x-missing", "x-auth-extra", "x-secret"] {
            assert!(!request.headers.contains_key(gone), "{gone}");
        }
        let mut response = status(StatusCode::OK);
        for cookie in ["sid=theirs", "mine=1"] {
            let cookie = HeaderValue::from_static(cookie);
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        auth.response(&context(), Some(cookies), &mut response);
        let cookies: Vec<_> = response
            .headers()
            .get_all(header::SET_COOKIE)
            .iter()
            .collect();
        assert_eq!(cookies, ["mine=1", "sid=1; Path=/"]);

        was_asked_about_the_client(&asked.await.unwrap());
    };
    LocalSet::new().run_until(run).await;
}

/// The question names the client itself, whatever it said of others.
fn was_asked_about_the_client(asked: &str) {
    assert!(asked.starts_with("get /check?a=b http/1.1\r\n"), "{asked}");
    for line in [
        "x-forwarded-for: 10.0.0.9",
        "x-forwarded-uri: /p?q=1",
        "x-forwarded-method: get",
        "x-forwarded-host: a.test",
        "x-forwarded-port: 80",
        "x-forwarded-proto: http",
    ] {
        assert!(
            asked.contains(&format!("\r\n{line}\r\n")),
            "{line}: {asked}"
        );
    }
    assert!(!asked.contains("x-gone"), "{asked}");
}

#[tokio::test]
async fn a_no_goes_to_the_client() {
    let run = async {
        let (address, asked) = service(
            "HTTP/1.1 302 Found\r\nLocation: ../login\r\nX-Why: w\r\nKeep-Alive: 5\r\nContent-Length: 2\r\n\r\ngo",
        )
        .await;
        let auth = auth(&[&address, "/a/b/check"].concat(), |config| {
            config.forward_body = true;
            config.max_body_size = Some(5);
            config.preserve_request_method = true;
        });
        let mut request = request_with("/", &[]);
        request.method = Method::POST;
        request.body = Body::from("hello");
        let response = refused(&auth, &mut request).await;
        assert_eq!(response.status(), 302);
        assert_eq!(
            response.headers()[header::LOCATION],
            [&address, "/a/login"].concat()
        );
        assert!(!response.headers().contains_key("keep-alive"));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "go");
        let asked = asked.await.unwrap();
        assert!(
            asked.starts_with("post ") && asked.ends_with("hello"),
            "{asked}"
        );
        assert_eq!(request.body.length(), Some(5), "the request keeps its body");

        request.body = Body::from("longer");
        assert_eq!(refused(&auth, &mut request).await.status(), 401);
    };
    LocalSet::new().run_until(run).await;
}

#[tokio::test]
async fn what_does_not_answer_lets_nobody_pass() {
    let run = async {
        let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let nobody = format!("http://{}", closed.local_addr().unwrap());
        drop(closed);
        let mut request = request_with("/", &[]);
        let response = refused(&auth(&nobody, |_| {}), &mut request).await;
        assert_eq!(response.status(), 500);
        let (address, _asked) = service("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nlon").await;
        let auth = auth(&address, |config| config.max_response_body_size = Some(2));
        assert_eq!(refused(&auth, &mut request).await.status(), 401);
    };
    LocalSet::new().run_until(run).await;
}

#[tokio::test]
async fn clients_are_sent_to_sign_in() {
    let run = async {
        let (address, _asked) = service("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n").await;
        let auth = auth(&address, |config| {
            config.auth_signin_url = "https://login.test/?a=1&b=2".to_owned();
        });
        let response = refused(&auth, &mut request_with("/", &[])).await;
        assert_eq!(response.status(), 302);
        assert_eq!(
            response.headers()[header::LOCATION],
            "https://login.test/?a=1&b=2"
        );
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(
            body,
            "<a href=\"https://login.test/?a=1&amp;b=2\">Found</a>.\n\n"
        );
    };
    LocalSet::new().run_until(run).await;
}

#[test]
fn whose_word_counts() {
    let fields = [
        ("x-forwarded-for", "9.9.9.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "99"),
        ("x-forwarded-prefix", "/p"),
        ("x-custom", "1"),
    ];
    for (trust, shown, list, proto, port, prefix) in [
        (None, false, "10.0.0.9", "http", Some("99"), true),
        (Some(false), false, "10.0.0.9", "http", Some("80"), false),
        (
            Some(true),
            false,
            "9.9.9.9, 10.0.0.9",
            "https",
            Some("99"),
            true,
        ),
        (
            Some(true),
            true,
            "9.9.9.9, 10.0.0.9",
            "https",
            Some("99"),
            true,
        ),
        (None, true, "10.0.0.9", "http", None, false),
    ] {
        let auth = auth("http://user:p%40ss@auth.test", |config| {
            config.trust_forward_header = trust;
            if shown {
                config.auth_request_headers = vec!["X-Other".to_owned()];
            }
        });
        let asked = auth.question(&context(), &request_with("/", &fields), Body::Empty);
        let headers = &asked.headers;
        assert_eq!(asked.target.as_bytes(), b"/");
        assert_eq!(headers["x-forwarded-for"], list, "{trust:?}");
        assert_eq!(headers["x-forwarded-proto"], proto, "{trust:?}");
        let found = headers.get("x-forwarded-port").map(HeaderValue::as_bytes);
        assert_eq!(found, port.map(str::as_bytes), "{trust:?}");
        assert_eq!(headers.contains_key("x-forwarded-prefix"), prefix);
        assert_eq!(headers.contains_key("x-custom"), !shown);
        assert_eq!(headers[header::AUTHORIZATION], "Basic dXNlcjpwQHNz");
    }
}

#[test]
fn locations_are_seen_from_the_service() {
    let auth = auth("https://auth.test:8/a/b?c=d", |_| {});
    for (reference, wanted) in [
        ("http://x.test/y", Some("http://x.test/y")),
        ("//x.test/y", Some("https://x.test/y")),
        ("/login", Some("https://auth.test:8/login")),
        ("login?x=1", Some("https://auth.test:8/a/login?x=1")),
        ("../../x/./y/..", Some("https://auth.test:8/x/")),
        ("?e=f", Some("https://auth.test:8/a/b?e=f")),
        ("#g", Some("https://auth.test:8/a/b?c=d#g")),
        ("%zz", None),
    ] {
        let found = auth.address.resolve(reference);
        assert_eq!(found.as_deref(), wanted, "{reference}");
    }
}

#[test]
fn what_is_refused() {
    let refused = |change: fn(&mut Config)| {
        let mut config = Config {
            address: "http://auth.test".to_owned(),
            ..Config::default()
        };
        change(&mut config);
        ForwardAuth::new(&config).unwrap_err()
    };
    refused(|config| config.address.clear());
    refused(|config| config.address = "auth.test/x".to_owned());
    refused(|config| config.auth_response_headers_regex = "(".to_owned());
    refused(|config| config.auth_response_headers = vec!["a b".to_owned()]);
    let half = refused(|config| {
        config.tls = Some(crate::config::dynamic::ForwardAuthTls {
            cert: crate::types::FileOrContent::new("/none.crt"),
            ..Default::default()
        });
    });
    assert!(
        half.ends_with("both TLS cert and key must be defined"),
        "{half}"
    );
}
