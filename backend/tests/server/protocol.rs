//! Bad frames and bad messages: what is answered, what closes the socket, and that nobody else notices.

use anyhow::Result;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Raw, frame, ping, start};

#[tokio::test]
async fn broken_frames_close_with_their_code() -> Result<()> {
    let stream = start(&[("WS_MAX_MESSAGE_BYTES", "1000")]).await?;
    let mut witness = stream.subscriber().await?;
    let large = vec![b'x'; 600];
    for (what, bytes, code) in [
        ("not masked", vec![0x81, 0x02, b'{', b'}'], 1002),
        ("reserved bit", frame(0xc1, b"{}"), 1002),
        ("reserved opcode", frame(0x83, b"{}"), 1002),
        ("reserved control", frame(0x8b, b""), 1002),
        ("long ping", frame(0x89, &[0; 126]), 1002),
        ("fragmented ping", frame(0x09, b""), 1002),
        ("continuation of nothing", frame(0x80, b"{}"), 1002),
        (
            "text inside a message",
            [frame(0x01, b"{"), frame(0x81, b"}")].concat(),
            1002,
        ),
        ("close of one byte", frame(0x88, &[3]), 1002),
        (
            "close with 1005",
            frame(0x88, &1005_u16.to_be_bytes()),
            1002,
        ),
        (
            "close with a reason that is no UTF-8",
            frame(0x88, &[3, 0xe8, 0xff]),
            1007,
        ),
        (
            "text that is no UTF-8",
            frame(0x81, &[b'"', 0xff, b'"']),
            1007,
        ),
        ("fragment that is no UTF-8", frame(0x01, &[0xff]), 1007),
        ("binary that is no UTF-8", frame(0x82, &[0xff, 0xfe]), 1003),
        ("large frame", frame(0x81, &vec![b' '; 1001]), 1009),
        (
            "header of a huge frame",
            vec![0x81, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            1009,
        ),
        (
            "large message",
            [frame(0x01, &large), frame(0x80, &large)].concat(),
            1009,
        ),
    ] {
        let mut raw = Raw::connect(&stream).await?;
        raw.send(&bytes).await?;
        assert_eq!(raw.close_code().await?, code, "{what}");
    }
    witness.send_json(&ping()).await?;
    assert_eq!(witness.receive_json().await?["type"], "pong");
    Ok(())
}

#[tokio::test]
async fn frames_may_come_in_any_pieces() -> Result<()> {
    let stream = start(&[]).await?;
    let mut raw = Raw::connect(&stream).await?;
    raw.frame().await?;
    raw.frame().await?;
    let text = r#"{"type":"echo","message":"grün – 緑"}"#.as_bytes();
    let (one, rest) = text.split_at(27);
    let (two, three) = rest.split_at(1);
    let bytes = [
        frame(0x01, one),
        frame(0x89, b"between"),
        frame(0x00, two),
        frame(0x00, b""),
        frame(0x80, three),
    ]
    .concat();
    for byte in bytes {
        raw.send(&[byte]).await?;
    }
    assert_eq!(raw.frame().await?, (0x8a, b"between".to_vec()));
    assert_eq!(raw.frame().await?, (0x81, text.to_vec()));

    // And many in one piece.
    let many: Vec<u8> = (0..20).flat_map(|_| frame(0x81, text)).collect();
    raw.send(&many).await?;
    for _ in 0..20 {
        assert_eq!(raw.frame().await?, (0x81, text.to_vec()));
    }
    raw.send(&frame(0x88, &1000_u16.to_be_bytes())).await?;
    assert_eq!(raw.close_code().await?, 1000);
    raw.ended().await
}

#[tokio::test]
async fn a_close_is_answered_with_its_code() -> Result<()> {
    let stream = start(&[]).await?;
    for (payload, code) in [(vec![], 1005), (4000_u16.to_be_bytes().to_vec(), 4000)] {
        let mut raw = Raw::connect(&stream).await?;
        raw.send(&frame(0x88, &payload)).await?;
        assert_eq!(raw.close_code().await?, code);
        raw.ended().await?;
    }
    Ok(())
}

#[tokio::test]
async fn bad_messages_are_answered_and_the_socket_stays() -> Result<()> {
    let stream = start(&[]).await?;
    let mut socket = stream.subscriber().await?;
    let deep = format!(
        r#"{{"type":"ping","x":{}{}}}"#,
        "[".repeat(16),
        "]".repeat(16)
    );
    for (text, code, field) in [
        ("nonsense", "INVALID_JSON", Value::Null),
        ("[1]", "INVALID_MESSAGE", Value::Null),
        (r#"{"no":"type"}"#, "INVALID_MESSAGE", json!("type")),
        (&deep, "INVALID_MESSAGE", Value::Null),
        (
            r#"{"type":"nothing","requestId":"r9"}"#,
            "UNKNOWN_TYPE",
            Value::Null,
        ),
        (
            r#"{"type":"ping","payload":[]}"#,
            "VALIDATION_ERROR",
            json!("payload"),
        ),
        (
            r#"{"type":"ping","timestamp":"now"}"#,
            "VALIDATION_ERROR",
            json!("timestamp"),
        ),
        (
            r#"{"type":"subscribe","payload":{"targets":"state"}}"#,
            "VALIDATION_ERROR",
            json!("payload.targets"),
        ),
    ] {
        socket.send(Message::text(text)).await?;
        let error = socket.receive_json().await?;
        assert_eq!(
            (&error["type"], &error["payload"]["code"]),
            (&json!("error"), &json!(code)),
            "{text}"
        );
        assert_eq!(error["payload"]["field"], field, "{text}");
        assert!(error["timestamp"].is_u64());
    }
    socket.send(Message::binary(b"no json".to_vec())).await?;
    assert_eq!(
        socket.receive_json().await?["payload"]["code"],
        "INVALID_JSON"
    );

    // The tenth is answered, and is one too many.
    socket.send(Message::text("nonsense")).await?;
    assert_eq!(
        socket.receive_json().await?["payload"]["code"],
        "INVALID_JSON"
    );
    let close = socket.closed().await?.map(|close| close.code);
    assert_eq!(close, Some(CloseCode::Policy));
    Ok(())
}
