//! What a session sends for its client alone, and how it ends.

use std::rc::Rc;
use std::time::Instant;

use super::phase::ABNORMAL;
use super::{Phase, Session};
use crate::hub::{Channel, Channels, Client, Flushed, Message, Pushed};
use crate::ws::close::Close;
use crate::ws::recovery::Since;
use crate::ws::wire;

impl Session {
    /// Welcome, then the first state of each channel, then updates.
    pub(super) fn open(self: &Rc<Self>, targets: Channels, since: Option<&Since>) {
        let settings = &self.server().settings;
        let heartbeat = (settings.ping_interval, settings.timeout);
        let welcome = {
            let retained = self.shard.retained();
            let view = self.server().chat.view();
            let recovered = since.map(|since| since.is_covered(targets, &retained, &view));
            wire::welcome(&self.id, targets, &retained, heartbeat, recovered)
        };
        self.send(welcome);
        self.missed
            .replace(since.and_then(|since| since.message.clone()));
        self.subscribe(targets);
        self.missed.replace(None);
        self.shard.join(Rc::clone(self) as Rc<dyn Client>);
        if self.counts() {
            self.note_connected(targets);
        }
    }

    /// Adds channels, and sends the state of each that was asked for.
    pub(super) fn subscribe(self: &Rc<Self>, wanted: Channels) {
        let new = wanted.without(self.targets.get());
        let client = Rc::clone(self) as Rc<dyn Client>;
        self.shard.subscribe(&client, new);
        self.targets.set(self.targets.get().union(wanted));
        self.seat(self.targets.get());
        self.view(self.targets.get());
        self.send_snapshots(wanted);
    }

    /// Leaves channels; what waits for them goes.
    pub(super) fn unsubscribe(self: &Rc<Self>, unwanted: Channels) {
        let kept = self.targets.get().without(unwanted);
        let leaving = self.targets.get().without(kept);
        let client = Rc::clone(self) as Rc<dyn Client>;
        self.shard.unsubscribe(&client, leaving);
        self.targets.set(kept);
        self.seat(kept);
        self.view(kept);
        for channel in leaving.iter() {
            self.outbox.borrow_mut().clear(channel);
        }
    }

    /// Sends the whole state of each channel: at subscription, on request, or when too much was missed. What waits for
    /// the channel is older, and goes.
    pub(super) fn send_snapshots(self: &Rc<Self>, channels: Channels) {
        for channel in channels.iter() {
            self.outbox.borrow_mut().clear(channel);
            match channel {
                Channel::State => {
                    let message = wire::initial_state(&self.shard.retained(), &self.id);
                    self.send(message);
                }
                Channel::Layers => {
                    let (message, version) = {
                        let retained = self.shard.retained();
                        (wire::layer_state(&retained), retained.version)
                    };
                    self.knows(channel, version);
                    self.send(message);
                }
                Channel::Chat => {
                    let view = self.server().chat.view();
                    self.knows(channel, view.sequence);
                    for message in wire::chat_history(&view, self.missed.borrow().as_deref()) {
                        self.send(message);
                    }
                }
                Channel::Preview => self.send_preview(),
            }
        }
    }

    /// What a snapshot of the channel has is not to be told again.
    fn knows(&self, channel: Channel, version: u64) {
        if let Some(known) = self.known.get(channel as usize) {
            known.set(version);
        }
    }

    /// Queues a message for this client alone. Its task writes it.
    pub(super) fn send(&self, message: Message) {
        let bounds = &self.server().settings.bounds;
        let mut pushed = self.outbox.borrow_mut().push(message.clone(), bounds);
        if pushed == Pushed::Overflow {
            // Many answers to what came in one piece are no sign of a slow client: only what the socket doesn't take is.
            self.flush();
            pushed = self.outbox.borrow_mut().push(message, bounds);
        }
        if pushed == Pushed::Overflow {
            self.close(Close::SLOW);
        }
        self.wake();
    }

    /// Begins to end the socket: what waits is dropped, the close frame goes out, the client's answer is awaited.
    pub(super) fn close(&self, close: Close) {
        if self.phase.get() != Phase::Open {
            return;
        }
        let code = close.code;
        let since = Instant::now();
        self.phase.set(Phase::Closing { since, code });
        let frame = Message::close(Some(code), close.reason);
        self.outbox.borrow_mut().close(frame);
        self.wake();
    }

    /// Drops the connection without another word.
    pub(super) fn drop_connection(&self, code: u16) {
        if !matches!(self.phase.get(), Phase::Gone { .. }) {
            self.phase.set(Phase::Gone { code });
            self.wake();
        }
    }

    /// Writes what the socket takes.
    pub(super) fn flush(&self) -> Flushed {
        let flushed = self.outbox.borrow_mut().flush(self);
        flushed.unwrap_or_else(|_| {
            self.drop_connection(ABNORMAL);
            Flushed::All
        })
    }

    /// Has the task look again.
    pub(super) fn wake(&self) {
        if !self.busy.get()
            && let Some(waker) = self.waker.borrow().as_ref()
        {
            waker.wake_by_ref();
        }
    }

    fn note_connected(&self, targets: Channels) {
        let connections = &self.server().metrics.ws.connections;
        let quality = super::preview::label(self.viewer.borrow().as_deref());
        connections.with_label_values(&[quality]).inc();
        let channels: Vec<_> = targets.iter().map(Channel::name).collect();
        tracing::info!(
            r#type = "websocket",
            event = "connected",
            clientId = self.id,
            ip = %self.address,
            user = &*self.identity.name,
            channel = channels.join(","),
            clients = self.server().hub.totals().clients,
            "client connected"
        );
    }
}
