//! Rates, heartbeat, and clients that go silent.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use sluice_tests::poll::{PATIENCE, until_true};
use tokio::time::timeout;

use crate::support::{Raw, frame, ping, start};

#[tokio::test]
async fn too_many_messages_are_dropped_with_one_word() -> Result<()> {
    let stream = start(&[("WS_RATE_PER_SEC", "1"), ("WS_RATE_BURST", "5")]).await?;
    let mut socket = stream.subscriber().await?;
    for _ in 0..30 {
        socket.send_json(&ping()).await?;
    }
    let mut answered = 0;
    let error = loop {
        let message = socket.receive_json().await?;
        if message["type"] == "error" {
            break message;
        }
        assert_eq!(message["type"], "pong");
        answered += 1;
    };
    // One more a second, should this machine need as long.
    assert!((5..15).contains(&answered), "{answered}");
    assert_eq!(error["payload"]["code"], "RATE_LIMITED");
    let wait = error["payload"]["retryAfterMs"].as_u64();
    assert!(
        wait.is_some_and(|wait| (1..=1000).contains(&wait)),
        "{error}"
    );
    let counted = async || {
        let dropped = stream.metric(r#"rate_limited_total{surface="ws"}"#).await?;
        Ok((15.0..=25.0).contains(&dropped))
    };
    until_true("the count of the dropped", PATIENCE, counted).await?;

    // Dropped messages are no mistakes: the socket is still good.
    let again = async || {
        socket.send_json(&ping()).await?;
        // One that is dropped gets no answer.
        let answer = timeout(Duration::from_millis(300), socket.receive_json()).await;
        Ok(answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer["type"] == "pong")))
    };
    until_true("room for a message", PATIENCE, again).await
}

#[tokio::test]
async fn silence_ends_with_4408() -> Result<()> {
    let stream = start(&[("WS_PING_INTERVAL_MS", "500"), ("WS_TIMEOUT_MS", "2000")]).await?;
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
    let stream = start(&[("WS_PING_INTERVAL_MS", "50"), ("WS_TIMEOUT_MS", "2000")]).await?;
    let mut asking = stream.subscriber().await?;
    let wish = json!({"type": "subscribe", "payload": {"targets": ["state"], "heartbeat": true}});
    asking.send_json(&wish).await?;
    for _ in 0..10 {
        // Reading answers ping frames; the JSON ping stays without an answer, which is no fault.
        asking.receive_type("ping").await?;
    }
    let mut plain = stream.subscriber().await?;
    // Whoever did not ask gets none, and lives by its pong frames alone.
    let silence = timeout(Duration::from_millis(3000), plain.receive()).await;
    assert!(silence.is_err(), "nobody asked for {silence:?}");
    plain.send_json(&ping()).await?;
    assert_eq!(plain.receive_json().await?["type"], "pong");
    assert!(stream.metric("ws_rtt_seconds_count").await? > 5.0);
    Ok(())
}

#[tokio::test]
async fn a_client_that_never_answers_the_close_is_dropped() -> Result<()> {
    let stream = start(&[("WS_PING_INTERVAL_MS", "50"), ("WS_TIMEOUT_MS", "100")]).await?;
    let start = std::time::Instant::now();
    let mut raw = Raw::connect(&stream).await?;
    assert_eq!(raw.close_code().await?, 4408);
    raw.ended().await?;
    let waited = start.elapsed().as_secs_f64();
    assert!((5.0..15.0).contains(&waited), "{waited}");
    Ok(())
}
