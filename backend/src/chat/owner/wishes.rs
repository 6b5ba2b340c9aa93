//! What somebody wants: checked, given an id, and handed to the log.

use std::sync::Arc;
use std::time::Instant;

use super::Owner;
use crate::chat::model::{ChatError, ChatMessage, Event, Moderation, Post, User, Wish};
use crate::chat::state::{self, Mute};
use crate::clock::now_ms;

impl Owner {
    pub(super) async fn post(&mut self, post: Post) -> Result<Arc<ChatMessage>, ChatError> {
        let text = state::text(&post.text)?;
        let from = &post.from;
        let now = now_ms();
        let address = from.anonymous.then_some(from.address);
        match self.state.muted(&from.user.id, address, now) {
            Some(Mute::Forever) => {
                return Err(ChatError::new("FORBIDDEN", "You are banned from chat"));
            }
            Some(Mute::For(left)) => {
                let message = format!("You may write again in {} s", left.as_secs() + 1);
                return Err(ChatError::new("FORBIDDEN", message));
            }
            None => {}
        }
        self.limits
            .take(from, self.state.slow_mode(), Instant::now())?;
        if from.anonymous {
            self.addresses.writes_from(&from.user.id, from.address);
        }
        // He goes by the name that others see him by.
        let name = self.presence.name(&from.user.id).filter(|_| from.anonymous);
        let message = Arc::new(ChatMessage {
            id: self.next_id(now),
            user: User {
                name: name.unwrap_or_else(|| Arc::clone(&from.user.name)),
                ..from.user.clone()
            },
            text,
            highlighted: post.highlighted,
            timestamp: now,
            client_msg_id: post.client_msg_id,
        });
        self.happened(Event::Message(Arc::clone(&message))).await?;
        Ok(message)
    }

    pub(super) async fn moderate(&mut self, wish: Wish) -> Result<Arc<Moderation>, ChatError> {
        self.state.check(&wish)?;
        let now = now_ms();
        let moderation = Arc::new(Moderation {
            action: wish.action,
            message_id: wish.message_id.map(Into::into),
            user_id: wish.user_id.map(Into::into),
            duration_seconds: wish.duration_seconds,
            by: wish.by,
            reason: wish.reason,
            timestamp: now,
            id: self.next_id(now),
        });
        self.happened(Event::Moderation(Arc::clone(&moderation)))
            .await?;
        Ok(moderation)
    }

    /// Ids sort by time, and no two instances make the same.
    pub(super) fn next_id(&mut self, now: u64) -> Arc<str> {
        self.last_id = now.max(self.last_id + 1);
        format!("{:011x}{}", self.last_id, self.instance).into()
    }
}
