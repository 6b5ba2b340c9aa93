//! The shapes of answers, errors among them (spec section 2).

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Body, Response};
use crate::auth::Denied;
use crate::owner::ApplyError;
use crate::state::{CommandError, ErrorCode};

/// A refused call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Option<Value>,
    /// Boxed: errors are handed up by value, and few have one.
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: None,
            header: None,
        }
    }

    /// What went wrong, for people.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// With more for those who look at `details`.
    pub(super) fn detailed(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// 400 for a body or a parameter that can't be read.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// 400 for a value that is not as it has to be.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "Not found")
    }

    /// 405; `allow` lists what the path takes.
    pub(super) fn method(allow: &str) -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let error = Self::new(status, "METHOD_NOT_ALLOWED", "Method not allowed");
        error.with(ALLOW, allow)
    }

    /// 429; `wait` until the next call is taken.
    pub(super) fn rate_limited(wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let status = StatusCode::TOO_MANY_REQUESTS;
        let error = Self::new(status, "RATE_LIMITED", "Too many requests");
        error.with(RETRY_AFTER, &seconds.max(1).to_string())
    }

    pub(super) fn too_large(limit: &str) -> Self {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Self::new(
            status,
            "PAYLOAD_TOO_LARGE",
            format!("The body is larger than {limit}"),
        )
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "SERVICE_UNAVAILABLE",
            message,
        )
    }

    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.header = HeaderValue::from_str(value)
            .ok()
            .map(|value| Box::new((name, value)));
        self
    }

    pub(super) fn into_response(self) -> Response {
        let mut body = json!({"success": false, "error": self.message, "code": self.code});
        if let (Some(details), Some(object)) = (self.details, body.as_object_mut()) {
            object.insert("details".to_owned(), details);
        }
        let mut response = json(self.status, &body);
        if let Some((name, value)) = self.header.map(|header| *header) {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthorized(message) => {
                let error = Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message);
                error.with(WWW_AUTHENTICATE, "Bearer")
            }
            Denied::Forbidden(message) => Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message),
        }
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        let status = match error.code {
            ErrorCode::ValidationError | ErrorCode::InvalidOperation => StatusCode::BAD_REQUEST,
            ErrorCode::NotFound | ErrorCode::LayerNotFound => StatusCode::NOT_FOUND,
            ErrorCode::Conflict => StatusCode::CONFLICT,
        };
        Self {
            details: error.details,
            ..Self::new(status, error.code.as_str(), error.message)
        }
    }
}

impl From<ApplyError> for ApiError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Command(error) => error.into(),
            ApplyError::NotPersisted | ApplyError::Stopped => Self::unavailable(error.to_string()),
        }
    }
}

/// Any JSON, not to be cached.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => bytes(status, "application/json", body),
        Err(error) => {
            tracing::error!(r#type = "http", %error, "an answer can't be encoded");
            let body = r#"{"success":false,"error":"Internal error","code":"INTERNAL_ERROR"}"#;
            bytes(StatusCode::INTERNAL_SERVER_ERROR, "application/json", body)
        }
    }
}

/// The success envelope.
pub(super) fn data(data: &impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        success: bool,
        data: &'a T,
    }
    json(
        StatusCode::OK,
        &Envelope {
            success: true,
            data,
        },
    )
}

/// Anything, not to be cached.
pub(super) fn bytes(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::Left(Full::new(body.into())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
