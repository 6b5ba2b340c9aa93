//! What everybody else holds of chat.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::log::Log;
use super::model::{ChatError, ChatMessage, Moderation, Post, Present, Sender, Status, View, Wish};
use super::owner::{Owner, Request};
use crate::config::PersistMode;

/// Wishes that may wait; more wait outside.
const QUEUE: usize = 1024;

/// Told of everything that happened, in order, on chat's task. Must not block.
pub type OnNotice = Box<dyn FnMut(&Notice) + Send>;

/// Something for those who are there.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Larger than that of what was told before; [`View::sequence`] has those that are in it.
    pub sequence: u64,
    pub told: Told,
}

/// What it is.
#[derive(Debug, Clone)]
pub enum Told {
    Message(Arc<ChatMessage>),
    Moderation(Arc<Moderation>),
    /// `join`, `leave`, `away`, `back`; how many are there now.
    Presence(&'static str, Present, usize),
    /// Many came and went: who is there now.
    Everyone(Arc<Vec<Present>>, usize),
    /// Something was missed that can't be told any more: this is what there is.
    Replaced(Arc<View>),
}

/// How chat is to behave.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// `STATE_PERSIST_MODE`.
    pub persist_mode: PersistMode,
    /// Between two words to other instances on who is here.
    pub roll_every: Duration,
}

/// A handle to chat. Cloning it is cheap; its task ends with the last one.
#[derive(Debug, Clone)]
pub struct Chat {
    requests: mpsc::Sender<Request>,
    /// Not bounded: comings and goings must not wait, and are bounded by the sockets there may be.
    presence: mpsc::UnboundedSender<Request>,
    views: watch::Receiver<Arc<View>>,
}

impl Chat {
    /// Loads what there is and starts the task. A log that does not answer is asked again while chat goes on without it.
    pub async fn start(options: Options, log: Log, on_notice: OnNotice) -> Self {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let (presence, comings) = mpsc::unbounded_channel();
        let (views, view) = watch::channel(Arc::default());
        let owner = Owner::start(options, log, on_notice, views).await;
        tokio::spawn(owner.run(receiver, comings));
        Self {
            requests,
            presence,
            views: view,
        }
    }

    /// Chat as it is now.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.views.borrow())
    }

    /// Sends a message.
    ///
    /// # Errors
    /// It is not fine, its sender may not write now, or it can't be stored (`strict`).
    pub async fn post(&self, post: Post) -> Result<Arc<ChatMessage>, ChatError> {
        self.ask(|answer| Request::Post { post, answer }).await
    }

    /// Carries out a moderator's wish.
    ///
    /// # Errors
    /// It is not possible, or can't be stored (`strict`).
    pub async fn moderate(&self, wish: Wish) -> Result<Arc<Moderation>, ChatError> {
        self.ask(|answer| Request::Moderate { wish, answer }).await
    }

    /// A socket of that user is there, until the guard is dropped.
    pub fn join(&self, sender: Sender) -> Seat {
        let id = Arc::clone(&sender.user.id);
        // An error means that the process is ending.
        let _ = self.presence.send(Request::Join { sender });
        Seat {
            id,
            presence: self.presence.clone(),
        }
    }

    /// Ends the task, after what has to be stored is.
    pub async fn shutdown(&self) {
        let (done, receiver) = oneshot::channel();
        if self.requests.send(Request::Shutdown { done }).await.is_ok() {
            let _ = receiver.await;
        }
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, ChatError>>) -> Request,
    ) -> Result<T, ChatError> {
        let (answer, receiver) = oneshot::channel();
        let ending =
            || ChatError::new("SERVICE_UNAVAILABLE", "the stream manager is shutting down");
        let sent = self.requests.send(request(answer)).await;
        sent.map_err(|_| ending())?;
        receiver.await.unwrap_or_else(|_| Err(ending()))
    }
}

/// A place in chat.
#[derive(Debug)]
pub struct Seat {
    id: Arc<str>,
    presence: mpsc::UnboundedSender<Request>,
}

impl Seat {
    /// Says how the user is, and what he is called.
    pub fn set(&self, status: Option<Status>, name: Option<Arc<str>>) {
        let id = Arc::clone(&self.id);
        let _ = self.presence.send(Request::Set { id, status, name });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let id = Arc::clone(&self.id);
        let _ = self.presence.send(Request::Leave { id });
    }
}
