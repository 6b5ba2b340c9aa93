//! Server-sent events, and what clients that come back are told (specification, section 11).

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sluice_tests::poll::{self, PATIENCE, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Stream, start};

/// A stream of events; what was read of it and not looked at yet.
struct Events {
    socket: TcpStream,
    read: String,
}

/// One event: its type, its id, the message.
type Event = (String, String, Value);

impl Events {
    async fn open(stream: &Stream, path: &str, headers: &str) -> Result<Self> {
        let mut socket = TcpStream::connect(stream.at.api).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).await?;
        let read = String::new();
        let mut events = Self { socket, read };
        let head = events.until("\r\n\r\n").await?;
        anyhow::ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        anyhow::ensure!(head.contains("content-type: text/event-stream"), "{head}");
        Ok(events)
    }

    /// Everything up to that text, and the text.
    async fn until(&mut self, text: &str) -> Result<String> {
        soon(text, async {
            loop {
                if let Some(at) = self.read.find(text) {
                    let rest = self.read.split_off(at + text.len());
                    return Ok(std::mem::replace(&mut self.read, rest));
                }
                let mut buffer = [0; 16_384];
                let count = self.socket.read(&mut buffer).await?;
                anyhow::ensure!(count > 0, "the stream ended after {:?}", self.read);
                self.read
                    .push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        })
        .await
    }

    async fn next(&mut self) -> Result<Event> {
        loop {
            let block = self.until("\n\n").await?;
            let field = |name: &str| {
                let lines = block.lines();
                let mut values =
                    lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                values.next().map(str::to_owned)
            };
            if let Some(data) = field("data") {
                let kind = field("event").context("a type")?;
                let data = serde_json::from_str(&data)?;
                return Ok((kind, field("id").unwrap_or_default(), data));
            }
        }
    }
}

