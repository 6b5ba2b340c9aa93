//! Chat's task: wishes one at a time, what other instances tell, and who comes and goes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, timeout};

use super::addresses::Addresses;
use super::handle::{Notice, OnNotice, Options, Told};
use super::limits::Limits;
use super::log::{Heard, Log, Place};
use super::model::{
    ChatError, ChatMessage, Event, Moderation, Post, Present, Sender, Status, User, View, Wish,
};
use super::presence::{Change, Presence};
use super::state::{self, Mute, State};
use crate::config::PersistMode;
use crate::store::random_id;

/// The longest one call to the log may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often what is due is looked at.
const TICK: Duration = Duration::from_millis(250);
/// Comings and goings told one by one in a tick; more are told as a whole.
const TOLD_EACH: usize = 25;
/// Events that wait for the log; older ones are lost to other instances.
const UNSENT: usize = 1_000;
/// Events whose ids are known, to tell each once.
const SEEN: usize = 2_000;

/// What the handle asks for.
#[derive(Debug)]
pub(super) enum Request {
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

pub(super) struct Owner {
    options: Options,
    log: Arc<Log>,
    on_notice: OnNotice,
    views: watch::Sender<Arc<View>>,
    pub(super) state: State,
    limits: Limits,
    presence: Presence,
    addresses: Addresses,
    /// How far the log is applied.
    at: Place,
    /// Events that came before those that go before them.
    early: BTreeMap<u64, Event>,
    /// Since when something is missing, or the log did not answer.
    behind: Option<Instant>,
    unsent: VecDeque<Event>,
    seen: VecDeque<Arc<str>>,
    sequence: u64,
    last_id: u64,
    instance: String,
    dirty: bool,
    /// The log has lost everything.
    unrestored: bool,
    told_this_tick: usize,
    told_all: bool,
    rolled: Instant,
}

/// Unix milliseconds.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

impl Owner {
    pub(super) async fn start(
        options: Options,
        log: Log,
        on_notice: OnNotice,
        views: watch::Sender<Arc<View>>,
    ) -> Self {
        let mut owner = Self {
            options,
            log: Arc::new(log),
            on_notice,
            views,
            state: State::default(),
            limits: Limits::default(),
            presence: Presence::default(),
            addresses: Addresses::default(),
            at: Place {
                epoch: String::new(),
                sequence: 0,
            },
            early: BTreeMap::new(),
            behind: None,
            unsent: VecDeque::new(),
            seen: VecDeque::new(),
            sequence: 0,
            last_id: 0,
            instance: random_id().chars().take(4).collect(),
            dirty: false,
            unrestored: false,
            told_this_tick: 0,
            told_all: false,
            rolled: Instant::now(),
        };
        owner.load().await;
        owner
    }

