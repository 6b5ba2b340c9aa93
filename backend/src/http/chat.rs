//! Chat for those without a socket: the last messages, writing, moderation, who is there.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Response;
use super::answer::{ApiError, data, json as answer};
use super::api::{Api, Caller};
use super::body;
use crate::chat::{self, ChatError, Post, Sender, User, Wish};

/// Messages in an answer, and the most of them.
const LIMIT: usize = 50;
const MOST: usize = 200;

/// Turns addresses into ids that do not tell them.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl Api {
    /// `?limit=50&before=ID`: oldest first.
    pub(super) fn get_chat(&self, query: Option<&str>) -> Result<Response, ApiError> {
        let parameter = |name: &str| {
            let pairs = query.unwrap_or_default().split('&');
            let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let limit = match parameter("limit") {
            None | Some("") => LIMIT,
            Some(limit) => match limit.parse() {
                Ok(limit @ 1..=MOST) => limit,
                _ => {
                    let message = format!("limit must be a whole number from 1 to {MOST}");
                    return Err(ApiError::validation(message));
                }
            },
        };
        let view = self.chat.view();
        let end = match parameter("before") {
            None | Some("") => view.messages.len(),
            Some(id) => view.messages.partition_point(|message| *message.id < *id),
        };
        let messages = view.messages.get(..end).unwrap_or_default();
        let messages = messages
            .get(end.saturating_sub(limit)..)
            .unwrap_or_default();
        let messages: Vec<_> = messages.iter().map(|message| &**message).collect();
        let body = json!({"success": true, "count": messages.len(), "data": messages});
        Ok(answer(StatusCode::OK, &body))
    }

    pub(super) async fn post_chat(
        &self,
        caller: &Caller,
        body: &[u8],
    ) -> Result<Response, ApiError> {
        let body = body::object(body)?;
        let text = body.get("text").or_else(|| body.get("message"));
        let text = match text {
            None | Some(Value::Null) => "",
            Some(Value::String(text)) => text.as_str(),
            Some(_) => return Err(ApiError::validation("Message text must be a string")),
        };
        let highlighted = match body.get("highlighted") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(highlighted)) => *highlighted,
            Some(_) => return Err(ApiError::validation("highlighted must be a boolean")),
        };
        let post = Post {
            from: self.sender(caller, &body)?,
            text: text.to_owned(),
            highlighted,
            client_msg_id: None,
        };
        let message = self
            .chat
            .post(post)
            .await
            .map_err(|error| self.refused(error))?;
        let mut shown = serde_json::to_value(&*message).unwrap_or_default();
        shown["author"] = json!(message.user.name);
        Ok(data(&shown))
    }

    pub(super) async fn delete_chat(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Response, ApiError> {
        let fields = json!({"action": "delete", "messageId": id});
        self.moderated(caller, fields.as_object().unwrap_or(&Map::new()))
            .await
    }

    pub(super) async fn moderate_chat(
        &self,
        caller: &Caller,
        body: &[u8],
    ) -> Result<Response, ApiError> {
        self.moderated(caller, &body::object(body)?).await
    }

    pub(super) fn chat_presence(&self) -> Response {
        let view = self.chat.view();
        data(&json!({"count": view.count, "users": *view.present}))
    }

    async fn moderated(
        &self,
        caller: &Caller,
        fields: &Map<String, Value>,
    ) -> Result<Response, ApiError> {
        let by = Arc::clone(&caller.identity.name);
        let wish = Wish::from_json(fields, by).map_err(|error| self.refused(error))?;
        let done = self.chat.moderate(wish).await;
        let done = done.map_err(|error| self.refused(error))?;
        Ok(data(&*done))
    }

    /// Who writes: he whom a token names, else whoever the call names.
    fn sender(&self, caller: &Caller, body: &Map<String, Value>) -> Result<Sender, ApiError> {
        let identity = &caller.identity;
        let open = self.guard.is_open();
        let given = body.get("user").or_else(|| body.get("author"));
        let (id, name) = match given {
            Some(Value::String(name)) => (None, Some(name.as_str())),
            Some(Value::Object(user)) => (
                user.get("id").and_then(Value::as_str),
                user.get("name").and_then(Value::as_str),
            ),
            None | Some(Value::Null) => (None, None),
            Some(_) => return Err(ApiError::validation("user must be a name or an object")),
        };
        // Other services write for their users.
        let may_name = open || identity.internal;
        let name = match name.filter(|_| may_name) {
            Some(name) => chat::name(name).map_err(|error| self.refused(error))?,
            None if open => "Guest".into(),
            None => Arc::clone(&identity.name),
        };
        let id = match id.filter(|id| may_name && (1..=128).contains(&id.len())) {
            Some(id) => id.into(),
            None if open => anonymous_id(caller.address),
            None => Arc::clone(&identity.id),
        };
        Ok(Sender {
            user: User {
                id,
                name,
                role: identity.role.as_str().into(),
            },
            role: identity.role,
            address: caller.address,
            anonymous: open && !identity.internal,
        })
    }

    fn refused(&self, error: ChatError) -> ApiError {
        if let Some(wait) = error.retry_after {
            self.metrics.rate_limited.with_label_values(&["chat"]).inc();
            return ApiError::rate_limited(wait);
        }
        let status = match error.code {
            "FORBIDDEN" => StatusCode::FORBIDDEN,
            "NOT_FOUND" => StatusCode::NOT_FOUND,
            "SERVICE_UNAVAILABLE" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        ApiError::new(status, error.code, error.message)
    }
}

fn anonymous_id(address: IpAddr) -> Arc<str> {
    format!("rest-{:x}", KEY.hash_one(address)).into()
}
