//! What waits for one client, in lanes (spec 3.8): each has its bound, and its own way of being full.

use std::collections::VecDeque;
use std::mem;

use super::{Channel, Message, Publication};

/// Where a message waits. Lanes are emptied in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Welcome, errors, pongs, acks, snapshots: for this client alone.
    Control,
    /// One slot, latest wins, with the union of the changes.
    State,
    /// A queue of deltas: when full, they give way to one snapshot.
    Layers,
    /// The same channel's whole state: what waits of it is older, and goes.
    LayersWhole,
    /// A queue: when full, the oldest goes.
    Chat,
    /// The same channel's whole state.
    ChatWhole,
    /// One slot each, latest wins: what a preview client will get, how the stream is, what is wrong with it.
    Config,
    PreviewState,
    StreamError,
    /// One slot, latest wins.
    Metrics,
    /// One slot, latest wins.
    Performance,
    /// One slot, latest wins.
    Frame,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Messages in the control lane.
    pub control: usize,
    /// Messages in each queue.
    pub queue: usize,
    /// Bytes in each queue.
    pub queue_bytes: usize,
}

impl Bounds {
    /// The bounds of the specification, with `WS_SEND_QUEUE` messages a queue.
    pub const fn new(queue: usize) -> Self {
        Self {
            control: 64,
            queue,
            queue_bytes: 1024 * 1024,
        }
    }
}

/// What became of a message that was put into its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits.
    Kept,
    /// It waits, and this many older ones of its lane no longer do.
    Dropped(usize),
    /// The control lane is full: the client is to be closed.
    Overflow,
    /// The layers lane was full and is empty now: the client needs a snapshot of the layers.
    NeedsSnapshot(usize),
}

/// The lanes of one client. Empty ones cost no memory of their own.
#[derive(Debug, Default)]
pub struct Lanes {
    control: VecDeque<Message>,
    state: Option<Slot>,
    layers: Queue,
    chat: Queue,
    slots: [Option<Message>; 6],
}

/// The state slot: the newest message, and what changed in those it replaced.
#[derive(Debug)]
struct Slot {
    message: Message,
    missed: u64,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Message>,
    bytes: usize,
}

impl Lanes {
    /// Puts a message for this client alone into the control lane.
    pub fn push_control(&mut self, message: Message, bounds: &Bounds) -> Pushed {
        if self.control.len() >= bounds.control {
            return Pushed::Overflow;
        }
        self.control.push_back(message);
        Pushed::Kept
    }

    /// Puts a publication into its lane.
    pub fn push(&mut self, publication: &Publication, bounds: &Bounds) -> Pushed {
        let message = publication.message.clone();
        match publication.lane {
            Lane::Control => self.push_control(message, bounds),
            Lane::State => {
                let missed = self
                    .state
                    .take()
                    .map(|old| old.missed | old.message.changes());
                self.state = Some(Slot {
                    message,
                    missed: missed.unwrap_or_default(),
                });
                missed.map_or(Pushed::Kept, |_| Pushed::Dropped(1))
            }
            Lane::Layers => {
                if self.layers.has_room(&message, bounds) {
                    self.layers.push(message);
                    return Pushed::Kept;
                }
                Pushed::NeedsSnapshot(self.layers.clear() + 1)
            }
            Lane::LayersWhole => {
                self.layers.clear();
                self.layers.push(message);
                Pushed::Kept
            }
            Lane::ChatWhole => {
                self.chat.clear();
                self.chat.push(message);
                Pushed::Kept
            }
            Lane::Chat => {
                let mut dropped = 0;
                while !self.chat.has_room(&message, bounds) && self.chat.pop().is_some() {
                    dropped += 1;
                }
                self.chat.push(message);
                match dropped {
                    0 => Pushed::Kept,
                    some => Pushed::Dropped(some),
                }
            }
            Lane::Config => self.put(0, message),
            Lane::PreviewState => self.put(1, message),
            Lane::StreamError => self.put(2, message),
            Lane::Metrics => self.put(3, message),
            Lane::Performance => self.put(4, message),
            Lane::Frame => self.put(5, message),
        }
    }

    /// The next message to send. The state message tells of all that was replaced by it.
    pub fn pop(&mut self) -> Option<Message> {
        if let Some(message) = self.control.pop_front() {
            release(&mut self.control);
            return Some(message);
        }
        if let Some(slot) = self.state.take() {
            return Some(slot.message.with_changes(slot.missed));
        }
        self.layers
            .pop()
            .or_else(|| self.chat.pop())
            .or_else(|| self.slots.iter_mut().find_map(Option::take))
    }

    /// Forgets what waits for a channel: a snapshot of it comes instead, or the client left it.
    pub fn clear(&mut self, channel: Channel) {
        match channel {
            Channel::State => {
                self.state = None;
                self.empty(&[2, 3]);
            }
            Channel::Preview => self.empty(&[0, 1, 4, 5]),
            Channel::Layers => drop(self.layers.clear()),
            Channel::Chat => drop(self.chat.clear()),
        }
    }

    /// Forgets everything: the socket is about to be closed.
    pub fn clear_all(&mut self) {
        *self = Self::default();
    }

    /// Messages and bytes that wait.
    pub fn size(&self) -> (usize, usize) {
        let slots = self
            .slots
            .iter()
            .flatten()
            .chain(self.state.as_ref().map(|slot| &slot.message));
        let waiting = self.control.iter().chain(slots);
        let (count, bytes) = waiting.fold((0, 0), |(count, bytes), message| {
            (count + 1, bytes + message.bytes().len())
        });
        let queues = [&self.layers, &self.chat];
        (
            count
                + queues
                    .map(|queue| queue.messages.len())
                    .iter()
                    .sum::<usize>(),
            bytes + queues.map(|queue| queue.bytes).iter().sum::<usize>(),
        )
    }

    pub fn is_empty(&self) -> bool {
        self.control.is_empty()
            && self.state.is_none()
            && self.layers.messages.is_empty()
            && self.chat.messages.is_empty()
            && self.slots.iter().all(Option::is_none)
    }

    fn empty(&mut self, slots: &[usize]) {
        for slot in slots {
            if let Some(slot) = self.slots.get_mut(*slot) {
                *slot = None;
            }
        }
    }

    fn put(&mut self, slot: usize, message: Message) -> Pushed {
        match self
            .slots
            .get_mut(slot)
            .and_then(|slot| slot.replace(message))
        {
            Some(_) => Pushed::Dropped(1),
            None => Pushed::Kept,
        }
    }
}

impl Queue {
    fn has_room(&self, message: &Message, bounds: &Bounds) -> bool {
        self.messages.len() < bounds.queue
            && self.bytes + message.bytes().len() <= bounds.queue_bytes
    }

    fn push(&mut self, message: Message) {
        self.bytes += message.bytes().len();
        self.messages.push_back(message);
    }

    fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.bytes().len();
        release(&mut self.messages);
        Some(message)
    }

    fn clear(&mut self) -> usize {
        mem::take(self).messages.len()
    }
}

/// An idle client keeps no buffer.
fn release(queue: &mut VecDeque<Message>) {
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
}
