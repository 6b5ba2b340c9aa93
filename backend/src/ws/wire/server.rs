//! Messages to clients. What goes to many is encoded once.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::{WireError, changes};
use crate::clock::now_ms;
use crate::hub::{Channel, Channels, Farewell, Lane, Merge, Message, Publication};
use crate::observe::StreamMetrics;
use crate::state::{Snapshot, StreamState};
use crate::ws::close::Close;

/// `stateUpdate`, field by field in the order of the specification.
#[derive(Serialize)]
struct StateUpdate<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    payload: StatePayload<'a>,
    changes: Vec<&'static str>,
    version: u64,
    epoch: &'a str,
    timestamp: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatePayload<'a> {
    stream: &'a StreamState,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected: Option<bool>,
}

/// The update that everyone on `state` gets. `names` are the fields that changed.
pub fn state_update(snapshot: &Arc<Snapshot>, names: &[&'static str], at_ms: u64) -> Publication {
    Publication {
        channel: Channel::State,
        lane: Lane::State,
        message: mergeable(Arc::clone(snapshot), changes::set(names), at_ms),
        version: 0,
        audience: 0,
    }
}

fn mergeable(snapshot: Arc<Snapshot>, set: u64, at_ms: u64) -> Message {
    let json = state_json(&snapshot, changes::names(set), at_ms, None);
    let encode = Box::new(move |set| mergeable(Arc::clone(&snapshot), set, at_ms));
    let merge = Merge {
        changes: set,
        encode,
    };
    Message::mergeable("stateUpdate", &json, merge)
}

/// The state for one client: at subscription, and when it asks.
pub(in crate::ws) fn initial_state(snapshot: &Snapshot, client: &str) -> Message {
    let json = state_json(snapshot, Vec::new(), now_ms(), Some(client));
    Message::text("stateUpdate", &json)
}

fn state_json(
    snapshot: &Snapshot,
    changes: Vec<&'static str>,
    timestamp: u64,
    client: Option<&str>,
) -> Vec<u8> {
    let update = StateUpdate {
        kind: "stateUpdate",
        payload: StatePayload {
            stream: &snapshot.stream,
            client_id: client,
            connected: client.map(|_| true),
        },
        changes,
        version: snapshot.version,
        epoch: &snapshot.epoch,
        timestamp,
    };
    // Strings, numbers and maps with string keys: there is nothing in it that JSON could not say.
    serde_json::to_vec(&update).unwrap_or_default()
}

/// Load and counters, for everyone on `state`.
pub fn metrics_update(metrics: &StreamMetrics) -> Publication {
    let value = json!({"type": "metricsUpdate", "payload": metrics, "timestamp": now_ms()});
    Publication {
        channel: Channel::State,
        lane: Lane::Metrics,
        message: text("metricsUpdate", &value),
        version: 0,
        audience: 0,
    }
}

/// What everyone is told when the server goes down.
pub fn farewell(reconnect_after: Duration) -> Farewell {
    let payload = json!({"reconnectAfterMs": millis(reconnect_after)});
    Farewell {
        message: text(
            "serverShutdown",
            &json!({"type": "serverShutdown", "payload": payload}),
        ),
        close: Message::close(Some(Close::RESTART.code), Close::RESTART.reason),
    }
}

/// The first message of all. `heartbeat` is the interval and the time-out; `recovered` is for clients that come back.
pub(in crate::ws) fn welcome(
    client: &str,
    targets: Channels,
    snapshot: &Snapshot,
    heartbeat: (Duration, Duration),
    recovered: Option<bool>,
) -> Message {
    let (interval, timeout) = heartbeat;
    let mut value = json!({
        "type": "welcome",
        "message": "Connected to stream manager",
        "clientId": client,
        "timestamp": now_ms(),
        "targets": names(targets),
        "version": snapshot.version,
        "epoch": &*snapshot.epoch,
        "heartbeat": {"intervalMs": millis(interval), "timeoutMs": millis(timeout)},
    });
    add(&mut value, "recovered", recovered.map(Value::from));
    text("welcome", &value)
}

pub(in crate::ws) fn error(error: &WireError, request: Option<&str>) -> Message {
    let mut payload = json!({"code": error.code, "message": error.message});
    add(
        &mut payload,
        "field",
        error.field.as_deref().map(Value::from),
    );
    add(&mut payload, "requestId", request.map(Value::from));
    text(
        "error",
        &json!({"type": "error", "payload": payload, "timestamp": now_ms()}),
    )
}

pub(in crate::ws) fn rate_limited(retry_after: Duration, request: Option<&str>) -> Message {
    let mut payload = json!({
        "code": "RATE_LIMITED",
        "message": "Too many messages; this one was dropped",
        "retryAfterMs": millis(retry_after).max(1),
    });
    add(&mut payload, "requestId", request.map(Value::from));
    text(
        "error",
        &json!({"type": "error", "payload": payload, "timestamp": now_ms()}),
    )
}

/// The answer to a JSON ping, with the ping's own timestamp.
pub(in crate::ws) fn pong(echo: Option<&Value>) -> Message {
    let mut value = json!({"type": "pong", "timestamp": now_ms()});
    add(&mut value, "echo", echo.cloned());
    text("pong", &value)
}

pub(in crate::ws) fn ping() -> Message {
    text("ping", &json!({"type": "ping", "timestamp": now_ms()}))
}

pub(in crate::ws) fn subscribed(targets: Channels) -> Message {
    text(
        "subscribed",
        &json!({"type": "subscribed", "payload": {"targets": names(targets)}}),
    )
}

pub(in crate::ws) fn ack(request: &str, version: u64) -> Message {
    text(
        "ack",
        &json!({"type": "ack", "payload": {"requestId": request, "version": version}}),
    )
}

fn text(kind: &'static str, value: &Value) -> Message {
    Message::text(kind, value.to_string().as_bytes())
}

fn names(targets: Channels) -> Vec<&'static str> {
    targets.iter().map(Channel::name).collect()
}

fn add(object: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(object), Some(value)) = (object.as_object_mut(), value) {
        object.insert(name.to_owned(), value);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
