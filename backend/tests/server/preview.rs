//! The preview: frames over sockets and HTTP, qualities, pictures from outside, and counters (specification, section 3.9).

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sluice_tests::http1::Client;
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::websocket::Socket;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Stream, start};

/// A viewer that has read its welcome, config and stream state.
pub(crate) async fn viewer(stream: &Stream) -> Result<Socket> {
    let mut socket = stream.connect("/stream/preview").await?;
    socket.receive_type("welcome").await?;
    let config = socket.receive_json().await?;
    assert_eq!(config["type"], "config");
    let state = socket.receive_json().await?;
    assert_eq!(state["type"], "streamState", "{state}");
    Ok(socket)
}

/// Sends a picture to the REST port; the answer's status and body.
pub(crate) async fn put(stream: &Stream, picture: &[u8]) -> Result<(u16, Value)> {
    let mut client = Client::connect(stream.at.api.port()).await?;
    let head = format!(
        "PUT /stream/frame HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        picture.len()
    );
    client.send([head.as_bytes(), picture].concat()).await?;
    let answer = client.answer().await?;
    Ok((answer.status, answer.json()?))
}

/// The picture in a frame.
pub(crate) fn pixels(frame: &Value) -> Result<Vec<u8>> {
    let data = frame["data"].as_str().context("a picture")?;
    let engine = base64::engine::general_purpose::STANDARD;
    Ok(base64::Engine::decode(&engine, data)?)
}

pub(crate) fn picture(
    width: u32,
    height: u32,
    color: [u8; 3],
    format: image::ImageFormat,
) -> Result<Vec<u8>> {
    let picture = image::RgbImage::from_pixel(width, height, image::Rgb(color));
    let mut bytes = Vec::new();
    picture.write_to(&mut std::io::Cursor::new(&mut bytes), format)?;
    Ok(bytes)
}

#[tokio::test]
async fn frames_come_while_the_stream_is_live() -> Result<()> {
    let stream = start(&[
        ("STREAM_RESOLUTION", "320x180"),
        ("RENDER_METRICS_INTERVAL", "300"),
    ])
    .await?;
    let mut socket = viewer(&stream).await?;
    assert_eq!(stream.get("/stream/frame").await?.status, 404);
    stream.control("start").await?;
    let state = socket.receive_type("streamState").await?;
    assert_eq!(state["data"]["isLive"], true);
    let mut last = 0;
    for _ in 0..5 {
        let frame = socket.receive_type("frame").await?;
        let number = frame["frame"].as_u64().context("a number")?;
        assert!(number > last, "{number} after {last}");
        last = number;
        assert_eq!(
            (&frame["quality"], &frame["format"]),
            (&json!("medium"), &json!("png"))
        );
        assert!(
            frame["data"]
                .as_str()
                .is_some_and(|data| data.starts_with("iVBORw0KGgo"))
        );
    }
    socket
        .send_json(&json!({"type": "frameAck", "data": {"frame": last}}))
        .await?;
    let performance = socket.receive_type("performance").await?["data"].clone();
    assert!(performance["sent"].as_u64() > Some(1), "{performance}");
    assert_eq!(
        (&performance["targetFPS"], &performance["quality"]),
        (&json!(20), &json!("medium"))
    );
    Ok(())
}

#[tokio::test]
async fn counters_go_on_and_the_last_picture_stays() -> Result<()> {
    let stream = start(&[("STREAM_RESOLUTION", "320x180")]).await?;
    stream.control("start").await?;
    let mut watcher = stream.subscriber().await?;
    watcher
        .receive_where("frames counted", |update| {
            update["payload"]["stream"]["frameCount"].as_u64() > Some(10)
        })
        .await?;
    stream.control("pause").await?;
    let mut quiet = viewer(&stream).await?;
    // The last picture stays.
    quiet.receive_type("frame").await?;
    let shown = stream.get("/api/stream/frame?quality=low").await?;
    assert_eq!(
        (shown.status, shown.header("content-type")),
        (200, Some("image/png"))
    );
    assert!(
        shown.header("x-frame-number").is_some() && shown.header("x-frame-timestamp").is_some()
    );
    stream.control("stop").await?;
    let gone = stream.get("/frame").await?;
    assert_eq!(
        (gone.status, &gone.json()?["error"]),
        (404, &json!("Stream is not live"))
    );
    Ok(())
}

