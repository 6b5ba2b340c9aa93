//! Starting, stopping, pausing: what changes the stream.

use std::time::Duration;

use http::HeaderValue;
use serde_json::Value;
use tokio::time::timeout;

use super::Response;
use super::answer::{ApiError, data};
use super::api::Api;
use super::body;
use crate::owner::Applied;
use crate::state::Command;

/// Callers give up after five seconds (spec section 2).
const PATIENCE: Duration = Duration::from_millis(4500);

impl Api {
    /// Carries out a command and answers with the state of the stream.
    pub(super) async fn control(&self, command: Command) -> Result<Response, ApiError> {
        let applied = self.apply(command).await?;
        let response = data(&*applied.snapshot.stream);
        Ok(marked(response, &applied))
    }

    /// `{"paused":bool}` sets; nothing turns around, because existing pages send the same for both.
    pub(super) async fn pause(&self, body: &[u8]) -> Result<Response, ApiError> {
        let body = body::object(body)?;
        let paused = match body.get("paused") {
            None | Some(Value::Null) => None,
            Some(Value::Bool(paused)) => Some(*paused),
            Some(_) => return Err(ApiError::validation("paused must be a boolean")),
        };
        self.control(Command::Pause { paused }).await
    }

    /// The call of the admin application's buttons.
    pub(super) async fn playback(&self, body: &[u8]) -> Result<Response, ApiError> {
        let body = body::object(body)?;
        let command = match body.get("action").and_then(Value::as_str) {
            Some("start") => Command::Start,
            Some("stop") => Command::Stop,
            Some("pause") => Command::Pause { paused: None },
            Some("resume") => Command::Resume,
            _ => {
                let message = "Invalid action. Must be one of: start, stop, pause";
                return Err(ApiError::validation(message));
            }
        };
        self.control(command).await
    }

    pub(super) async fn apply(&self, command: Command) -> Result<Applied, ApiError> {
        match timeout(PATIENCE, self.owner.apply(command)).await {
            Ok(applied) => Ok(applied?),
            Err(_) => Err(ApiError::unavailable(
                "The change takes too long; look at the state",
            )),
        }
    }
}

/// Says so when a change is in force but not stored.
pub(super) fn marked(mut response: Response, applied: &Applied) -> Response {
    if applied.changed && !applied.persisted {
        let no = HeaderValue::from_static("false");
        response.headers_mut().insert("x-state-persisted", no);
    }
    response
}
