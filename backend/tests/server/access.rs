//! Tokens, roles, origins and rates of REST (specification, section 6).

use anyhow::Result;
use serde_json::json;
use sluice_tests::stream;
use sluice_tests::websocket::Socket;

use crate::support::start;

const TOKENS: [(&str, &str); 2] = [
    ("AUTH_MODE", "token"),
    (
        "STREAM_API_TOKENS",
        "ada:operator:operator-secret-1,bob:viewer:viewer-secret-123",
    ),
];

fn call(method: &str, path: &str, lines: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: live.example\r\n{lines}\r\n")
}

#[tokio::test]
async fn roles_decide_over_rest() -> Result<()> {
    let stream = start(&TOKENS).await?;
    let (operator, viewer) = (
        "X-API-Key: operator-secret-1\r\n",
        "Authorization: Bearer viewer-secret-123\r\n",
    );
    for (request, status, code) in [
        (call("GET", "/status", ""), 401, "UNAUTHORIZED"),
        (
            call("GET", "/status", "X-API-Key: wrong\r\n"),
            401,
            "UNAUTHORIZED",
        ),
        (call("GET", "/status", viewer), 200, ""),
        (call("POST", "/stream/start", viewer), 403, "FORBIDDEN"),
        (call("POST", "/stream/start", operator), 200, ""),
        (call("GET", "/health", ""), 200, ""),
    ] {
        let answer = stream.raw(&request).await?;
        assert_eq!(answer.status, status, "{request}");
        let body = answer.json()?;
        assert_eq!(body["code"].as_str().unwrap_or_default(), code, "{request}");
        if status == 401 {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn roles_decide_over_sockets() -> Result<()> {
    let stream = start(&TOKENS).await?;
    let url = format!("ws://localhost:{}/ws", stream.at.ws.port());
    let plain = Box::new(stream::plain(stream.at.ws.port()).await?);
    let header = [(
        "sec-websocket-protocol",
        "stream.v1, bearer.viewer-secret-123",
    )];
    let mut socket = Socket::over(plain, &url, &header).await?;
    assert_eq!(
        socket
            .headers
            .get("sec-websocket-protocol")
            .map(|value| value.as_bytes()),
        Some(&b"stream.v1"[..])
    );
    socket.receive_type("stateUpdate").await?;
    socket
        .send_json(&json!({"type": "control", "payload": {"action": "start"}}))
        .await?;
    let error = socket.receive_type("error").await?;
    assert_eq!(error["payload"]["code"], "FORBIDDEN");
    Ok(())
}

#[tokio::test]
async fn other_sites_may_read_but_not_change() -> Result<()> {
    let stream = start(&[("ALLOWED_ORIGINS", "https://admin.example")]).await?;
    for (origin, status) in [
        ("https://live.example", 200),
        ("https://admin.example", 200),
        ("https://evil.example", 403),
        ("null", 403),
    ] {
        let line = format!("Origin: {origin}\r\n");
        let change = stream.raw(&call("POST", "/stream/reset", &line)).await?;
        assert_eq!(change.status, status, "{origin}");
        let read = stream.raw(&call("GET", "/stream/state", &line)).await?;
        assert_eq!(read.status, 200, "{origin}");
    }
    Ok(())
}

#[tokio::test]
async fn changes_are_limited_by_address() -> Result<()> {
    let stream = start(&[
        ("RATE_LIMIT_REQUESTS", "3"),
        ("RATE_LIMIT_WINDOW_MS", "60000"),
    ])
    .await?;
    let reset = |from: &str| {
        call(
            "POST",
            "/stream/reset",
            &format!("X-Forwarded-For: {from}\r\n"),
        )
    };
    for _ in 0..3 {
        assert_eq!(stream.raw(&reset("1.1.1.1")).await?.status, 200);
    }
    let limited = stream.raw(&reset("9.9.9.9, 1.1.1.1")).await?;
    assert_eq!(
        (limited.status, limited.json()?["code"].as_str()),
        (429, Some("RATE_LIMITED"))
    );
    let wait: u64 = limited.header("retry-after").unwrap_or_default().parse()?;
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(stream.raw(&reset("2.2.2.2")).await?.status, 200);
    assert_eq!(
        stream
            .metric(r#"rate_limited_total{surface="rest"}"#)
            .await?,
        1.0
    );
    Ok(())
}

#[tokio::test]
async fn reads_are_limited_unless_from_this_machine() -> Result<()> {
    let stream = start(&[]).await?;
    let mut client = sluice_tests::http1::Client::connect(stream.at.api.port()).await?;
    let mut limited = 0;
    for _ in 0..200 {
        let answer = client
            .ask("GET", "x", "/status", "X-Forwarded-For: 1.1.1.1\r\n")
            .await?;
        limited += usize::from(answer.status == 429);
        assert_eq!(client.get("x", "/status").await?.status, 200);
    }
    assert!(limited > 0 && limited <= 100, "{limited}");
    Ok(())
}

#[tokio::test]
async fn control_can_be_tied_to_addresses() -> Result<()> {
    let stream = start(&[("ALLOWED_IPS", "10.0.0.0/8")]).await?;
    let from = |address: &str| {
        call(
            "POST",
            "/stream/reset",
            &format!("X-Forwarded-For: {address}\r\n"),
        )
    };
    assert_eq!(stream.raw(&from("1.1.1.1")).await?.status, 403);
    assert_eq!(stream.raw(&from("10.1.2.3")).await?.status, 200);
    let mut socket = stream.subscriber().await?;
    socket
        .send_json(&json!({"type": "control", "payload": {"action": "start"}}))
        .await?;
    assert_eq!(
        socket.receive_type("error").await?["payload"]["code"],
        "FORBIDDEN"
    );
    Ok(())
}
