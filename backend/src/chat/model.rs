//! What chat is made of, as on the wire and as stored.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::auth::Role;

/// Somebody who writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: Arc<str>,
    pub name: Arc<str>,
    #[serde(default)]
    pub role: Arc<str>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    /// Sorts by time.
    pub id: Arc<str>,
    pub user: User,
    pub text: String,
    /// A bid.
    #[serde(default)]
    pub highlighted: bool,
    /// Unix milliseconds.
    pub timestamp: u64,
    /// What the sender calls it, so that it knows it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_msg_id: Option<String>,
}

/// What a moderator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    Delete,
    Timeout,
    Ban,
    Unban,
    SlowMode,
    Clear,
    Pin,
}

impl Action {
    /// The action of that name.
    pub fn parse(name: &str) -> Option<Self> {
        serde_json::from_value(name.into()).ok()
    }
}

/// Something that a moderator did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moderation {
    pub action: Action,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
    /// Name of the moderator.
    pub by: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Unix milliseconds.
    pub timestamp: u64,
    /// Tells one such event from another.
    #[serde(default)]
    pub id: Arc<str>,
}

/// Who asks, and from where.
#[derive(Debug, Clone)]
pub struct Sender {
    pub user: User,
    pub role: Role,
    pub address: IpAddr,
    /// Nobody had to say who he is: then limits and mutes hold for the address too.
    pub anonymous: bool,
}

/// A message that somebody wants to send.
#[derive(Debug, Clone)]
pub struct Post {
    pub from: Sender,
    pub text: String,
    pub highlighted: bool,
    pub client_msg_id: Option<String>,
}

/// What a moderator wants.
#[derive(Debug, Clone)]
pub struct Wish {
    pub action: Action,
    pub message_id: Option<String>,
    pub user_id: Option<String>,
    pub duration_seconds: Option<u64>,
    pub reason: Option<String>,
    pub by: Arc<str>,
}

impl Wish {
    /// Reads a moderator's wish; `by` is his name.
    ///
    /// # Errors
    /// A field is not as it has to be.
    pub fn from_json(
        fields: &serde_json::Map<String, serde_json::Value>,
        by: Arc<str>,
    ) -> Result<Self, ChatError> {
        let action = fields.get("action").and_then(|action| action.as_str());
        let action = action.and_then(Action::parse).ok_or_else(|| {
            let must = "action must be one of delete, timeout, ban, unban, slowMode, clear, pin";
            ChatError::field("action", must)
        })?;
        let text = |field: &'static str| match fields.get(field) {
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(serde_json::Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(ChatError::field(field, format!("{field} must be a string"))),
        };
        let duration_seconds = match fields.get("durationSeconds") {
            None | Some(serde_json::Value::Null) => None,
            Some(number) => Some(number.as_u64().ok_or_else(|| {
                ChatError::field("durationSeconds", "durationSeconds must be a whole number")
            })?),
        };
        Ok(Self {
            action,
            message_id: text("messageId")?,
            user_id: text("userId")?,
            duration_seconds,
            reason: text("reason")?,
            by,
        })
    }
}

/// Whether somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Online,
    Away,
}

/// Somebody who is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    pub id: Arc<str>,
    pub name: Arc<str>,
    pub status: Status,
}

/// Chat at one moment, for those who come.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Of the last event that is in it: later ones have a larger number.
    pub sequence: u64,
    /// Oldest first, at most 200.
    pub messages: Arc<Vec<Arc<ChatMessage>>>,
    /// Id of the message that is pinned.
    pub pinned: Option<Arc<str>>,
    /// Between two messages of one user.
    pub slow_mode: Duration,
    /// Some of those who are there.
    pub present: Arc<Vec<Present>>,
    /// How many there are in all.
    pub count: usize,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ChatError {
    /// As on the wire: `VALIDATION_ERROR`, `FORBIDDEN`, `NOT_FOUND`, `RATE_LIMITED`, `SERVICE_UNAVAILABLE`.
    pub code: &'static str,
    pub message: String,
    /// The field that is wrong.
    pub field: Option<&'static str>,
    /// When it may be tried again.
    pub retry_after: Option<Duration>,
}

impl ChatError {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            retry_after: None,
        }
    }

    pub(super) fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            field: Some(field),
            ..Self::new("VALIDATION_ERROR", message)
        }
    }

    pub(super) fn wait(message: &str, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..Self::new("RATE_LIMITED", message)
        }
    }
}

/// One thing that happened, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Event {
    Message(Arc<ChatMessage>),
    Moderation(Arc<Moderation>),
}

impl Event {
    /// By which it is known again.
    pub(super) fn id(&self) -> &Arc<str> {
        match self {
            Self::Message(message) => &message.id,
            Self::Moderation(moderation) => &moderation.id,
        }
    }
}
