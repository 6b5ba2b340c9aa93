//! Chat's rules and limits, and its file.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use super::addresses::AddressMute;
use super::limits::Limits;
use super::model::Event;
use super::state::{self, State};
use super::*;
use crate::auth::Role;
use crate::config::{Config, PersistMode};

fn sender(id: &str, address: [u8; 4]) -> Sender {
    Sender {
        user: User {
            id: id.into(),
            name: id.into(),
            role: "viewer".into(),
        },
        role: Role::Viewer,
        address: address.into(),
        anonymous: true,
    }
}

fn wish(fields: &serde_json::Value) -> Result<Wish, ChatError> {
    Wish::from_json(fields.as_object().unwrap(), "mod".into())
}

#[test]
fn texts_and_names() {
    assert_eq!(state::text("  hi ").unwrap(), "hi");
    assert_eq!(
        state::text(" ").unwrap_err().message,
        "Message text is required"
    );
    assert!(state::text(&"é".repeat(500)).is_ok());
    let long = state::text(&"é".repeat(501)).unwrap_err();
    assert_eq!(long.message, "Message text is too long");
    assert_eq!(&*state::name(" Ada ").unwrap(), "Ada");
    for bad in ["", " ", "a\u{7}b", &"x".repeat(41)] {
        assert!(state::name(bad).is_err(), "{bad}");
    }
}

#[test]
fn five_messages_in_ten_seconds() {
    let (mut limits, start) = (Limits::default(), Instant::now());
    let mut take = |id: &str, address: u8, slow: u64, after: u64| {
        let now = start + Duration::from_secs(after);
        let from = sender(id, [10, 0, 0, address]);
        limits.take(&from, Duration::from_secs(slow), now).is_ok()
    };
    for _ in 0..5 {
        assert!(take("a", 1, 0, 0));
    }
    assert!(!take("a", 1, 0, 9));
    // Another name from the same address is the same writer where nobody proves who he is.
    assert!(!take("b", 1, 0, 9));
    assert!(take("c", 2, 0, 9));
    assert!(take("a", 1, 0, 11));
    // Slow mode is each user's own.
    assert!(!take("c", 2, 30, 12));
    assert!(take("d", 2, 30, 12));
    assert!(take("c", 2, 30, 40));
}

#[test]
fn wishes_are_checked() {
    let state = State::default();
    for (fields, code) in [
        (json!({"action": "explode"}), "VALIDATION_ERROR"),
        (json!({"action": "delete"}), "VALIDATION_ERROR"),
        (json!({"action": "delete", "messageId": "m"}), "NOT_FOUND"),
        (json!({"action": "pin", "messageId": "m"}), "NOT_FOUND"),
        (json!({"action": "ban"}), "VALIDATION_ERROR"),
        (
            json!({"action": "timeout", "userId": "u"}),
            "VALIDATION_ERROR",
        ),
        (
            json!({"action": "timeout", "userId": "u", "durationSeconds": 0}),
            "VALIDATION_ERROR",
        ),
        (
            json!({"action": "timeout", "userId": "u", "durationSeconds": -1}),
            "VALIDATION_ERROR",
        ),
        (
            json!({"action": "slowMode", "durationSeconds": 3601}),
            "VALIDATION_ERROR",
        ),
        (
            json!({"action": "clear", "reason": "x".repeat(201)}),
            "VALIDATION_ERROR",
        ),
    ] {
        let refused = wish(&fields)
            .and_then(|wish| state.check(&wish))
            .unwrap_err();
        assert_eq!(refused.code, code, "{fields}");
    }
    for fine in [
        json!({"action": "timeout", "userId": "u", "durationSeconds": 60}),
        json!({"action": "slowMode", "durationSeconds": 0}),
        json!({"action": "pin"}),
        json!({"action": "clear", "reason": "spam"}),
    ] {
        assert_eq!(state.check(&wish(&fine).unwrap()), Ok(()), "{fine}");
    }
}

/// Chat over a file in this folder, and what it tells.
async fn over(folder: &std::path::Path) -> (Chat, Arc<Mutex<Vec<Notice>>>) {
    let path = folder.join("state.json").display().to_string();
    let (config, _) = Config::from_vars([("STORE_PATH".to_owned(), path)].into_iter()).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let options = Options {
        persist_mode: PersistMode::Degrade,
        roll_every: Duration::from_secs(10),
    };
    let on_notice = Box::new(move |notice: &Notice| telling.lock().unwrap().push(notice.clone()));
    let log = Log::open(&config.store).unwrap();
    (Chat::start(options, log, on_notice).await, told)
}

