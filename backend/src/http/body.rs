//! Request bodies: JSON, whatever `Content-Type` says, within size and time.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::answer::ApiError;

/// 100 KiB (spec section 6).
pub(super) const LIMIT: usize = 100 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);

/// The whole body.
///
/// # Errors
/// Too large (413), too slow (408), or cut off (400).
pub(super) async fn read(body: Incoming, limit: usize) -> Result<Bytes, ApiError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let said = format!("{} KiB", limit / 1024);
    if body.size_hint().lower() > limit as u64 {
        return Err(ApiError::too_large(&said));
    }
    let collected = timeout(PATIENCE, Limited::new(body, limit).collect()).await;
    let collected = collected.map_err(|_| {
        let status = StatusCode::REQUEST_TIMEOUT;
        ApiError::new(status, "BAD_REQUEST", "The body did not come in time")
    })?;
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::too_large(&said)),
        Err(_) => Err(ApiError::bad_request("The body could not be read")),
    }
}

/// The object in a body; nothing at all is an empty one.
///
/// # Errors
/// No JSON, or another kind of it.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::validation("The body must be a JSON object")),
        Err(error) => Err(ApiError::bad_request(format!(
            "The body is not JSON: {error}"
        ))),
    }
}
