//! The task itself: wishes one at a time, what others tell, who comes and goes, and what is due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, timeout};

use super::{Owner, PATIENCE, Request};
use crate::chat::handle::Told;
use crate::chat::log::{Heard, Log};
use crate::chat::model::{Present, Status};
use crate::chat::presence::{Change, Roll};
use crate::clock::now_ms;

/// How often what is due is looked at.
pub(super) const TICK: Duration = Duration::from_millis(250);
/// Other instances hear of comings and goings no more often than this.
const ROLL_AGAIN: Duration = Duration::from_secs(1);
/// Comings and goings told one by one in a tick; more are told as a whole.
const TOLD_EACH: usize = 25;

impl Owner {
    pub(in crate::chat) async fn run(
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
                        roll(&self.log, &Roll::default()).await;
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

    pub(super) async fn wish(&mut self, request: Request) {
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

    pub(super) fn came(&mut self, request: Request) {
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
        self.unrolled = true;
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

    pub(super) async fn heard(&mut self, news: Heard) {
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

    pub(super) async fn tick(&mut self) {
        let now = Instant::now();
        self.told_this_tick = 0;
        self.told_all |= self.presence.forget(now);
        if std::mem::take(&mut self.told_all) {
            let (users, count) = self.presence.all();
            self.notice(Told::Everyone(Arc::new(users), count));
        }
        let since = now.duration_since(self.rolled);
        if since >= self.options.roll_every || (self.unrolled && since >= ROLL_AGAIN) {
            self.rolled = now;
            self.unrolled = false;
            roll(&self.log, &self.presence.roll()).await;
        }
        let behind = self.behind;
        let behind = behind.is_some_and(|since| now.duration_since(since) >= TICK);
        if behind || self.unrestored {
            self.catch_up().await;
        }
        self.tell_mutes().await;
        self.save().await;
    }
}

/// Tells others who is here; does nothing where there are none.
async fn roll(log: &Log, roll: &Roll) {
    // Not waited for longer than others can bear; the next one says the same.
    let _ = timeout(PATIENCE, log.tell(roll)).await;
}
