//! Why a command was refused.

use serde_json::{Value, json};

/// The machine-readable reason, the same over REST and WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// A value of the wrong type or out of range.
    ValidationError,
    /// Not possible in the present state.
    InvalidOperation,
    /// No such thing.
    NotFound,
    /// No such layer.
    LayerNotFound,
    /// Somebody else was faster, or the place is taken.
    Conflict,
}

impl ErrorCode {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ValidationError => "VALIDATION_ERROR",
            Self::InvalidOperation => "INVALID_OPERATION",
            Self::NotFound => "NOT_FOUND",
            Self::LayerNotFound => "LAYER_NOT_FOUND",
            Self::Conflict => "CONFLICT",
        }
    }
}

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Its name as sent.
    pub field: String,
    /// What is wrong and what would be right, beginning with the name.
    pub message: String,
}

/// A command that changes nothing, with the reason for the one who sent it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct CommandError {
    /// For programs.
    pub code: ErrorCode,
    /// For people; existing clients show it as it is.
    pub message: String,
    /// The wrong fields, if it was about fields.
    pub fields: Vec<FieldError>,
    /// What existing clients find in `details`.
    pub details: Option<Value>,
}

impl CommandError {
    /// Not possible in the present state, which goes into the details.
    pub fn invalid_operation(message: &str, state: &super::StreamState) -> Self {
        Self {
            code: ErrorCode::InvalidOperation,
            message: message.to_owned(),
            fields: Vec::new(),
            details: Some(json!({ "state": state })),
        }
    }

    /// Wrong fields, all of them named. `fields` is not empty.
    pub fn fields(fields: Vec<FieldError>) -> Self {
        let messages: Vec<_> = fields.iter().map(|field| field.message.as_str()).collect();
        let details = fields
            .iter()
            .map(|field| json!({ "field": field.field, "message": field.message }));
        Self {
            code: ErrorCode::ValidationError,
            message: messages.join("; "),
            details: Some(details.collect()),
            fields,
        }
    }
}
