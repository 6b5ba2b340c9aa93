//! Which upgrades are accepted, what the others are told, and in which order (specification, sections 3.1 and 11).

use anyhow::Result;

use crate::support::{ask, start, upgrade};

#[tokio::test]
async fn refusals_say_what_the_old_service_said() -> Result<()> {
    let stream = start(&[]).await?;
    let usual = upgrade("/ws", "");
    let without = |line: &str| usual.replace(&format!("{line}\r\n"), "");
    for (request, status, text) in [
        (
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            426,
            "Upgrade Required",
        ),
        (
            "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            426,
            "Upgrade Required",
        ),
        (
            "GET /api/stream/ws HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            426,
            "Expected Upgrade: websocket",
        ),
        (usual.replacen("GET", "POST", 1), 405, "Invalid HTTP method"),
        (upgrade("/ws/", ""), 400, "Bad Request"),
        (upgrade("/other", ""), 400, "Bad Request"),
        (
            usual.replace("Upgrade: websocket", "Upgrade: h2c"),
            400,
            "Invalid Upgrade header",
        ),
        (
            without("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
            400,
            "Missing or invalid Sec-WebSocket-Key header",
        ),
        (
            usual.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"),
            400,
            "Missing or invalid Sec-WebSocket-Key header",
        ),
        (
            usual.replace("Version: 13", "Version: 12"),
            400,
            "Missing or invalid Sec-WebSocket-Version header",
        ),
    ] {
        let answer = stream.knock(&request).await?;
        assert_eq!(
            (answer.status, &*answer.text()),
            (status, text),
            "{request}"
        );
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("text/plain"), "{request}: {kind}");
    }
    let version = stream
        .knock(&usual.replace("Version: 13", "Version: 7"))
        .await?;
    assert_eq!(version.header("sec-websocket-version"), Some("13"));
    Ok(())
}

#[tokio::test]
async fn targets_are_checked_before_the_upgrade() -> Result<()> {
    let stream = start(&[]).await?;
    for target in ["video", "State", "state,video"] {
        let answer = stream
            .knock(&upgrade(&format!("/ws?target={target}"), ""))
            .await?;
        let body = answer.json()?;
        assert_eq!(
            (answer.status, &body["code"]),
            (400, &"VALIDATION_ERROR".into()),
            "{target}"
        );
        assert_eq!(body["success"], false);
    }
    for query in [
        "",
        "?target=",
        "?target=state",
        "?target=st%61te",
        "?a=b&target=state,state",
    ] {
        let answer = stream
            .knock(&upgrade(&format!("/api/stream/ws{query}"), ""))
            .await?;
        assert_eq!(answer.status, 101, "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn both_ports_have_a_door() -> Result<()> {
    let stream = start(&[]).await?;
    for port in [stream.at.api.port(), stream.at.ws.port()] {
        for path in ["/ws", "/api/stream/ws"] {
            let answer = ask(port, &upgrade(path, "")).await?;
            assert_eq!(answer.status, 101, "{port}{path}");
            // The example of RFC 6455, section 1.3.
            let accept = answer.header("sec-websocket-accept");
            assert_eq!(accept, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        }
    }
    let header = "connection: keep-alive, UPGRADE\r\nupgrade: WebSocket";
    let request = upgrade("/ws", "").replace("Connection: Upgrade\r\nUpgrade: websocket", header);
    assert_eq!(stream.knock(&request).await?.status, 101);
    Ok(())
}

#[tokio::test]
async fn subprotocols_are_chosen_and_tokens_never_echoed() -> Result<()> {
    let stream = start(&[]).await?;
    for (offered, chosen) in [
        ("chat, stream.v1", Some("stream.v1")),
        ("stream-protocol", Some("stream-protocol")),
        ("bearer.secret, other", Some("other")),
        ("bearer.secret", None),
    ] {
        let line = format!("Sec-WebSocket-Protocol: {offered}\r\n");
        let answer = stream.knock(&upgrade("/ws", &line)).await?;
        assert_eq!(answer.status, 101);
        assert_eq!(answer.header("sec-websocket-protocol"), chosen, "{offered}");
    }
    let answer = stream.knock(&upgrade("/ws", "")).await?;
    assert_eq!(answer.header("sec-websocket-protocol"), None);
    Ok(())
}

#[tokio::test]
async fn refusals_come_in_the_order_of_the_specification() -> Result<()> {
    let vars = [
        ("AUTH_MODE", "token"),
        ("STREAM_API_TOKENS", "ada:viewer:0123456789abcdef"),
    ];
    let stream = start(&vars).await?;
    let evil = "Origin: https://evil.example\r\n";
    let good = "Authorization: Bearer 0123456789abcdef\r\n";
    let wrong_everywhere = upgrade("/nowhere?target=video", evil);
    for (request, status) in [
        (wrong_everywhere.replacen("GET", "PUT", 1), 405),
        (wrong_everywhere, 400),
        (
            upgrade("/ws?target=video", evil).replace("13\r\n", "9\r\n"),
            400,
        ),
        (upgrade("/ws?target=video", evil), 403),
        (upgrade("/ws?target=video", ""), 401),
        (upgrade("/ws?target=video", good), 400),
        (upgrade("/ws", good), 101),
    ] {
        assert_eq!(stream.knock(&request).await?.status, status, "{request}");
    }
    let unauthorized = stream.knock(&upgrade("/ws", "")).await?;
    assert_eq!(unauthorized.header("www-authenticate"), Some("Bearer"));
    assert_eq!(unauthorized.json()?["code"], "UNAUTHORIZED");
    Ok(())
}

#[tokio::test]
async fn places_are_limited_in_all_and_by_address() -> Result<()> {
    let stream = start(&[("WS_MAX_CLIENTS", "2"), ("WS_MAX_CLIENTS_PER_IP", "1")]).await?;
    let from = |address: &str| upgrade("/ws", &format!("X-Forwarded-For: {address}\r\n"));
    let first = stream.connect("/ws").await?;
    let same = stream.knock(&from("127.0.0.1")).await?;
    assert_eq!(same.status, 429, "{}", same.text());
    assert_eq!(same.json()?["code"], "RATE_LIMITED");
    assert!(same.header("retry-after").is_some());

    let mut second = sluice_tests::http1::Client::connect(stream.at.ws.port()).await?;
    second.send(from("1.1.1.1")).await?;
    assert_eq!(second.answer().await?.status, 101);
    let third = stream.knock(&from("2.2.2.2")).await?;
    assert_eq!(third.status, 503);
    assert!(third.header("retry-after").is_some());

    // Who leaves makes room.
    first.close().await?;
    let again = async || Ok(stream.knock(&from("127.0.0.1")).await?.status == 101);
    sluice_tests::poll::until_true("a free place", sluice_tests::poll::PATIENCE, again).await
}
