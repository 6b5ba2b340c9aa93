//! What the handle asks the task for.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::chat::model::{ChatError, ChatMessage, Moderation, Post, Sender, Status, Wish};

/// See the head of this file.
#[derive(Debug)]
pub(in crate::chat) enum Request {
    Post {
        post: Post,
        answer: oneshot::Sender<Result<Arc<ChatMessage>, ChatError>>,
    },
    Moderate {
        wish: Wish,
        answer: oneshot::Sender<Result<Arc<Moderation>, ChatError>>,
    },
    Join {
        sender: Sender,
    },
    Leave {
        id: Arc<str>,
    },
    Set {
        id: Arc<str>,
        status: Option<Status>,
        name: Option<Arc<str>>,
    },
    Shutdown {
        done: oneshot::Sender<()>,
    },
}
