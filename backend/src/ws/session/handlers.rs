//! The table of messages that clients may send (spec 3.4): one row and one handler each.

use std::rc::Rc;

use serde_json::Value;

use super::{Session, chat, preview};
use crate::auth::Role;
use crate::hub::{Channel, Channels, Message};
use crate::owner::ApplyError;
use crate::state::{Command, LayerPatch, SceneEdit};
use crate::ws::wire::{self, Incoming, WireError};

/// What a message leads to.
pub(super) enum Outcome {
    /// Carried out; a request with an id gets an `ack`.
    Done,
    /// Whatever is to be said about it is said, or will be.
    Answered,
    /// The message is wrong, which counts against the client.
    Bad(WireError),
}

/// Checks a message's fields and carries it out; the text is the message as it came.
type Handler = fn(&Rc<Session>, &Incoming, &str) -> Outcome;

/// One type of message.
pub(super) struct Row {
    pub(super) kind: &'static str,
    /// The least that one has to be.
    role: Role,
    /// Whether `payload` and `data` have to be objects.
    bodies: bool,
    handle: Handler,
}

/// Every type, in the order of the specification.
const TABLE: &[Row] = &[
    Row::new("ping", Role::Viewer, ping),
    Row::new("pong", Role::Viewer, pong),
    Row::new("hello", Role::Viewer, echo).any_body(),
    Row::new("test", Role::Viewer, echo).any_body(),
    Row::new("echo", Role::Viewer, echo).any_body(),
    Row::new("subscribe", Role::Viewer, subscribe),
    Row::new("unsubscribe", Role::Viewer, unsubscribe),
    Row::new("getState", Role::Viewer, resync),
    Row::new("resync", Role::Viewer, resync),
    Row::new("quality", Role::Viewer, preview::quality),
    Row::new("frameAck", Role::Viewer, preview::frame_ack),
    Row::new("layerUpdate", Role::Operator, layer_update),
    Row::new("control", Role::Operator, control),
    Row::new("chatMessage", Role::Viewer, chat::message),
    Row::new("presence", Role::Viewer, chat::presence),
    Row::new("moderation", Role::Moderator, chat::moderation),
];

impl Row {
    const fn new(kind: &'static str, role: Role, handle: Handler) -> Self {
        Self {
            kind,
            role,
            bodies: true,
            handle,
        }
    }

    /// Any `payload` will do: it is sent back as it is.
    const fn any_body(mut self) -> Self {
        self.bodies = false;
        self
    }
}

pub(super) fn find(kind: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.kind == kind)
}

pub(super) fn run(row: &Row, session: &Rc<Session>, message: &Incoming, text: &str) -> Outcome {
    if row.bodies
        && let Err(error) = message.check_bodies()
    {
        return Outcome::Bad(error);
    }
    if let Err(denied) = session.identity.at_least(row.role) {
        session.fail(&denied.into(), message.request.as_deref());
        return Outcome::Answered;
    }
    (row.handle)(session, message, text)
}

fn ping(session: &Rc<Session>, message: &Incoming, _: &str) -> Outcome {
    let echo = match message.get("timestamp") {
        None | Some(Value::Null) => None,
        Some(number @ Value::Number(_)) => Some(number),
        Some(_) => return Outcome::Bad(WireError::field("timestamp", "a number")),
    };
    session.json_pings.set(true);
    session.send(wire::pong(echo));
    Outcome::Answered
}

fn pong(session: &Rc<Session>, _: &Incoming, _: &str) -> Outcome {
    session.json_pings.set(true);
    Outcome::Answered
}

fn echo(session: &Rc<Session>, message: &Incoming, text: &str) -> Outcome {
    let kind = find(&message.kind).map_or("echo", |row| row.kind);
    session.send(Message::text(kind, text.as_bytes()));
    Outcome::Answered
}

