//! What instances tell each other, and the surrounding system, about changes (specification, section 4.4).

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::Client;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc;

use super::keys;
use crate::state::{Kind, StreamState};
use crate::store::{Position, Update, Write};

/// Between two attempts to subscribe.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
struct Message {
    origin: String,
    epoch: String,
    version: u64,
    kind: String,
    body: serde_json::Value,
    timestamp: u64,
}

/// The message of one write. Only counters carry a body: all else is read from the keys, whole.
pub(super) fn message(origin: &str, write: &Write) -> String {
    let (kind, body) = match write.kind {
        Kind::Telemetry => ("telemetry", json!({ "stream": &*write.next.stream })),
        Kind::Scene => ("scene", json!({})),
        Kind::Stream | Kind::Settings | Kind::Reset => {
            ("stream", json!({ "stream": &*write.next.stream }))
        }
    };
    let message = Message {
        origin: origin.to_owned(),
        epoch: write.next.epoch.to_string(),
        version: write.next.version,
        kind: kind.to_owned(),
        body,
        timestamp: write.at_ms,
    };
    serde_json::to_string(&message).unwrap_or_default()
}

/// The same as an event of the surrounding system. Counters are no event.
pub(super) fn event(write: &Write) -> Option<String> {
    if write.kind == Kind::Telemetry {
        return None;
    }
    let event = json!({
        "id": uuid(),
        "timestamp": write.at_ms,
        "type": "stream:state:update",
        "source": "STREAM_MANAGER",
        "version": "1.0.0",
        "data": &*write.next.stream,
    });
    Some(event.to_string())
}

/// A random UUID, version 4.
fn uuid() -> String {
    let id = format!("{}{}", crate::store::random_id(), crate::store::random_id());
    let part = |range: std::ops::Range<usize>| id.get(range).unwrap_or_default();
    format!(
        "{}-{}-4{}-a{}-{}",
        part(0..8),
        part(8..12),
        part(13..16),
        part(17..20),
        part(20..32)
    )
}

/// Hands on what other instances publish, and subscribes again whenever that ends. Never comes back while the receiver
/// listens.
pub(super) async fn watch(client: &Client, origin: &str, updates: &mpsc::Sender<Update>) {
    while !updates.is_closed() {
        if let Err(error) = subscribed(client, origin, updates).await {
            tracing::debug!(%error, "the subscription to other instances' changes has ended");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn subscribed(
    client: &Client,
    origin: &str,
    updates: &mpsc::Sender<Update>,
) -> redis::RedisResult<()> {
    let connect = tokio::time::timeout(super::TIMEOUT, client.get_async_pubsub());
    let late = |_| redis::RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
    let mut subscription = connect.await.map_err(late)??;
    subscription.subscribe(keys::UPDATES).await?;
    let mut messages = subscription.on_message();
    while let Some(message) = messages.next().await {
        let Some(update) = read(origin, message.get_payload_bytes()) else {
            continue;
        };
        if updates.send(update).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// `None` for what is our own, or none of our business.
fn read(origin: &str, payload: &[u8]) -> Option<Update> {
    let message: Message = serde_json::from_slice(payload).ok()?;
    if message.origin == origin {
        return None;
    }
    let counters = match message.kind.as_str() {
        "telemetry" => {
            let stream = message.body.get("stream")?.to_string();
            Some(StreamState::from_stored(&stream).ok()?)
        }
        "stream" | "scene" | "layer" => None,
        _ => return None,
    };
    Some(Update {
        position: Position {
            epoch: message.epoch.into(),
            version: message.version,
        },
        counters,
        at_ms: message.timestamp,
    })
}
