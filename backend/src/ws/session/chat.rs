//! A client in chat: its place, what it writes, and what moderators do over the socket.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Session;
use super::handlers::Outcome;
use crate::chat::{ChatError, Post, Sender, Status, User, Wish};
use crate::hub::{Channel, Channels};
use crate::ws::wire::{self, Incoming, WireError};

/// Characters of what a client calls its own message.
const LONGEST_CLIENT_ID: usize = 64;

impl Session {
    /// Takes a place in chat with the subscription to it, and gives it up with that.
    pub(super) fn seat(&self, targets: Channels) {
        let wanted = targets.contains(Channel::Chat) && self.counts();
        let mut seat = self.seat.borrow_mut();
        if !wanted {
            seat.take();
        } else if seat.is_none() {
            *seat = Some(self.server().chat.join(self.sender(None)));
        }
    }

    /// Who writes. With `AUTH_MODE=off` that is the socket, by whatever name it likes.
    fn sender(&self, name: Option<Arc<str>>) -> Sender {
        let identity = &self.identity;
        let anonymous = self.server().guard.is_open();
        let (id, known) = match anonymous {
            true => {
                let short: String = self.id.chars().take(4).collect();
                (self.id.as_str().into(), format!("Guest {short}").into())
            }
            false => (Arc::clone(&identity.id), Arc::clone(&identity.name)),
        };
        Sender {
            user: User {
                id,
                name: name.filter(|_| anonymous).unwrap_or(known),
                role: identity.role.as_str().into(),
            },
            role: identity.role,
            address: self.address,
            anonymous,
        }
    }

    fn chat_failed(&self, error: &ChatError, request: Option<&str>) {
        if let Some(wait) = error.retry_after {
            let metrics = &self.server().metrics;
            metrics.rate_limited.with_label_values(&["chat"]).inc();
            self.count_error("RATE_LIMITED");
            self.send(wire::rate_limited(wait, request));
            return;
        }
        let wire = WireError {
            field: error.field.map(|field| format!("payload.{field}")),
            ..WireError::new(error.code, error.message.clone())
        };
        match error.code {
            "VALIDATION_ERROR" => self.mistake(&wire, request),
            _ => self.fail(&wire, request),
        }
    }
}

/// What chat's handlers need: the payload of a client that is in chat.
fn payload<'a>(
    session: &Session,
    message: &'a Incoming,
) -> Result<&'a Map<String, Value>, WireError> {
    if !session.targets.get().contains(Channel::Chat) {
        let text = "Subscribe to chat first";
        return Err(WireError::new("INVALID_OPERATION", text));
    }
    let payload = message.get("payload").and_then(Value::as_object);
    payload.ok_or_else(|| WireError::field("payload", "an object"))
}

pub(super) fn message(session: &Rc<Session>, message: &Incoming, _: &str) -> Outcome {
    let post = match post(session, message) {
        Ok(post) => post,
        Err(error) => return Outcome::Bad(error),
    };
    let (session, request) = (Rc::clone(session), message.request.clone());
    tokio::task::spawn_local(async move {
        let chat = session.server().chat.clone();
        match chat.post(post).await {
            Ok(_) => session.acknowledge(request.as_deref()),
            Err(error) => session.chat_failed(&error, request.as_deref()),
        }
    });
    Outcome::Answered
}

fn post(session: &Session, message: &Incoming) -> Result<Post, WireError> {
    let payload = payload(session, message)?;
    let text = payload.get("text").and_then(Value::as_str);
    let text = text.ok_or_else(|| WireError::field("payload.text", "a string"))?;
    let highlighted = match payload.get("highlighted") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(highlighted)) => *highlighted,
        Some(_) => return Err(WireError::field("payload.highlighted", "a boolean")),
    };
    let client_msg_id = match payload.get("clientMsgId") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) if id.chars().count() <= LONGEST_CLIENT_ID => Some(id.clone()),
        Some(_) => {
            let must = "a string of at most 64 characters";
            return Err(WireError::field("payload.clientMsgId", must));
        }
    };
    let name = match payload.get("user") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Object(user)) => user.get("name").and_then(Value::as_str),
        Some(_) => return Err(WireError::field("payload.user", "a name or an object")),
    };
    let name = name.map(|name| named(name, "payload.user")).transpose()?;
    if let (Some(name), Some(seat)) = (&name, &*session.seat.borrow())
        && session.server().guard.is_open()
    {
        seat.set(None, Some(Arc::clone(name)));
    }
    Ok(Post {
        from: session.sender(name),
        text: text.to_owned(),
        highlighted,
        client_msg_id,
    })
}

fn named(name: &str, field: &str) -> Result<Arc<str>, WireError> {
    let checked = crate::chat::name(name);
    checked.map_err(|_| WireError::field(field, "1 to 40 characters"))
}

pub(super) fn presence(session: &Rc<Session>, message: &Incoming, _: &str) -> Outcome {
    match set_presence(session, message) {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Bad(error),
    }
}

fn set_presence(session: &Session, message: &Incoming) -> Result<(), WireError> {
    let payload = payload(session, message)?;
    let status = match payload.get("status").and_then(Value::as_str) {
        Some("online") => Some(Status::Online),
        Some("away") => Some(Status::Away),
        None if payload.get("status").is_none() && payload.contains_key("name") => None,
        _ => return Err(WireError::field("payload.status", "online or away")),
    };
    let name = match payload.get("name") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(named(name, "payload.name")?),
        Some(_) => return Err(WireError::field("payload.name", "a string")),
    };
    if let Some(seat) = &*session.seat.borrow() {
        // A name that a token proves is not changed.
        seat.set(status, name.filter(|_| session.server().guard.is_open()));
    }
    Ok(())
}

pub(super) fn moderation(session: &Rc<Session>, message: &Incoming, _: &str) -> Outcome {
    let wish = match wish(session, message) {
        Ok(wish) => wish,
        Err(error) => return Outcome::Bad(error),
    };
    let (session, request) = (Rc::clone(session), message.request.clone());
    tokio::task::spawn_local(async move {
        let chat = session.server().chat.clone();
        match chat.moderate(wish).await {
            Ok(_) => session.acknowledge(request.as_deref()),
            Err(error) => session.chat_failed(&error, request.as_deref()),
        }
    });
    Outcome::Answered
}

fn wish(session: &Session, message: &Incoming) -> Result<Wish, WireError> {
    let payload = payload(session, message)?;
    let by = session.sender(None).user.name;
    Wish::from_json(payload, by).map_err(|error| WireError {
        field: error.field.map(|field| format!("payload.{field}")),
        ..WireError::new(error.code, error.message)
    })
}