#[tokio::test]
async fn listeners_get_what_sockets_get() -> Result<()> {
    let stream = start(&[("WS_PING_INTERVAL_MS", "200")]).await?;
    let mut events = Events::open(&stream, "/api/stream/events?target=state,layers", "").await?;
    let (kind, id, welcome) = events.next().await?;
    assert_eq!(
        (&*kind, &welcome["type"], &welcome["targets"]),
        ("welcome", &json!("welcome"), &json!(["state", "layers"]))
    );
    let epoch = welcome["epoch"].as_str().context("an epoch")?.to_owned();
    assert_eq!(id, format!("{epoch}-1"));
    assert_eq!(welcome["recovered"], false);
    let mut kinds = Vec::new();
    for _ in 0..2 {
        kinds.push(events.next().await?.0);
    }
    assert_eq!(kinds, ["stateUpdate", "layerState"]);
    stream.control("start").await?;
    let (kind, id, update) = events.next().await?;
    assert_eq!((&*kind, &*id), ("stateUpdate", &*format!("{epoch}-2")));
    assert_eq!(update["payload"]["stream"]["isLive"], true);
    stream
        .call("POST", "/stream/layers", r#"{"id":"a"}"#)
        .await?;
    let (kind, ..) = loop {
        let event = events.next().await?;
        if event.0 != "stateUpdate" && event.0 != "metricsUpdate" {
            break event;
        }
    };
    assert_eq!(kind, "layerUpdate");
    events.until("\n:\n\n").await?;
    Ok(())
}

#[tokio::test]
async fn who_comes_back_is_told_whether_anything_is_lost() -> Result<()> {
    let stream = start(&[]).await?;
    let mut events = Events::open(&stream, "/stream/events", "").await?;
    let (_, id, _) = events.next().await?;
    stream.control("start").await?;
    for (last, recovered) in [(&*id, true), ("other-1", false), ("garbage", false)] {
        let header = format!("Last-Event-ID: {last}\r\n");
        let mut events = Events::open(&stream, "/stream/events", &header).await?;
        assert_eq!(events.next().await?.2["recovered"], recovered, "{last}");
        // Whatever was missed, the newest comes.
        assert_eq!(events.next().await?.2["payload"]["stream"]["isLive"], true);
    }
    let (epoch, version) = id.rsplit_once('-').context("an id")?;
    let mut first = stream
        .post("/stream/chat", r#"{"text":"one"}"#)
        .await?
        .json()?["data"]
        .clone();
    stream.post("/stream/chat", r#"{"text":"two"}"#).await?;
    let id = first["id"].take();
    let id = id.as_str().context("an id")?;
    for (query, recovered, messages) in [
        (
            format!("since={version}&epoch={epoch}&lastMessageId={id}"),
            json!(true),
            2,
        ),
        (
            format!("since={version}&epoch={epoch}&lastMessageId=gone"),
            json!(false),
            2,
        ),
        (format!("since={version}&epoch={epoch}"), json!(false), 2),
        ("since=9&epoch=other".to_owned(), json!(false), 2),
        (String::new(), Value::Null, 2),
    ] {
        let mut socket = stream.connect(&format!("/ws?target=chat&{query}")).await?;
        assert_eq!(
            socket.receive_type("welcome").await?["recovered"],
            recovered,
            "{query}"
        );
        let history = socket.receive_type("chatHistory").await?;
        let count = history["payload"]["messages"].as_array().map(Vec::len);
        assert_eq!(count, Some(messages), "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn listeners_are_let_in_and_counted_as_sockets_are() -> Result<()> {
    let stream = start(&[("WS_MAX_CLIENTS", "2")]).await?;
    let unknown = stream.get("/stream/events?target=video").await?;
    assert_eq!(
        (unknown.status, &unknown.json()?["code"]),
        (400, &json!("VALIDATION_ERROR"))
    );
    let foreign =
        "GET /stream/events HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.test\r\n\r\n";
    assert_eq!(stream.raw(foreign).await?.status, 403);
    let mut one = Events::open(&stream, "/stream/events?target=chat", "").await?;
    one.next().await?;
    let two = Events::open(&stream, "/stream/events", "").await?;
    assert_eq!(
        stream.get("/stream/chat/presence").await?.json()?["data"]["count"],
        1
    );
    let full = stream.get("/stream/events").await?;
    assert_eq!((full.status, full.header("retry-after")), (503, Some("5")));
    drop((one, two));
    poll::until_true("places", PATIENCE, async || {
        Ok(Events::open(&stream, "/stream/events", "").await.is_ok())
    })
    .await?;
    let mut last = Events::open(&stream, "/stream/events", "").await?;
    last.next().await?;
    stream.shutdown().await;
    last.until("event: serverShutdown").await?;
    Ok(())
}

/// Polls for the reset that a client gets whom the server has given up, read or not.
async fn reset(socket: &TcpStream) -> Result<()> {
    poll::until_true("the reset", PATIENCE, async || {
        Ok(socket.take_error()?.is_some())
    })
    .await
}

#[tokio::test]
async fn who_reads_nothing_loses_the_connection() -> Result<()> {
    let stream = start(&[
        ("WS_WRITE_TIMEOUT_MS", "300"),
        ("STREAM_AUTO_START", "true"),
        ("STREAM_RESOLUTION", "1920x1080"),
    ])
    .await?;
    // One listens to events, one asks for pictures, one after the other, and takes none.
    let picture = "GET /frame?quality=high HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
    let events = "GET /stream/events?target=preview HTTP/1.1\r\nHost: x\r\n\r\n".to_owned();
    for request in [events, picture] {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        let mut socket = socket.connect(stream.at.api).await?;
        socket.write_all(request.as_bytes()).await?;
        reset(&socket).await?;
    }
    // One over WebSocket too.
    let socket = crate::support::Raw::connect_with_target(&stream, "preview", 4096).await?;
    reset(socket.socket()).await
}
