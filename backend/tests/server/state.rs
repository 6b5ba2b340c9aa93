//! The `state` channel, from connecting to the last update (specification, sections 3.2, 3.3, 3.4 and 3.7).

use anyhow::Result;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{ping, start};

#[tokio::test]
async fn a_client_gets_welcome_then_state_then_updates() -> Result<()> {
    let stream = start(&[("TARGET_FPS", "25")]).await?;
    let mut socket = stream.connect("/api/stream/ws?target=state").await?;
    let welcome = socket.receive_json().await?;
    assert_eq!(welcome["type"], "welcome");
    assert_eq!(welcome["message"], "Connected to stream manager");
    assert_eq!(welcome["targets"], json!(["state"]));
    assert_eq!(
        welcome["heartbeat"],
        json!({"intervalMs": 30000, "timeoutMs": 60000})
    );
    let client = welcome["clientId"].as_str().unwrap_or_default();
    assert!(client.len() >= 6, "{welcome}");

    let first = socket.receive_json().await?;
    assert_eq!(first["type"], "stateUpdate");
    assert_eq!(first["payload"]["clientId"], client);
    assert_eq!(first["payload"]["connected"], true);
    let stopped = json!({"isLive": false, "isPaused": false, "fps": 0, "targetFPS": 25, "frameCount": 0,
        "droppedFrames": 0, "averageRenderTime": 0, "startTime": null, "error": null});
    assert_eq!(first["payload"]["stream"], stopped);
    assert_eq!(
        (&first["version"], &first["epoch"]),
        (&welcome["version"], &welcome["epoch"])
    );

    let state = stream.control("start").await?;
    let update = socket.receive_json().await?;
    assert_eq!(update["payload"], json!({"stream": state}));
    assert_eq!(
        update["version"].as_u64(),
        first["version"].as_u64().map(|version| version + 1)
    );
    assert_eq!(update["epoch"], first["epoch"]);
    let changes = update["changes"].as_array().cloned().unwrap_or_default();
    assert!(
        changes.contains(&"isLive".into()) && changes.contains(&"startTime".into()),
        "{update}"
    );
    assert!(update["timestamp"].as_u64() > Some(1_600_000_000_000));
    Ok(())
}

