//! Messages of the `chat` channel: what was written, what moderators did, who is there.

use serde_json::{Value, json};

use crate::chat::{Notice, Present, Told, View};
use crate::clock::now_ms;
use crate::hub::{Channel, Lane, Message, Publication};

/// Messages in a history.
const HISTORY: usize = 50;

/// What there is, for one client that has just come: the last messages, or all from the last one that it has if that is
/// more, and who is there. What a client knows of that time and finds here no more was deleted.
pub(in crate::ws) fn chat_history(view: &View, after: Option<&str>) -> [Message; 2] {
    let known = view
        .messages
        .iter()
        .rposition(|message| Some(&*message.id) == after);
    let last = view.messages.len().saturating_sub(HISTORY);
    let first = known.map_or(last, |known| known.min(last));
    let messages = view.messages.get(first..).unwrap_or_default();
    let messages: Vec<_> = messages.iter().map(|message| &**message).collect();
    let history = json!({
        "type": "chatHistory",
        "payload": {
            "messages": messages,
            "pinned": view.pinned.as_deref(),
            "slowModeSeconds": view.slow_mode.as_secs(),
        },
        "timestamp": now_ms(),
    });
    [
        text("chatHistory", &history),
        text("presenceUpdate", &everyone(&view.present, view.count)),
    ]
}

/// What everybody in chat is told.
pub fn chat_notice(notice: &Notice) -> Vec<Publication> {
    let publication = |lane, message| Publication {
        channel: Channel::Chat,
        lane,
        message,
        version: notice.sequence,
        audience: 0,
    };
    let one = |message| vec![publication(Lane::Chat, message)];
    match &notice.told {
        Told::Message(message) => {
            let value = json!({"type": "chatMessage", "payload": **message});
            one(text("chatMessage", &value))
        }
        Told::Moderation(moderation) => {
            let value = json!({"type": "moderationEvent", "payload": **moderation});
            one(text("moderationEvent", &value))
        }
        Told::Presence(event, user, count) => {
            let payload = json!({"event": event, "user": user, "count": count});
            let value =
                json!({"type": "presenceUpdate", "payload": payload, "timestamp": now_ms()});
            one(text("presenceUpdate", &value))
        }
        Told::Everyone(users, count) => one(text("presenceUpdate", &everyone(users, *count))),
        Told::Replaced(view) => {
            let [history, presence] = chat_history(view, None);
            vec![
                publication(Lane::ChatWhole, history),
                publication(Lane::Chat, presence),
            ]
        }
    }
}

fn everyone(users: &[Present], count: usize) -> Value {
    let payload = json!({"event": "snapshot", "users": users, "count": count});
    json!({"type": "presenceUpdate", "payload": payload, "timestamp": now_ms()})
}

fn text(kind: &'static str, value: &Value) -> Message {
    Message::text(kind, value.to_string().as_bytes())
}
