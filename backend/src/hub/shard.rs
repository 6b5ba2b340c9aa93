//! One thread's clients, and the loop that serves them what is published.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval};

use super::handle::Counts;
use super::inbox::{Inbox, Work};
use super::{Channel, Channels, Message, Publication};

/// Clients served before the other tasks of the thread get a turn.
const TURN: usize = 64;
/// Clients that are sent away at once.
const WAVE: usize = 50;

/// A connected client as the shard sees it. None of these may wait.
pub trait Client {
    /// Takes what was published on a channel it subscribes to.
    fn offer(&self, publication: &Publication);

    /// Looks at its clocks: heartbeat, blocked writes, closing.
    fn sweep(&self, now: Instant);

    /// The server goes down.
    fn leave(&self, farewell: &Farewell);

    /// Messages and bytes that wait for it.
    fn waiting(&self) -> (usize, usize);
}

/// What clients are told when the server goes down.
#[derive(Clone, Debug)]
pub struct Farewell {
    pub message: Message,
    pub close: Message,
}

/// What a shard's thread has for its clients to share.
pub trait Local {
    /// Everything that was published is with the clients; there may be a pause now.
    fn settled(&self);
}

type Members = Rc<Vec<Rc<dyn Client>>>;

/// One thread's part of the hub.
pub struct Shard<S, L> {
    local: L,
    /// Who is here, and by channel who subscribes. A list is copied when it changes while being walked.
    all: RefCell<Members>,
    channels: [RefCell<Members>; Channel::ALL.len()],
    retained: RefCell<S>,
    counts: Arc<Counts>,
    farewell: RefCell<Option<Farewell>>,
    stopped: Cell<bool>,
}

impl<S, L: Local> Shard<S, L> {
    pub(super) fn new(local: L, retained: S, counts: Arc<Counts>) -> Rc<Self> {
        Rc::new(Self {
            local,
            all: RefCell::default(),
            channels: Default::default(),
            retained: RefCell::new(retained),
            counts,
            farewell: RefCell::new(None),
            stopped: Cell::new(false),
        })
    }

    /// What the thread has for its clients.
    pub fn local(&self) -> &L {
        &self.local
    }

    /// The newest state that this shard has published: the base of every snapshot, so that no later update is older.
    pub fn retained(&self) -> Ref<'_, S> {
        self.retained.borrow()
    }

    /// Adds a client. The caller has counted it with [`super::Hub::enter`].
    pub fn join(&self, client: Rc<dyn Client>) {
        if let Some(farewell) = &*self.farewell.borrow() {
            client.leave(farewell);
        }
        Rc::make_mut(&mut self.all.borrow_mut()).push(client);
    }

    /// Subscribes it to channels that it doesn't subscribe to yet.
    pub fn subscribe(&self, client: &Rc<dyn Client>, channels: Channels) {
        for channel in channels.iter() {
            if let Some(members) = self.channels.get(channel as usize) {
                Rc::make_mut(&mut members.borrow_mut()).push(Rc::clone(client));
                self.counts.subscribed(channel, 1);
            }
        }
    }

    /// Takes it off channels that it subscribes to.
    pub fn unsubscribe(&self, client: &Rc<dyn Client>, channels: Channels) {
        for channel in channels.iter() {
            if let Some(members) = self.channels.get(channel as usize)
                && remove(members, client)
            {
                self.counts.subscribed(channel, -1);
            }
        }
    }

    /// Removes a client that is gone.
    pub fn part(&self, client: &Rc<dyn Client>, channels: Channels) {
        self.unsubscribe(client, channels);
        remove(&self.all, client);
    }

    /// Runs until the hub stops. `sweep` is the rate at which clients look at their clocks.
    pub(super) async fn run(self: &Rc<Self>, inbox: &Inbox<S, L>, sweep: Duration) {
        let mut ticks = interval(sweep);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut work = Vec::new();
        while !self.stopped.get() {
            tokio::select! {
                biased;
                () = inbox.take(&mut work) => {
                    for item in work.drain(..) {
                        self.act(item).await;
                    }
                    self.local.settled();
                }
                _ = ticks.tick() => self.sweep().await,
            }
        }
        inbox.close();
        // Clients hold the shard; the shard must not hold them for ever.
        self.all.take();
        self.channels
            .iter()
            .for_each(|members| drop(members.take()));
    }

    async fn act(self: &Rc<Self>, work: Work<S, L>) {
        match work {
            Work::Retain(state) => drop(self.retained.replace(state)),
            Work::Publish(publication) => self.publish(&publication).await,
            Work::Run(job) => job(self),
            Work::Stop => self.stopped.set(true),
        }
    }

    async fn publish(&self, publication: &Publication) {
        let Some(members) = self.channels.get(publication.channel as usize) else {
            return;
        };
        let members = Rc::clone(&members.borrow());
        for (number, client) in members.iter().enumerate() {
            if number % TURN == TURN - 1 {
                yield_now().await;
            }
            client.offer(publication);
        }
    }

    async fn sweep(&self) {
        let members = Rc::clone(&self.all.borrow());
        let now = Instant::now();
        let mut waiting = (0, 0);
        for (number, client) in members.iter().enumerate() {
            if number % TURN == TURN - 1 {
                yield_now().await;
            }
            client.sweep(now);
            let (messages, bytes) = client.waiting();
            waiting = (waiting.0 + messages, waiting.1 + bytes);
        }
        self.counts.waiting(waiting.0, waiting.1);
    }
}

impl<S: 'static, L: Local + 'static> Shard<S, L> {
    /// Sends everyone away, and whoever comes still. Many go in waves over this time: who is sent away comes back
    /// elsewhere, and all at once they would be too many there.
    pub(super) fn leave(self: &Rc<Self>, farewell: Farewell, over: Duration) {
        let members = Rc::clone(&self.all.borrow());
        self.farewell.replace(Some(farewell.clone()));
        let waves = u32::try_from(members.len().div_ceil(WAVE)).unwrap_or(u32::MAX);
        let pause = over / waves.max(1);
        let leave = async move {
            for (number, wave) in members.chunks(WAVE).enumerate() {
                if number > 0 {
                    tokio::time::sleep(pause).await;
                }
                for client in wave {
                    client.leave(&farewell);
                }
            }
        };
        tokio::task::spawn_local(leave);
    }
}

fn remove(members: &RefCell<Members>, client: &Rc<dyn Client>) -> bool {
    let mut members = members.borrow_mut();
    let found = members.iter().position(|other| Rc::ptr_eq(other, client));
    if let Some(position) = found {
        Rc::make_mut(&mut members).swap_remove(position);
    }
    found.is_some()
}