#[tokio::test]
async fn every_change_reaches_everyone_in_order() -> Result<()> {
    let stream = start(&[]).await?;
    let mut sockets = Vec::new();
    for _ in 0..5 {
        sockets.push(stream.subscriber().await?);
    }
    let mut versions = Vec::new();
    for what in ["start", "pause", "resume", "stop", "start", "reset"] {
        stream.control(what).await?;
        versions.push(stream.get("/status").await?.json()?["version"].clone());
    }
    for socket in &mut sockets {
        for version in &versions {
            assert_eq!(
                &socket.receive_type("stateUpdate").await?["version"],
                version
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn settings_are_told_with_the_new_rate() -> Result<()> {
    let stream = start(&[]).await?;
    let mut socket = stream.subscriber().await?;
    let patch = r#"{"TARGET_FPS":24,"RENDER_QUALITY":"low"}"#;
    let length = patch.len();
    let request = format!(
        "PATCH /stream/config HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{patch}"
    );
    assert_eq!(stream.raw(&request).await?.status, 200);
    let update = socket.receive_type("stateUpdate").await?;
    assert_eq!(update["payload"]["stream"]["targetFPS"], 24);
    assert!(
        update["changes"]
            .as_array()
            .is_some_and(|changes| changes.contains(&"targetFPS".into()))
    );
    // The same again changes nothing, and nobody is told.
    assert_eq!(stream.raw(&request).await?.status, 200);
    stream.control("start").await?;
    let next = socket.receive_type("stateUpdate").await?;
    assert_eq!(
        next["version"].as_u64(),
        update["version"].as_u64().map(|version| version + 1)
    );
    Ok(())
}

#[tokio::test]
async fn sockets_can_control_the_stream() -> Result<()> {
    let stream = start(&[]).await?;
    let mut socket = stream.subscriber().await?;
    let act =
        |action: &str| json!({"type": "control", "requestId": "r1", "payload": {"action": action}});
    socket.send_json(&act("start")).await?;
    // The update and the answer are made by different parts; either may be first.
    let (one, two) = (socket.receive_json().await?, socket.receive_json().await?);
    let (ack, update) = if one["type"] == "ack" {
        (one, two)
    } else {
        (two, one)
    };
    assert_eq!(update["payload"]["stream"]["isLive"], true);
    assert_eq!(
        ack["payload"],
        json!({"requestId": "r1", "version": update["version"]})
    );

    socket.send_json(&act("start")).await?;
    let error = socket.receive_type("error").await?;
    assert_eq!(error["payload"]["code"], "INVALID_OPERATION");
    assert_eq!(error["payload"]["requestId"], "r1");
    assert_eq!(error["payload"]["message"], "Stream is already running");

    socket.send_json(&act("explode")).await?;
    let error = socket.receive_type("error").await?;
    assert_eq!(error["payload"]["code"], "VALIDATION_ERROR");
    assert_eq!(error["payload"]["field"], "payload.action");
    Ok(())
}

#[tokio::test]
async fn subscriptions_come_and_go() -> Result<()> {
    let stream = start(&[]).await?;
    let mut socket = stream.subscriber().await?;
    socket
        .send_json(&json!({"type": "unsubscribe", "payload": {"targets": ["state"]}}))
        .await?;
    let left = socket.receive_type("subscribed").await?;
    assert_eq!(left["payload"], json!({"targets": []}));
    stream.control("start").await?;
    socket.send_json(&ping()).await?;
    assert_eq!(socket.receive_json().await?["type"], "pong");

    // The old hook says topics.
    socket
        .send_json(
            &json!({"type": "subscribe", "requestId": "r2", "payload": {"topics": ["state"]}}),
        )
        .await?;
    assert_eq!(
        socket.receive_json().await?["payload"],
        json!({"targets": ["state"]})
    );
    // A shard that has not heard of the start yet snapshots what it knows, and the update follows.
    let (mut live, mut acknowledged) = (false, false);
    while !(live && acknowledged) {
        let message = socket.receive_json().await?;
        match message["type"].as_str() {
            Some("stateUpdate") => live = message["payload"]["stream"]["isLive"] == true,
            Some("ack") => acknowledged = message["payload"]["requestId"] == "r2",
            _ => panic!("neither state nor acknowledgement: {message}"),
        }
    }

    socket
        .send_json(&json!({"type": "subscribe", "payload": {"targets": ["state", "video"]}}))
        .await?;
    assert_eq!(
        socket.receive_json().await?["payload"]["code"],
        "VALIDATION_ERROR"
    );
    // As the old test page subscribes.
    socket
        .send_json(
            &json!({"type": "subscribe", "payload": {"streamId": "main", "quality": "high"}}),
        )
        .await?;
    assert_eq!(
        socket.receive_json().await?["payload"],
        json!({"targets": ["state"]})
    );
    Ok(())
}

#[tokio::test]
async fn resync_repeats_the_whole_state() -> Result<()> {
    let stream = start(&[]).await?;
    let mut socket = stream.subscriber().await?;
    for kind in ["resync", "getState"] {
        socket
            .send_json(&json!({"type": kind, "requestId": kind, "payload": {"since": 3}}))
            .await?;
        let state = socket.receive_json().await?;
        assert_eq!(state["type"], "stateUpdate");
        assert!(state["payload"]["clientId"].is_string());
        assert_eq!(socket.receive_json().await?["payload"]["requestId"], kind);
    }
    Ok(())
}

#[tokio::test]
async fn pings_and_echoes_are_answered_as_text() -> Result<()> {
    let stream = start(&[]).await?;
    let mut socket = stream.subscriber().await?;
    socket.send_json(&ping()).await?;
    let pong = socket.receive_json().await?;
    assert_eq!((&pong["type"], &pong["echo"]), (&"pong".into(), &17.into()));
    for text in [
        r#"{"type":"hello","message":"from the old page"}"#,
        r#"{"type":"test","payload":{"message":"x"}}"#,
        r#"{ "type" : "echo" , "payload" : "no object", "requestId":"r" }"#,
    ] {
        socket.send(Message::text(text)).await?;
        assert_eq!(socket.receive().await?, Message::text(text));
        socket
            .send(Message::binary(text.as_bytes().to_vec()))
            .await?;
        assert_eq!(socket.receive().await?, Message::text(text));
    }
    Ok(())
}

#[tokio::test]
async fn figures_are_told_while_the_stream_is_live() -> Result<()> {
    let stream = start(&[("RENDER_METRICS_INTERVAL", "50")]).await?;
    let mut socket = stream.subscriber().await?;
    stream.control("start").await?;
    let figures = socket.receive_type("metricsUpdate").await?;
    assert_eq!(figures["payload"]["connectedClients"], 1);
    assert_eq!(figures["payload"]["bufferHealth"], 100.0);
    Ok(())
}
