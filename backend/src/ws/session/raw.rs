//! The bare echo of `/debug/echo`: what a client sends comes back as it is, through the same decoder and outbox.

use std::rc::Rc;

use super::Session;
use crate::hub::{Client, Message};

impl Session {
    /// Takes part without a word: no welcome, no channel.
    pub(super) fn open_raw(self: &Rc<Self>) {
        self.shard.join(Rc::clone(self) as Rc<dyn Client>);
    }

    /// Sends a message back. It is written before the next frame is looked at, which may break the protocol.
    pub(super) fn send_back(&self, message: Message) {
        self.send(message);
        self.flush();
    }
}
