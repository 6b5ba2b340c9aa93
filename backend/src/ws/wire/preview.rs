//! Messages of the `preview` channel (specification, sections 3.3 and 3.9): its two families are `{"type","data"}` and, for
//! clients that ask for it, binary frames.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::clock::now_ms;
use crate::config::{Quality, Resolution};
use crate::hub::{Channel, Lane, Message, Publication};
use crate::preview::{Choice, Encoded, Encoding, Format, Variant};
use crate::state::StreamState;

/// What one client gets, and what of it got lost.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::ws) struct Performance {
    pub(in crate::ws) fps: f64,
    pub(in crate::ws) target_fps: u32,
    pub(in crate::ws) sent: u64,
    pub(in crate::ws) dropped: u64,
    pub(in crate::ws) bytes_per_second: u64,
    pub(in crate::ws) queue_depth: usize,
    pub(in crate::ws) latency_ms: u64,
}

/// What a client of that choice will get.
pub(in crate::ws) fn preview_config(choice: Choice, size: Resolution, fps: u32) -> Message {
    let data = json!({
        "width": size.width,
        "height": size.height,
        "fps": fps,
        "quality": choice.variant.quality.as_str(),
        "format": choice.variant.format.name(),
        "encoding": choice.encoding.name(),
    });
    text("config", &json!({"type": "config", "data": data}))
}

/// The same for everybody of a quality, whose format and encoding stay as they are.
pub fn preview_configs(quality: Quality, size: Resolution, fps: u32) -> Vec<Publication> {
    let formats = [Format::Png, Format::Jpeg].into_iter();
    let choices = formats.flat_map(|format| {
        let variant = Variant { quality, format };
        [Encoding::Json, Encoding::Binary].map(|encoding| Choice { variant, encoding })
    });
    let configs = choices.map(|choice| Publication {
        channel: Channel::Preview,
        lane: Lane::Config,
        message: preview_config(choice, size, fps),
        version: 0,
        audience: choice.audience(),
    });
    configs.collect()
}

/// How the stream is, for one client.
pub(in crate::ws) fn preview_state(stream: &StreamState) -> Message {
    let whole = serde_json::to_value(stream).unwrap_or_default();
    let data = json!({
        "isLive": stream.is_live,
        "isPaused": stream.is_paused,
        "fps": whole["fps"],
        "targetFPS": stream.target_fps,
    });
    text(
        "streamState",
        &json!({"type": "streamState", "data": data, "timestamp": now_ms()}),
    )
}

/// The same, for everybody.
pub fn preview_state_changed(stream: &StreamState) -> Publication {
    Publication {
        channel: Channel::Preview,
        lane: Lane::PreviewState,
        message: preview_state(stream),
        version: 0,
        audience: 0,
    }
}

/// A frame, for those who chose that encoding of it.
pub fn frame(encoded: &Encoded, encoding: Encoding) -> Publication {
    let message = match encoding {
        Encoding::Json => json_frame(encoded),
        Encoding::Binary => binary_frame(encoded),
    };
    let choice = Choice {
        variant: encoded.variant,
        encoding,
    };
    Publication {
        channel: Channel::Preview,
        lane: Lane::Frame,
        message,
        version: 0,
        audience: choice.audience(),
    }
}

fn json_frame(encoded: &Encoded) -> Message {
    let variant = encoded.variant;
    // Written by hand: the picture is large, and holds nothing that JSON would have to escape.
    let mut json = String::with_capacity(encoded.bytes.len().div_ceil(3) * 4 + 160);
    json.push_str(r#"{"type":"frame","data":""#);
    STANDARD.encode_string(&encoded.bytes, &mut json);
    json.push_str(&format!(
        r#"","timestamp":{},"quality":"{}","frame":{},"format":"{}"}}"#,
        encoded.at_ms,
        variant.quality.as_str(),
        encoded.number,
        variant.format.name()
    ));
    Message::text("frame", json.as_bytes())
}

/// 20 bytes, big-endian: `SF`, version 1, format (1 PNG, 2 JPEG), frame (u32), timestamp (u64), length (u32).
fn binary_frame(encoded: &Encoded) -> Message {
    let mut bytes = Vec::with_capacity(20 + encoded.bytes.len());
    bytes.extend_from_slice(b"SF\x01");
    bytes.push(match encoded.variant.format {
        Format::Png => 1,
        Format::Jpeg => 2,
    });
    // Counts on from 0 after 2^32 frames.
    let number = u32::try_from(encoded.number & u64::from(u32::MAX)).unwrap_or_default();
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&encoded.at_ms.to_be_bytes());
    let length = u32::try_from(encoded.bytes.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&encoded.bytes);
    Message::binary("frame", &bytes)
}

/// How it goes, for one client.
pub(in crate::ws) fn performance(
    figures: &Performance,
    quality: Quality,
    stream: &StreamState,
) -> Publication {
    let data = json!({
        "fps": (figures.fps * 10.0).round() / 10.0,
        "targetFPS": figures.target_fps,
        "sent": figures.sent,
        "dropped": figures.dropped,
        "bytesPerSecond": figures.bytes_per_second,
        "queueDepth": figures.queue_depth,
        "averageRenderTime": stream.average_render_time,
        "latencyMs": figures.latency_ms,
        "quality": quality.as_str(),
    });
    let value = json!({"type": "performance", "data": data, "timestamp": now_ms()});
    Publication {
        channel: Channel::Preview,
        lane: Lane::Performance,
        message: text("performance", &value),
        version: 0,
        audience: 0,
    }
}

/// Something is wrong with the stream, for everybody on `state`.
pub fn stream_error(code: &str, message: &str, severity: &str) -> Publication {
    let payload = json!({"code": code, "message": message, "severity": severity});
    let value = json!({"type": "streamError", "payload": payload, "timestamp": now_ms()});
    Publication {
        channel: Channel::State,
        lane: Lane::StreamError,
        message: text("streamError", &value),
        version: 0,
        audience: 0,
    }
}

fn text(kind: &'static str, value: &serde_json::Value) -> Message {
    Message::text(kind, value.to_string().as_bytes())
}
