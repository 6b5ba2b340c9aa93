//! Answers in JSON, byte for byte as Go's `encoding/json` writes them.

use ::http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::http::{Body, Response};

/// A document. What cannot be written is an error of ours and answered as such.
pub(super) fn document(value: &impl Serialize) -> Response {
    match text(value) {
        Ok(text) => {
            let mut response = Response::new(Body::from(text + "\n"));
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            response
        }
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// A refusal: `{"message":"…"}`, with the fields of Go's `http.Error`.
pub(super) fn refusal(status: StatusCode, message: &str) -> Response {
    let message = serde_json::json!({ "message": message });
    let text = text(&message).unwrap_or_default();
    let mut response = Response::new(Body::from(text + "\n"));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// Compact JSON. Go also escapes what HTML could stumble over; these characters occur in strings only.
pub(super) fn text(value: &impl Serialize) -> serde_json::Result<String> {
    let plain = serde_json::to_string(value)?;
    let special = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    if !plain.contains(special) {
        return Ok(plain);
    }
    let mut escaped = String::with_capacity(plain.len() + 64);
    for letter in plain.chars() {
        match letter {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    Ok(escaped)
}
