//! What the stream is doing: `status`, `state`, `metrics`.

use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::Response;
use super::answer::{data, json as answer};
use super::api::Api;

impl Api {
    /// Both shapes that clients of the old service know, in one.
    pub(super) fn status(&self) -> Response {
        let snapshot = self.owner.snapshot();
        // As on the wire, numbers included.
        let stream = serde_json::to_value(&*snapshot.stream).unwrap_or_default();
        let body = json!({
            "success": true,
            "data": stream,
            "status": "ok",
            "isLive": stream["isLive"],
            "metrics": {
                "frameCount": stream["frameCount"],
                "droppedFrames": stream["droppedFrames"],
                "fps": stream["fps"],
                "isLive": stream["isLive"],
                "encoderMetrics": {},
                "pipelineMetrics": {},
            },
            "version": snapshot.version,
            "epoch": &*snapshot.epoch,
        });
        answer(StatusCode::OK, &body)
    }

    /// The state alone, without an envelope: the polling page keeps the body as it is.
    pub(super) fn state(&self, headers: &HeaderMap) -> Response {
        let snapshot = self.owner.snapshot();
        let frames = snapshot.stream.frame_count;
        let etag = format!("\"{}-{}-{frames}\"", snapshot.epoch, snapshot.version);
        let mut response = match is_known(headers, &etag) {
            true => not_modified(),
            false => answer(StatusCode::OK, &*snapshot.stream),
        };
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            response.headers_mut().insert(ETAG, etag);
        }
        response
    }

    pub(super) fn metrics(&self) -> Response {
        data(&(self.load)())
    }
}

fn not_modified() -> Response {
    let mut response = super::answer::bytes(StatusCode::NOT_MODIFIED, "application/json", "");
    response.headers_mut().remove(http::header::CONTENT_TYPE);
    response
}

/// RFC 9110, section 13.1.2: a list, compared weakly, or `*`.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}