    pub(super) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut comings: mpsc::UnboundedReceiver<Request>,
    ) {
        let (sender, mut heard) = mpsc::channel(256);
        let log = Arc::clone(&self.log);
        let watching = tokio::spawn(async move { log.watch(sender).await });
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // Who says his name and then writes, writes under that name.
                biased;
                Some(request) = comings.recv() => self.came(request),
                request = requests.recv() => match request {
                    Some(Request::Shutdown { done }) => {
                        self.save().await;
                        watching.abort();
                        let _ = done.send(());
                        return;
                    }
                    Some(request) => self.wish(request).await,
                    None => break,
                },
                Some(news) = heard.recv() => self.heard(news).await,
                _ = ticks.tick() => self.tick().await,
            }
        }
        self.save().await;
        watching.abort();
    }

    async fn wish(&mut self, request: Request) {
        match request {
            Request::Post { post, answer } => {
                // Whoever asked may have left.
                let _ = answer.send(self.post(post).await);
            }
            Request::Moderate { wish, answer } => {
                let _ = answer.send(self.moderate(wish).await);
            }
            other => self.came(other),
        }
    }

    async fn post(&mut self, post: Post) -> Result<Arc<ChatMessage>, ChatError> {
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

    async fn moderate(&mut self, wish: Wish) -> Result<Arc<Moderation>, ChatError> {
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
    fn next_id(&mut self, now: u64) -> Arc<str> {
        self.last_id = now.max(self.last_id + 1);
        format!("{:011x}{}", self.last_id, self.instance).into()
    }

    /// Has the log keep an event, and applies it in its turn.
    async fn happened(&mut self, event: Event) -> Result<(), ChatError> {
        // What could not be sent yet goes first, or others would have another order.
        let appended = match self.unsent.is_empty() {
            true => timeout(PATIENCE, self.log.append(&event)).await,
            false => Ok(Err(crate::store::StoreError("others wait".to_owned()))),
        };
        match appended {
            Ok(Ok(place)) => {
                self.arrived(&place, event);
                // Others' events go before ours: have them told first.
                if !self.early.is_empty() {
                    self.catch_up().await;
                }
                Ok(())
            }
            _ if self.options.persist_mode == PersistMode::Strict => Err(ChatError::new(
                "SERVICE_UNAVAILABLE",
                "the message can't be stored at the moment",
            )),
            failed => {
                if let Ok(Err(error)) = failed {
                    tracing::debug!(%error, "a chat event waits for the store");
                }
                self.unsent.push_back(event.clone());
                if self.unsent.len() > UNSENT {
                    self.unsent.pop_front();
                }
                self.behind.get_or_insert_with(Instant::now);
                self.tell(&event);
                Ok(())
            }
        }
    }

    /// An event has its place; it is told when all before it are.
    fn arrived(&mut self, place: &Place, event: Event) {
        if place.epoch != self.at.epoch {
            let emptied = !self.at.epoch.is_empty();
            if emptied && place.sequence != 1 {
                // Another log: what is there now is looked at as a whole.
                self.behind.get_or_insert_with(Instant::now);
                return;
            }
            self.unrestored |= emptied;
            self.at = Place {
                epoch: place.epoch.clone(),
                sequence: 0,
            };
            self.early.clear();
        }
        if place.sequence <= self.at.sequence {
            return;
        }
        self.early.insert(place.sequence, event);
        while let Some(event) = self.early.remove(&(self.at.sequence + 1)) {
            self.at.sequence += 1;
            self.tell(&event);
        }
        if self.early.is_empty() {
            if self.unsent.is_empty() {
                self.behind = None;
            }
        } else {
            self.behind.get_or_insert_with(Instant::now);
        }
    }

    /// Applies an event and tells of it, if it is new.
    fn tell(&mut self, event: &Event) {
        if self.seen.contains(event.id()) {
            return;
        }
        self.seen.push_back(Arc::clone(event.id()));
        if self.seen.len() > SEEN {
            self.seen.pop_front();
        }
        self.state.apply(event);
        self.dirty = true;
        let told = match event {
            Event::Message(message) => Told::Message(Arc::clone(message)),
            Event::Moderation(moderation) => {
                self.mute_address(moderation);
                Told::Moderation(Arc::clone(moderation))
            }
        };
        self.notice(told);
    }

    fn mute_address(&mut self, moderation: &Moderation) {
        let Some(mute) = self.addresses.mute(moderation) else {
            return;
        };
        if self.log.is_shared() {
            self.addresses.is_to_be_told(mute.clone());
        }
        self.state.mute_address(mute, now_ms());
    }

    /// Tells others of mutes whose addresses are known here.
    async fn tell_mutes(&mut self) {
        while let Some(mute) = self.addresses.untold() {
            match timeout(PATIENCE, self.log.mute_address(&mute)).await {
                Ok(Ok(())) => self.addresses.told(),
                // The next tick tries again.
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    fn came(&mut self, request: Request) {
        let change = match request {
            Request::Join { sender } => {
                let (id, name) = (&sender.user.id, &sender.user.name);
                if sender.anonymous {
                    self.addresses.writes_from(id, sender.address);
                }
                let user = Present {
                    id: Arc::clone(id),
                    name: Arc::clone(name),
                    status: Status::Online,
                };
                self.presence.join(id, name).map(|change| (change, user))
            }
            Request::Leave { id } => self.presence.leave(&id),
            Request::Set { id, status, name } => self.presence.set(&id, status, name),
            Request::Post { .. } | Request::Moderate { .. } | Request::Shutdown { .. } => None,
        };
        let Some((change, user)) = change else {
            return;
        };
        self.told_this_tick += 1;
        if self.told_this_tick > TOLD_EACH {
            // Many at once: everybody hears of all of them together.
            self.told_all = true;
            return;
        }
        let event = match change {
            Change::Join | Change::Name => "join",
            Change::Leave => "leave",
            Change::Away => "away",
            Change::Back => "back",
        };
        let (_, count) = self.presence.all();
        self.notice(Told::Presence(event, user, count));
    }

    async fn heard(&mut self, news: Heard) {
        match news {
            Heard::Event { place, event } => self.arrived(&place, event),
            Heard::Roll { origin, roll } => {
                self.told_all |= self.presence.told(&origin, roll, Instant::now());
            }
            Heard::Mute(mute) => self.state.mute_address(mute, now_ms()),
            Heard::Connected => {
                self.catch_up().await;
                if let Ok(Ok(mutes)) = timeout(PATIENCE, self.log.muted_addresses()).await {
                    let now = now_ms();
                    let mutes = mutes.into_iter();
                    mutes.for_each(|mute| self.state.mute_address(mute, now));
                }
            }
        }
    }

    async fn tick(&mut self) {
        let now = Instant::now();
        self.told_this_tick = 0;
        self.told_all |= self.presence.forget(now);
        if std::mem::take(&mut self.told_all) {
            let (users, count) = self.presence.all();
            self.notice(Told::Everyone(Arc::new(users), count));
        }
        if self.log.is_shared() && now.duration_since(self.rolled) >= self.options.roll_every {
            self.rolled = now;
            // Not waited for longer than others can bear.
            let _ = timeout(PATIENCE, self.log.tell(&self.presence.roll())).await;
        }
        let behind = self.behind;
        let behind = behind.is_some_and(|since| now.duration_since(since) >= TICK);
        if behind || self.unrestored {
            self.catch_up().await;
        }
        self.tell_mutes().await;
        self.save().await;
    }

    /// Brings this instance and the log to the same point: first what others did, then what could not be sent.
    async fn catch_up(&mut self) {
        let missed = match timeout(PATIENCE, self.log.since(&self.at)).await {
            Ok(Ok(missed)) => missed,
            Ok(Err(_)) | Err(_) => {
                self.behind.get_or_insert_with(Instant::now);
                return;
            }
        };
        match missed {
            Some(missed) => {
                for (sequence, event) in missed.events {
                    let epoch = missed.epoch.clone();
                    self.arrived(&Place { epoch, sequence }, event);
                }
            }
            None => self.load().await,
        }
        if self.unrestored {
            match timeout(PATIENCE, self.log.restore(&self.state)).await {
                Ok(Ok(())) => self.unrestored = false,
                Ok(Err(_)) | Err(_) => return,
            }
        }
        while let Some(event) = self.unsent.front().cloned() {
            match timeout(PATIENCE, self.log.append(&event)).await {
                Ok(Ok(place)) => {
                    self.unsent.pop_front();
                    self.arrived(&place, event);
                }
                Ok(Err(_)) | Err(_) => return,
            }
        }
        self.early
            .retain(|sequence, _| *sequence > self.at.sequence);
        if self.early.is_empty() {
            self.behind = None;
        }
    }

    /// Takes everything from the log anew; what is not in it yet is added to it afterwards.
    async fn load(&mut self) {
        match timeout(PATIENCE, self.log.load()).await {
            Ok(Ok(loaded)) => {
                let first = self.at.epoch.is_empty() && self.sequence == 0;
                self.at = Place {
                    epoch: loaded.epoch,
                    sequence: loaded.sequence,
                };
                self.early.clear();
                if loaded.sequence == 0 && self.state != State::default() {
                    // It has lost everything, and gets what is known here.
                    self.unrestored = true;
                    return;
                }
                self.state = loaded.state;
                self.seen = self
                    .state
                    .messages
                    .iter()
                    .map(|known| Arc::clone(&known.id))
                    .collect();
                for event in &self.unsent {
                    self.state.apply(event);
                    self.seen.push_back(Arc::clone(event.id()));
                }
                let view = self.next_view();
                if !first {
                    self.notice(Told::Replaced(view));
                }
            }
            failed => {
                let error = match failed {
                    Ok(Err(error)) => error.to_string(),
                    _ => "it does not answer".to_owned(),
                };
                tracing::warn!(error, "chat can't be loaded yet");
                self.behind.get_or_insert_with(Instant::now);
            }
        }
    }

    async fn save(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        if let Err(error) = self.log.save(&self.state).await {
            tracing::error!(%error, "chat could not be stored");
            self.dirty = true;
        }
    }

    /// Makes the next view what those who come will see.
    fn next_view(&mut self) -> Arc<View> {
        self.sequence += 1;
        let (present, count) = self.presence.all();
        let view = Arc::new(View {
            sequence: self.sequence,
            messages: Arc::new(self.state.messages.iter().cloned().collect()),
            pinned: self.state.pinned.clone(),
            slow_mode: self.state.slow_mode(),
            present: Arc::new(present),
            count,
        });
        self.views.send_replace(Arc::clone(&view));
        view
    }

    fn notice(&mut self, told: Told) {
        let sequence = self.next_view().sequence;
        (self.on_notice)(&Notice { sequence, told });
    }
}