fn post(from: &Sender, text: &str) -> Post {
    Post {
        from: from.clone(),
        text: text.to_owned(),
        highlighted: false,
        client_msg_id: None,
    }
}

#[tokio::test]
async fn messages_and_mutes_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let (ada, bob) = (sender("ada", [10, 0, 0, 1]), sender("bob", [10, 0, 0, 2]));
    let (chat, told) = over(folder.path()).await;
    let first = chat.post(post(&ada, "one")).await.unwrap();
    let second = chat.post(post(&bob, "two")).await.unwrap();
    assert!(first.id < second.id);
    let ban = json!({"action": "ban", "userId": "bob"});
    chat.moderate(wish(&ban).unwrap()).await.unwrap();
    let pin = json!({"action": "pin", "messageId": *first.id});
    chat.moderate(wish(&pin).unwrap()).await.unwrap();
    let refused = chat.post(post(&bob, "three")).await.unwrap_err();
    assert_eq!(refused.code, "FORBIDDEN");
    // Another socket from the same place is the same person, as far as anyone knows.
    let again = chat.post(post(&sender("eve", [10, 0, 0, 2]), "four")).await;
    assert_eq!(again.unwrap_err().code, "FORBIDDEN");
    let sequences: Vec<_> = told
        .lock()
        .unwrap()
        .iter()
        .map(|told| told.sequence)
        .collect();
    assert!(
        sequences.is_sorted_by(|one, next| one < next),
        "{sequences:?}"
    );
    chat.shutdown().await;

    let (chat, _) = over(folder.path()).await;
    let view = chat.view();
    let texts: Vec<_> = view.messages.iter().map(|message| &*message.text).collect();
    assert_eq!(texts, ["one", "two"]);
    assert_eq!(view.pinned.as_deref(), Some(&*first.id));
    assert_eq!(
        chat.post(post(&bob, "five")).await.unwrap_err().code,
        "FORBIDDEN"
    );
    let unban = json!({"action": "unban", "userId": "bob"});
    chat.moderate(wish(&unban).unwrap()).await.unwrap();
    chat.post(post(&bob, "six")).await.unwrap();
    chat.moderate(wish(&json!({"action": "clear"})).unwrap())
        .await
        .unwrap();
    assert!(chat.view().messages.is_empty() && chat.view().pinned.is_none());
    chat.shutdown().await;
}

#[tokio::test]
async fn a_user_of_two_sockets_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let (chat, told) = over(folder.path()).await;
    let ada = sender("ada", [10, 0, 0, 1]);
    let (one, other) = (chat.join(ada.clone()), chat.join(ada));
    one.set(Some(Status::Away), None);
    other.set(None, Some("Countess".into()));
    drop(one);
    drop(other);
    while chat.view().count > 0 || told.lock().unwrap().len() < 4 {
        tokio::task::yield_now().await;
    }
    let told = told.lock().unwrap();
    let events = told.iter().map(|notice| match &notice.told {
        Told::Presence(event, user, count) => format!("{event} {} {count}", user.name),
        other => format!("{other:?}"),
    });
    let events: Vec<_> = events.collect();
    assert_eq!(
        events,
        [
            "join ada 1",
            "away ada 1",
            "join Countess 1",
            "leave Countess 0"
        ]
    );
}

#[test]
fn the_oldest_go_first() {
    let mut state = State::default();
    for number in 0..state::KEPT + 5 {
        state.apply(&Event::Message(Arc::new(ChatMessage {
            id: number.to_string().into(),
            user: sender("a", [10, 0, 0, 1]).user,
            text: number.to_string(),
            highlighted: false,
            timestamp: 0,
            client_msg_id: None,
        })));
    }
    assert_eq!(state.messages.len(), state::KEPT);
    assert_eq!(state.messages.front().unwrap().text, "5");
}

#[test]
fn a_mute_by_address_ends_with_its_own_user_only() {
    let address = [198, 51, 100, 9].into();
    let mute = |user: &str, lifted| AddressMute {
        address,
        user: user.into(),
        until: 0,
        lifted,
    };
    let mut state = State::default();
    let muted = |state: &State| state.muted("new", Some(address), 1).is_some();
    state.mute_address(mute("a", false), 1);
    assert!(muted(&state) && state.muted("new", None, 1).is_none());
    state.mute_address(mute("b", true), 1);
    assert!(muted(&state), "of another user");
    state.mute_address(mute("a", true), 1);
    assert!(!muted(&state));
}
