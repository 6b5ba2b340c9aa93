//! A listener as the hub sees it.

use std::cell::Cell;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Instant;

use super::body::Queue;
use super::{Arrival, heartbeat, wire};
use crate::chat::{Seat, Sender, User};
use crate::hub::{Channel, Client, Farewell, Message, Presence, Publication, Pushed};
use crate::preview::{Choice, Watching};
use crate::ws::server::{Server, Ticket};
use crate::ws::worker::Shard;

/// See the head of this file.
pub(super) struct Listener {
    this: Weak<Self>,
    shard: Rc<Shard>,
    server: Arc<Server>,
    arrival: Arrival,
    queue: Arc<Queue>,
    known: [Cell<u64>; Channel::ALL.len()],
    ended: Cell<bool>,
    opened: Instant,
    /// While it is here.
    _place: (Ticket, Presence),
    _seat: Option<Seat>,
    _watching: Option<Watching>,
}

impl Listener {
    pub(super) fn new(
        this: &Weak<Self>,
        shard: &Rc<Shard>,
        server: &Arc<Server>,
        arrival: Arrival,
        queue: Arc<Queue>,
        place: (Ticket, Presence),
    ) -> Self {
        let wants = |channel| arrival.targets.contains(channel);
        let choice = Choice::default();
        let seat = wants(Channel::Chat).then(|| server.chat.join(sender(server, &arrival)));
        let watching = wants(Channel::Preview).then(|| server.frames.watch(&arrival.id, choice));
        Self {
            this: Weak::clone(this),
            shard: Rc::clone(shard),
            server: Arc::clone(server),
            arrival,
            queue,
            known: Default::default(),
            ended: Cell::new(false),
            opened: Instant::now(),
            _place: place,
            _seat: seat,
            _watching: watching,
        }
    }

    /// Welcome, then what there is, then what happens.
    pub(super) fn open(self: &Rc<Self>) {
        let targets = self.arrival.targets;
        let snapshot = Arc::clone(&self.shard.retained());
        let view = self.server.chat.view();
        let since = self.arrival.since.as_ref();
        let recovered = since.map(|since| since.is_covered(targets, &snapshot, &view));
        let heartbeat = heartbeat(&self.server);
        // Events say whether anything was missed also to those who come for the first time.
        let recovered = Some(recovered.unwrap_or(false));
        let id = &self.arrival.id;
        self.send(wire::welcome(id, targets, &snapshot, heartbeat, recovered));
        let client = Rc::clone(self) as Rc<dyn Client>;
        self.shard.subscribe(&client, targets);
        for channel in targets.iter() {
            self.snapshot(channel);
        }
        self.shard.join(client);
        let channels: Vec<_> = targets.iter().map(Channel::name).collect();
        tracing::info!(
            r#type = "websocket",
            event = "listening",
            clientId = self.arrival.id,
            ip = %self.arrival.address,
            channel = channels.join(","),
            "client listens to events"
        );
    }

    fn snapshot(&self, channel: Channel) {
        self.queue.clear(channel);
        let snapshot = Arc::clone(&self.shard.retained());
        match channel {
            Channel::State => self.send(wire::initial_state(&snapshot, &self.arrival.id)),
            Channel::Layers => {
                self.knows(channel, snapshot.version);
                self.send(wire::layer_state(&snapshot));
            }
            Channel::Chat => {
                let view = self.server.chat.view();
                self.knows(channel, view.sequence);
                let after = self.arrival.since.as_ref();
                let after = after.and_then(|since| since.message.as_deref());
                for message in wire::chat_history(&view, after) {
                    self.send(message);
                }
            }
            Channel::Preview => {
                let choice = Choice::default();
                let frames = &self.server.frames;
                let (size, fps) = frames.delivered(choice.variant.quality, &snapshot);
                self.send(wire::preview_config(choice, size, fps));
                self.send(wire::preview_state(&snapshot.stream));
            }
        }
    }

    fn knows(&self, channel: Channel, version: u64) {
        if let Some(known) = self.known.get(channel as usize) {
            known.set(version);
        }
    }

    fn send(&self, message: Message) {
        let bounds = &self.server.settings.bounds;
        if self.queue.push_own(message, bounds) == Pushed::Overflow {
            self.queue.cut();
        }
    }

    /// Takes it out of everything.
    fn part(&self) {
        if self.ended.replace(true) {
            return;
        }
        if let Some(this) = self.this.upgrade() {
            let client = this as Rc<dyn Client>;
            self.shard.part(&client, self.arrival.targets);
        }
        tracing::info!(
            r#type = "websocket",
            event = "gone",
            clientId = self.arrival.id,
            ip = %self.arrival.address,
            durationMs = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX),
            "client listens no more"
        );
    }
}

impl Client for Listener {
    fn offer(&self, publication: &Publication) {
        let known = self.known.get(publication.channel as usize);
        let old = known.is_some_and(|known| (1..=known.get()).contains(&publication.version));
        let audience = publication.audience;
        if old || (audience != 0 && audience & Choice::default().audience() == 0) {
            return;
        }
        match self.queue.push(publication, &self.server.settings.bounds) {
            Pushed::Kept => {}
            Pushed::Dropped(count) | Pushed::NeedsSnapshot(count) => {
                let dropped = &self.server.metrics.ws.dropped;
                let counter =
                    dropped.with_label_values(&[publication.message.kind(), "slow_client"]);
                counter.inc_by(count as u64);
                if publication.channel == Channel::Layers {
                    self.snapshot(Channel::Layers);
                }
            }
            Pushed::Overflow => self.queue.cut(),
        }
    }

    fn sweep(&self, now: Instant) {
        if self.arrival.identity.is_over(now) {
            self.queue.end();
            self.part();
        }
        if self.queue.blocked_for() >= self.server.settings.write_timeout {
            self.queue.cut();
            self.part();
        }
        if self.queue.is_gone() {
            self.part();
        }
    }

    fn leave(&self, farewell: &Farewell) {
        self.send(farewell.message.clone());
        self.queue.end();
    }

    fn waiting(&self) -> (usize, usize) {
        self.queue.size()
    }
}

fn sender(server: &Server, arrival: &Arrival) -> Sender {
    let identity = &arrival.identity;
    let anonymous = server.guard.is_open();
    let short: String = arrival.id.chars().take(4).collect();
    let (id, name) = match anonymous {
        true => (arrival.id.as_str().into(), format!("Guest {short}").into()),
        false => (Arc::clone(&identity.id), Arc::clone(&identity.name)),
    };
    Sender {
        user: User {
            id,
            name,
            role: identity.role.as_str().into(),
        },
        role: identity.role,
        address: arrival.address,
        anonymous,
    }
}
