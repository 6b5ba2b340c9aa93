//! Rates, heartbeat, and clients that go silent.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Raw, frame, ping, start};

#[tokio::test]
async fn too_many_messages_are_dropped_with_one_word() -> Result<()> {
    let stream = start(&[("WS_RATE_PER_SEC", "1"), ("WS_RATE_BURST", "5")]).await?;
    let mut socket = stream.subscriber().await?;
    for _ in 0..30 {
        socket.send_json(&ping()).await?;
    }
    for _ in 0..5 {
        assert_eq!(socket.receive_json().await?["type"], "pong");
    }
    let error = socket.receive_json().await?;
    assert_eq!(error["payload"]["code"], "RATE_LIMITED");
    let wait = error["payload"]["retryAfterMs"].as_u64();
    assert!(
        wait.is_some_and(|wait| (1..=1000).contains(&wait)),
        "{error}"
    );
    assert_eq!(
        stream.metric(r#"rate_limited_total{surface="ws"}"#).await?,
        25.0
    );

    // Dropped messages are no mistakes: the socket is still good.
    let again = async || {
        socket.send_json(&ping()).await?;
        // One that is dropped gets no answer.
        let answer = timeout(Duration::from_millis(300), socket.receive_json()).await;
        Ok(answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer["type"] == "pong")))
    };
    sluice_tests::poll::until_true("room for a message", sluice_tests::poll::PATIENCE, again).await
}

#[tokio::test]
async fn silence_ends_with_4408() -> Result<()> {
    let stream = start(&[("WS_PING_INTERVAL_MS", "100"), ("WS_TIMEOUT_MS", "400")]).await?;
    let mut silent = Raw::connect(&stream).await?;
    let mut pings = 0;
    let code = loop {
        match silent.frame().await? {
            (0x89, _) => pings += 1,
            (0x88, payload) => break payload.first_chunk().map(|code| u16::from_be_bytes(*code)),
            _ => {}
        }
    };
    assert_eq!(code, Some(4408));
    assert!((2..=4).contains(&pings), "{pings} pings");
    silent.send(&frame(0x88, &4408_u16.to_be_bytes())).await?;
    silent.ended().await
}

#[tokio::test]
async fn pong_frames_are_life_and_json_pings_are_by_request() -> Result<()> {
    let stream = start(&[("WS_PING_INTERVAL_MS", "50"), ("WS_TIMEOUT_MS", "300")]).await?;
    let mut plain = stream.subscriber().await?;
    let mut asking = stream.subscriber().await?;
    let wish = json!({"type": "subscribe", "payload": {"targets": ["state"], "heartbeat": true}});
    asking.send_json(&wish).await?;
    for _ in 0..10 {
        // Reading answers ping frames; the JSON ping stays without an answer, which is no fault.
        asking.receive_type("ping").await?;
    }
    // The other one has been read by nobody meanwhile, and answers now; it has seen no JSON ping.
    let mut third = stream.subscriber().await?;
    let end = tokio::time::Instant::now() + Duration::from_millis(700);
    while let Ok(message) = tokio::time::timeout_at(end, third.receive()).await {
        panic!("nobody asked for {:?}", message?);
    }
    third.send_json(&ping()).await?;
    assert_eq!(third.receive_json().await?["type"], "pong");
    drop(plain.send(Message::Ping(Vec::new().into())).await);
    assert!(stream.metric("ws_rtt_seconds_count").await? > 5.0);
    Ok(())
}

#[tokio::test]
async fn a_client_that_never_answers_the_close_is_dropped() -> Result<()> {
    let stream = start(&[("WS_PING_INTERVAL_MS", "50"), ("WS_TIMEOUT_MS", "100")]).await?;
    let mut raw = Raw::connect(&stream).await?;
    assert_eq!(raw.close_code().await?, 4408);
    let start = std::time::Instant::now();
    raw.ended().await?;
    let waited = start.elapsed().as_secs_f64();
    assert!((4.0..7.0).contains(&waited), "{waited}");
    Ok(())
}
