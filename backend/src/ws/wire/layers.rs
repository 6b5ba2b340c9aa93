//! Messages of the `layers` channel: the whole picture as layers, and what became of one.

use serde_json::{Value, json};

use crate::clock::now_ms;
use crate::hub::{Channel, Lane, Message, Publication};
use crate::state::{LayerChange, LayerEvent, Snapshot, Versioned, layers};

/// All layers, for one client.
pub(in crate::ws) fn layer_state(snapshot: &Snapshot) -> Message {
    let all = layers(&snapshot.scene);
    let shown: Vec<_> = all
        .into_iter()
        .map(|layer| Versioned::new(layer, &snapshot.marks))
        .collect();
    let value = json!({
        "type": "layerState",
        "payload": {"count": shown.len(), "layers": shown, "activeLayerId": null},
        "version": snapshot.version,
        "epoch": &*snapshot.epoch,
        "timestamp": now_ms(),
    });
    Message::text("layerState", value.to_string().as_bytes())
}

/// All layers, for everybody: the picture changed as a whole.
pub fn layers_replaced(snapshot: &Snapshot) -> Publication {
    Publication {
        channel: Channel::Layers,
        lane: Lane::LayersWhole,
        message: layer_state(snapshot),
        version: 0,
        audience: 0,
    }
}

/// What became of one layer.
pub fn layer_update(event: &LayerEvent, epoch: &str, at_ms: u64) -> Publication {
    let mut payload =
        json!({"id": event.id, "kind": kind(&event.change), "visible": event.visible});
    let mut add = |name: &str, value: Value| payload[name] = value;
    match &event.change {
        LayerChange::Visibility | LayerChange::Removed => {}
        LayerChange::Content(content, layer) => {
            add("content", json!(content));
            if let Some(layer) = layer {
                add("layer", json!(layer));
            }
        }
        LayerChange::Transform(transform, opacity) => {
            add("transform", json!(transform));
            add("opacity", json!(opacity));
        }
        LayerChange::Opacity(opacity) => add("opacity", json!(opacity)),
        LayerChange::Order(order) => add("order", json!(order)),
        LayerChange::Created(layer) => add("layer", json!(layer)),
    }
    let value = json!({
        "type": "layerUpdate",
        "payload": payload,
        "version": event.version,
        "prevVersion": event.previous,
        "epoch": epoch,
        "timestamp": at_ms,
    });
    Publication {
        channel: Channel::Layers,
        lane: Lane::Layers,
        message: Message::text("layerUpdate", value.to_string().as_bytes()),
        version: event.version,
        audience: 0,
    }
}

fn kind(change: &LayerChange) -> &'static str {
    match change {
        LayerChange::Visibility => "visibility",
        LayerChange::Content(..) => "content",
        LayerChange::Transform(..) => "transform",
        LayerChange::Opacity(_) => "opacity",
        LayerChange::Order(_) => "order",
        LayerChange::Created(_) => "created",
        LayerChange::Removed => "removed",
    }
}
