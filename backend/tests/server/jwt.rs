//! JSON Web Tokens over REST, sockets and events (specification, section 6).

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::{Value, json};
use sluice_tests::http1::Client;
use sluice_tests::stream;
use sluice_tests::upstream::{Upstream, ok};
use sluice_tests::websocket::Socket;

use crate::support::{Stream, config, start, upgrade};

const SECRET: &str = "a secret of more than thirty-two bytes";
const SHARED: [(&str, &str); 2] = [("AUTH_MODE", "jwt"), ("JWT_SECRET", SECRET)];

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// A token for that role that ends in so many seconds.
fn token(role: &str, seconds: f64) -> Result<String> {
    let claims = json!({"sub": "u1", "name": "Ada", "role": role, "exp": now() + seconds});
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    Ok(encode(&Header::new(Algorithm::HS256), &claims, &key)?)
}

fn call(method: &str, path: &str, lines: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: live.example\r\n{lines}\r\n")
}

/// A socket of a page, which can show its token as a subprotocol only.
async fn page(stream: &Stream, token: &str, path: &str) -> Result<Socket> {
    let url = format!("ws://localhost:{}{path}", stream.at.ws.port());
    let plain = Box::new(stream::plain(stream.at.ws.port()).await?);
    let protocols = format!("stream.v1, bearer.{token}");
    let headers = [
        ("sec-websocket-protocol", protocols.as_str()),
        (
            "origin",
            &format!("http://localhost:{}", stream.at.ws.port()),
        ),
    ];
    Socket::over(plain, &url, &headers).await
}

/// A published key and what signs with it.
struct Pair {
    jwk: Value,
    private: EncodingKey,
}

impl Pair {
    fn new(id: &str) -> Result<Self> {
        let pair = KeyPair::generate()?;
        let point = pair.der_bytes();
        let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
        Ok(Self {
            jwk: json!({"kty": "EC", "crv": "P-256", "kid": id, "x": part(1..33), "y": part(33..65)}),
            private: EncodingKey::from_ec_der(&pair.serialize_der()),
        })
    }

    fn sign(&self) -> Result<String> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = self.jwk["kid"].as_str().map(str::to_owned);
        let claims = json!({
            "sub": "u1", "role": "operator", "exp": now() + 60.0, "iss": "https://id.example", "aud": ["tv"],
        });
        Ok(encode(&header, &claims, &self.private)?)
    }
}