#[tokio::test]
async fn clients_choose_quality_format_and_encoding() -> Result<()> {
    let stream = start(&[
        ("STREAM_RESOLUTION", "1920x1080"),
        ("STREAM_AUTO_START", "true"),
    ])
    .await?;
    let mut socket = viewer(&stream).await?;
    let wish = |data: Value| json!({"type": "quality", "data": data, "requestId": "q"});
    socket
        .send_json(&wish(
            json!({"quality": "low", "encoding": "binary", "format": "jpeg"}),
        ))
        .await?;
    let config = socket.receive_type("config").await?["data"].clone();
    assert_eq!(
        config,
        json!({"width": 854, "height": 480, "fps": 10, "quality": "low", "format": "jpeg", "encoding": "binary"})
    );
    let frame = poll::soon("a binary frame", async {
        loop {
            if let Message::Binary(bytes) = socket.receive().await? {
                return Ok(bytes);
            }
        }
    })
    .await?;
    assert_eq!(&frame[..4], b"SF\x01\x02");
    let length = u32::from_be_bytes(frame[16..20].try_into()?);
    assert_eq!(length as usize, frame.len() - 20);
    let picture = image::load_from_memory(&frame[20..])?;
    assert_eq!((picture.width(), picture.height()), (854, 480));
    for bad in [
        json!({"quality": "best"}),
        json!({}),
        json!({"format": "gif"}),
        json!({"encoding": 1}),
    ] {
        socket.send_json(&wish(bad)).await?;
        loop {
            if let Message::Text(text) = socket.receive().await? {
                let message: Value = serde_json::from_str(&text)?;
                if message["type"] == "error" {
                    assert_eq!(message["payload"]["code"], "VALIDATION_ERROR");
                    break;
                }
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn who_watches_is_listed_and_counted() -> Result<()> {
    let stream = start(&[]).await?;
    let mut socket = viewer(&stream).await?;
    socket
        .send_json(&json!({"type": "quality", "data": {"quality": "low"}}))
        .await?;
    socket.receive_type("config").await?;
    let clients = stream.get("/stream/preview/clients").await?.json()?["data"].clone();
    assert_eq!(
        (&clients[0]["quality"], &clients[0]["connected"]),
        (&json!("low"), &json!(true))
    );
    assert_eq!(
        stream
            .metric(r#"stream_active_clients{quality="low"}"#)
            .await?,
        1.0
    );
    drop(socket);
    poll::until_true("nobody to watch", PATIENCE, async || {
        Ok(stream
            .metric(r#"stream_active_clients{quality="low"}"#)
            .await?
            == 0.0)
    })
    .await
}

#[tokio::test]
async fn a_compositor_puts_pictures() -> Result<()> {
    let stream = start(&[("STREAM_RESOLUTION", "320x180")]).await?;
    let red = picture(1920, 1080, [200, 0, 0], image::ImageFormat::Png)?;
    let (status, answer) = put(&stream, &red).await?;
    assert_eq!(
        (status, &answer["error"]),
        (409, &json!("Stream is not live"))
    );
    stream.control("start").await?;
    let mut socket = viewer(&stream).await?;
    let mut watcher = stream.subscriber().await?;
    let (status, answer) = put(&stream, &red).await?;
    assert_eq!((status, answer["data"]["frame"].is_u64()), (202, true));
    let shown = |bytes: &[u8]| -> Result<(u32, [u8; 3])> {
        let picture = image::load_from_memory(bytes)?.into_rgb8();
        Ok((picture.width(), picture.get_pixel(3, 3).0))
    };
    let high = stream.get("/stream/frame?quality=high").await?;
    assert_eq!(shown(&high.body)?, (1920, [200, 0, 0]));
    let low = stream.get("/stream/frame?quality=low").await?;
    assert_eq!(shown(&low.body)?, (854, [200, 0, 0]));
    poll::soon("the picture on the socket", async {
        loop {
            let bytes = pixels(&socket.receive_type("frame").await?)?;
            if shown(&bytes)? == (1280, [200, 0, 0]) {
                return Ok(());
            }
        }
    })
    .await?;
    for (body, status) in [(&b"GIF89a"[..], 415), (&red[..300], 422)] {
        assert_eq!(put(&stream, body).await?.0, status);
    }
    let large = "PUT /stream/frame HTTP/1.1\r\nHost: x\r\nContent-Length: 8388609\r\n\r\n";
    assert_eq!(stream.raw(large).await?.status, 413);
    // Nothing more comes: everybody is told, and the pattern is back.
    let error = watcher.receive_type("streamError").await?["payload"].clone();
    assert_eq!(
        (&error["code"], &error["severity"]),
        (&json!("FRAME_SOURCE"), &json!("HIGH"))
    );
    let pattern = stream.get("/stream/frame?quality=high").await?;
    assert_eq!(shown(&pattern.body)?.0, 320);
    // One picture after a silence is shown as the first one was.
    let blue = picture(64, 64, [0, 0, 254], image::ImageFormat::Png)?;
    assert_eq!(put(&stream, &blue).await?.0, 202);
    poll::soon("the next picture on the socket", async {
        while shown(&pixels(&socket.receive_type("frame").await?)?)? != (64, [0, 0, 254]) {}
        Ok(())
    })
    .await?;
    let jpeg = picture(64, 64, [0, 0, 200], image::ImageFormat::Jpeg)?;
    assert_eq!(put(&stream, &jpeg).await?.0, 202);
    Ok(())
}

#[tokio::test]
async fn size_and_rate_are_configured() -> Result<()> {
    let stream = start(&[("STREAM_AUTO_START", "true")]).await?;
    let mut socket = viewer(&stream).await?;
    let body = r#"{"width":640,"height":360,"fps":5,"format":"jpeg"}"#;
    assert_eq!(
        stream.post("/frame/config", body).await?.json()?,
        json!({"success": true})
    );
    let config = socket
        .receive_where("another config", |message| message["data"]["width"] == 640)
        .await?;
    assert_eq!(config["data"]["fps"], 5);
    // One may have been on its way.
    socket.receive_type("frame").await?;
    let mut times = Vec::new();
    for _ in 0..5 {
        let frame = socket.receive_type("frame").await?;
        times.push(frame["timestamp"].as_u64().context("a time")?);
    }
    let took = times[4] - times[0];
    assert!(took > 600, "five frames at 5 a second: {times:?}");
    let frame = stream.get("/frame").await?;
    assert_eq!(frame.header("content-type"), Some("image/jpeg"));
    let read = image::load_from_memory(&frame.body)?;
    assert_eq!((read.width(), read.height()), (640, 360));
    for bad in [
        "{}",
        r#"{"width":0,"height":1,"fps":1,"format":"png"}"#,
        r#"{"width":1,"height":1,"fps":1,"format":""}"#,
    ] {
        let answer = stream.post("/stream/frame/config", bad).await?;
        assert_eq!(
            (answer.status, &answer.json()?["error"]),
            (400, &json!("Invalid frame configuration"))
        );
    }
    // A new rate is a new config.
    stream
        .call("PATCH", "/stream/config", r#"{"TARGET_FPS":3}"#)
        .await?;
    socket
        .receive_where("another rate", |message| message["data"]["fps"] == 3)
        .await?;
    Ok(())
}