fn subscribe(session: &Rc<Session>, message: &Incoming, _: &str) -> Outcome {
    let targets = match targets(message) {
        Ok(targets) => targets,
        Err(error) => return Outcome::Bad(error),
    };
    match message
        .payload("heartbeat")
        .or_else(|| message.get("heartbeat"))
    {
        Some(Value::Bool(wanted)) => session.json_pings.set(*wanted),
        None | Some(Value::Null) => {}
        Some(_) => return Outcome::Bad(WireError::field("payload.heartbeat", "a boolean")),
    }
    match preview::quality_of_subscription(session, message) {
        Ok(choice) => preview::choose(session, choice),
        Err(error) => return Outcome::Bad(error),
    }
    session.send(wire::subscribed(session.targets.get().union(targets)));
    session.subscribe(targets);
    Outcome::Done
}

fn unsubscribe(session: &Rc<Session>, message: &Incoming, _: &str) -> Outcome {
    match targets(message) {
        Ok(targets) => {
            session.unsubscribe(targets);
            session.send(wire::subscribed(session.targets.get()));
            Outcome::Done
        }
        Err(error) => Outcome::Bad(error),
    }
}

fn resync(session: &Rc<Session>, _: &Incoming, _: &str) -> Outcome {
    session.send_snapshots(session.targets.get());
    Outcome::Done
}

fn control(session: &Rc<Session>, message: &Incoming, _: &str) -> Outcome {
    let command = match message.payload("action").and_then(Value::as_str) {
        Some("start") => Command::Start,
        Some("stop") => Command::Stop,
        Some("pause") => Command::Pause { paused: None },
        Some("resume") => Command::Resume,
        _ => {
            let error = WireError::field("payload.action", "one of start, stop, pause, resume");
            return Outcome::Bad(error);
        }
    };
    carry_out(session, message, command)
}

fn layer_update(session: &Rc<Session>, message: &Incoming, _: &str) -> Outcome {
    let Some(Value::Object(payload)) = message.get("payload") else {
        return Outcome::Bad(WireError::field("payload", "an object"));
    };
    let Some(Value::String(id)) = payload.get("id") else {
        return Outcome::Bad(WireError::field("payload.id", "a layer's id"));
    };
    let expected = match payload.get("expectedVersion") {
        None | Some(Value::Null) => None,
        Some(version) => match version.as_u64() {
            Some(version) => Some(version),
            None => {
                let must = "a version, a whole number";
                return Outcome::Bad(WireError::field("payload.expectedVersion", must));
            }
        },
    };
    let patch = match LayerPatch::from_json(payload, "payload.") {
        Ok(patch) => patch,
        Err(error) => return Outcome::Bad(ApplyError::from(error).into()),
    };
    let edit = SceneEdit::Change {
        id: id.clone(),
        patch: Box::new(patch),
        expected,
    };
    carry_out(session, message, Command::Scene(edit))
}

/// Has the owner carry out a command of somebody who may, and says how it went.
fn carry_out(session: &Rc<Session>, message: &Incoming, command: Command) -> Outcome {
    let request = message.request.clone();
    if let Err(denied) = session.server().guard.control_from(session.address) {
        session.fail(&denied.into(), request.as_deref());
        return Outcome::Answered;
    }
    let session = Rc::clone(session);
    // The session goes on meanwhile. How many of these there can be is bounded by the rate of messages.
    tokio::task::spawn_local(async move {
        let owner = session.server().owner.clone();
        match owner.apply(command).await {
            Ok(applied) => {
                if let Some(request) = request {
                    session.send(wire::ack(&request, applied.snapshot.version));
                }
            }
            Err(error) => session.fail(&error.into(), request.as_deref()),
        }
    });
    Outcome::Answered
}

/// `payload.targets` or, as an old client says it, `payload.topics`. Neither: none, which changes nothing.
fn targets(message: &Incoming) -> Result<Channels, WireError> {
    let named = ["targets", "topics"].map(|name| (name, message.payload(name)));
    let Some((name, list)) = named
        .into_iter()
        .find_map(|(name, list)| Some((name, list?)))
    else {
        return Ok(Channels::default());
    };
    let field = format!("payload.{name}");
    let list = list.as_array();
    let items = list.ok_or_else(|| WireError::field(&field, "a list of strings"))?;
    let channel = |item: &Value| {
        let served = || Channel::ALL.map(Channel::name).join(", ");
        let channel = item.as_str().and_then(Channel::parse);
        channel.ok_or_else(|| WireError::field(&field, &format!("a list of any of {}", served())))
    };
    items.iter().map(channel).collect()
}