#[tokio::test]
async fn roles_decide_over_rest() -> Result<()> {
    let stream = start(&SHARED).await?;
    let bearer = |token: String| format!("Authorization: Bearer {token}\r\n");
    let viewer = bearer(token("viewer", 60.0)?);
    let moderator = bearer(token("moderator", 60.0)?);
    let operator = bearer(token("operator", 60.0)?);
    let clear = |lines: &str| {
        let body = r#"{"action":"clear"}"#;
        let length = format!("{lines}Content-Length: {}\r\n", body.len());
        call("POST", "/api/stream/chat/moderation", &length) + body
    };
    for (request, status, code) in [
        (call("GET", "/status", ""), 401, "UNAUTHORIZED"),
        (call("GET", "/status", &viewer), 200, ""),
        (clear(&viewer), 403, "FORBIDDEN"),
        (clear(&moderator), 200, ""),
        (call("POST", "/stream/start", &viewer), 403, "FORBIDDEN"),
        (call("POST", "/stream/start", &moderator), 403, "FORBIDDEN"),
        (call("POST", "/stream/start", &operator), 200, ""),
        (
            call("POST", "/stream/stop", &bearer(token("admin", -30.0)?)),
            200,
            "",
        ),
        (
            call("GET", "/status", &bearer(token("admin", -61.0)?)),
            401,
            "UNAUTHORIZED",
        ),
        (
            call("GET", "/status", &bearer(token("root", 60.0)?)),
            401,
            "UNAUTHORIZED",
        ),
        (
            call("GET", "/status", &bearer("a.b.c".to_owned())),
            401,
            "UNAUTHORIZED",
        ),
        (
            call(
                "GET",
                "/status",
                &format!("X-API-Key: {}\r\n", token("admin", 60.0)?),
            ),
            401,
            "UNAUTHORIZED",
        ),
        (call("GET", "/health", ""), 200, ""),
    ] {
        let answer = stream.raw(&request).await?;
        assert_eq!(answer.status, status, "{request}{}", answer.text());
        let body = answer.json()?;
        assert_eq!(body["code"].as_str().unwrap_or_default(), code, "{request}");
        if status == 401 {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn tokens_and_jwts_go_together() -> Result<()> {
    let mut vars = SHARED.to_vec();
    vars.extend([
        ("AUTH_MODE", "token,jwt"),
        ("STREAM_API_TOKENS", "bob:operator:operator-secret-1"),
    ]);
    let stream = start(&vars).await?;
    let jwt = token("operator", 60.0)?;
    for (lines, status) in [
        (
            "Authorization: Bearer operator-secret-1\r\n".to_owned(),
            200,
        ),
        ("X-API-Key: operator-secret-1\r\n".to_owned(), 200),
        (format!("Authorization: Bearer {jwt}\r\n"), 200),
        (format!("X-API-Key: {jwt}\r\n"), 401),
        (
            "Authorization: Bearer operator-secret-2\r\n".to_owned(),
            401,
        ),
    ] {
        let answer = stream.raw(&call("POST", "/stream/reset", &lines)).await?;
        assert_eq!(answer.status, status, "{lines}");
    }
    Ok(())
}

#[tokio::test]
async fn a_cookie_counts_from_a_page_that_may_call() -> Result<()> {
    let mut vars = SHARED.to_vec();
    vars.push(("ALLOWED_ORIGINS", "*,https://admin.example"));
    let stream = start(&vars).await?;
    let cookie = format!("Cookie: a=b; __session={}\r\n", token("operator", 60.0)?);
    for (lines, status) in [
        ("Origin: https://live.example\r\n", 200),
        ("Origin: https://admin.example\r\n", 200),
        ("Sec-Fetch-Site: same-origin\r\n", 200),
        // `*` is for those who show a token themselves.
        ("Origin: https://evil.example\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\n", 403),
        ("Origin: null\r\n", 403),
        ("", 403),
    ] {
        let lines = format!("{cookie}{lines}");
        for (method, path) in [("GET", "/stream/state"), ("POST", "/stream/reset")] {
            let answer = stream.raw(&call(method, path, &lines)).await?;
            assert_eq!(answer.status, status, "{method} {lines}");
        }
        let request = upgrade("/ws", &lines).replace("localhost", "live.example");
        let status = if status == 200 { 101 } else { status };
        assert_eq!(stream.knock(&request).await?.status, status, "{lines}");
    }
    Ok(())
}

#[tokio::test]
async fn a_page_shows_its_token_as_a_subprotocol() -> Result<()> {
    let stream = start(&SHARED).await?;
    let mut socket = page(&stream, &token("operator", 60.0)?, "/ws").await?;
    let chosen = socket.headers.get("sec-websocket-protocol");
    assert_eq!(chosen.context("a protocol")?, "stream.v1");
    socket.receive_type("stateUpdate").await?;
    let control = json!({"type": "control", "requestId": "1", "payload": {"action": "start"}});
    socket.send_json(&control).await?;
    assert_eq!(
        socket.receive_type("ack").await?["payload"]["requestId"],
        "1"
    );

    let mut viewer = page(&stream, &token("viewer", 60.0)?, "/ws?target=chat").await?;
    viewer.send_json(&control).await?;
    let error = viewer.receive_type("error").await?;
    assert_eq!(error["payload"]["code"], "FORBIDDEN");
    let words = json!({"type": "chatMessage", "payload": {"text": "hello"}});
    viewer.send_json(&words).await?;
    let message = viewer.receive_type("chatMessage").await?;
    let user = &message["payload"]["user"];
    assert_eq!((&user["id"], &user["name"]), (&json!("u1"), &json!("Ada")));

    for wrong in [token("operator", -61.0)?, "a.b.c".to_owned()] {
        let refused = page(&stream, &wrong, "/ws").await.err();
        let refused = refused.context("it is let in")?.to_string();
        assert!(refused.contains("401"), "{refused}");
    }
    Ok(())
}

#[tokio::test]
async fn a_socket_ends_with_its_token() -> Result<()> {
    let stream = start(&SHARED).await?;
    // The second one comes after its end, by our clock, and has what is left of a minute.
    for seconds in [4.0, 4.0 - 60.0] {
        let token = token("viewer", seconds)?;
        let began = now();
        let mut socket = page(&stream, &token, "/ws").await?;
        socket.receive_type("stateUpdate").await?;
        let close = socket.closed().await?.context("a close frame")?;
        assert_eq!(u16::from(close.code), 4401);
        let took = now() - began;
        assert!((3.7..12.0).contains(&took), "{seconds}: {took}");
    }
    let ended = stream
        .metric(r#"ws_disconnections_total{code="4401"}"#)
        .await?;
    assert_eq!(ended, 2.0);
    Ok(())
}

#[tokio::test]
async fn nobody_acts_after_the_end() -> Result<()> {
    let stream = start(&SHARED).await?;
    // Clocks are looked at once a second at least, so that one of these comes in between.
    for seconds in [0.3, 0.5, 0.7, 0.9] {
        let token = token("viewer", seconds)?;
        let ends = now() + seconds;
        let mut socket = page(&stream, &token, "/ws").await?;
        socket.receive_type("stateUpdate").await?;
        let left = (ends - now()).max(0.0) + 0.05;
        tokio::time::sleep(Duration::from_secs_f64(left)).await;
        // The end may have come already.
        let _ = socket.send_json(&json!({"type": "ping"})).await;
        let answer = socket.receive_type("pong").await;
        assert!(answer.is_err(), "{seconds}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn events_end_with_their_token() -> Result<()> {
    let stream = start(&SHARED).await?;
    let mut client = Client::connect(stream.at.api.port()).await?;
    let lines = format!("Authorization: Bearer {}\r\n", token("viewer", 1.5)?);
    let began = now();
    client
        .send(call("GET", "/stream/events?target=state", &lines))
        .await?;
    let answer = client.answer().await?;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("event: stateUpdate"));
    let took = now() - began;
    assert!((1.2..4.0).contains(&took), "{took}");
    Ok(())
}

#[tokio::test]
async fn published_keys_may_change() -> Result<()> {
    let (old, new, next) = (Pair::new("old")?, Pair::new("new")?, Pair::new("next")?);
    let published = Arc::new(Mutex::new(json!({"keys": [old.jwk]})));
    let answers = Arc::clone(&published);
    let issuer = Upstream::start(move |_| {
        let keys = answers.lock().map(|keys| keys.to_string());
        ok(&keys.unwrap_or_default())
    })
    .await?;
    let publish = |pair: &Pair| {
        if let Ok(mut keys) = published.lock() {
            *keys = json!({"keys": [pair.jwk]});
        }
    };
    let url = format!("http://localhost:{}/.well-known/jwks.json", issuer.port);
    let stream = start(&[
        ("AUTH_MODE", "jwt"),
        ("JWT_JWKS_URL", &url),
        ("JWT_ISSUER", "https://id.example"),
        ("JWT_AUDIENCE", "tv"),
    ])
    .await?;
    let status = async |pair: &Pair| -> Result<u16> {
        let lines = format!("Authorization: Bearer {}\r\n", pair.sign()?);
        Ok(stream.raw(&call("GET", "/status", &lines)).await?.status)
    };
    assert_eq!(status(&old).await?, 200);
    publish(&new);
    // The socket's door waits for keys as REST does.
    let mut socket = page(&stream, &new.sign()?, "/ws").await?;
    socket.receive_type("welcome").await?;
    assert_eq!(status(&new).await?, 200);
    assert_eq!(status(&old).await?, 401);
    assert_eq!(issuer.seen().len(), 2);
    publish(&next);
    assert_eq!(status(&next).await?, 401, "not again so soon");
    assert_eq!(issuer.seen().len(), 2);
    let asked = issuer.seen();
    assert_eq!(asked[0].line(), "GET /.well-known/jwks.json HTTP/1.1");
    Ok(())
}

#[tokio::test]
async fn what_cannot_work_is_said_at_the_start() -> Result<()> {
    let jwt = ("AUTH_MODE", "jwt");
    for (variable, value) in [
        ("JWT_ISSUER", "no key at all"),
        ("JWT_JWKS_URL", "ftp://id.example/keys"),
        ("JWT_JWKS_URL", "id.example/keys"),
        ("JWT_JWKS_URL", "https://me:hunter2@id.example/keys"),
        ("JWT_PUBLIC_KEY", "-----BEGIN PUBLIC KEY-----\\nAAAA"),
        ("JWT_PUBLIC_KEY", "/nowhere/key.pem"),
    ] {
        let vars = [jwt, (variable, value)];
        let error = match config(&vars) {
            Err(error) => error.to_string(),
            Ok(_) => match start(&vars).await {
                Err(error) => error.to_string(),
                Ok(_) => anyhow::bail!("it starts with {variable}={value}"),
            },
        };
        let named = variable.replace("ISSUER", "JWKS_URL");
        assert!(error.contains(&named), "{error}");
        assert!(error.contains("allowed: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    // An issuer that is away may come back.
    let stream = start(&[jwt, ("JWT_JWKS_URL", "http://127.0.0.1:1/keys")]).await?;
    let lines = format!("Authorization: Bearer {}\r\n", Pair::new("a")?.sign()?);
    let request = call("GET", "/status", &lines);
    let answer = tokio::time::timeout(Duration::from_secs(10), stream.raw(&request)).await;
    assert_eq!(answer??.status, 401);
    assert_eq!(stream.get("/health").await?.status, 200);
    Ok(())
}
