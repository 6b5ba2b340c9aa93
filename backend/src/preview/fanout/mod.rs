//! Frames of several instances on one Redis (specification, section 4.4, `REDIS_FRAME_FANOUT`): the one that holds the
//! ticker's lock makes them, the others deliver them. Pictures that are put on one are everybody's.
//!
//! Only the newest counts, on the way out and on the way in: what Redis or a reader has no time for is dropped. An
//! instance makes by itself what nobody sends, so that viewers are served while the lock changes hands.

mod redis;
mod wire;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::choice::Variant;
use super::frames::Frames;
use super::picture::Encoded;
use crate::config::Store;
use crate::store::{StoreError, random_id};

/// What was sent so long ago is made here. Longer than any two frames are apart.
const SERVED: Duration = Duration::from_secs(1);
/// What others want is told this often, and believed for so long.
const TELL: Duration = Duration::from_secs(1);
const BELIEVED: Duration = Duration::from_secs(3);
/// Instances that are listened to.
const INSTANCES: usize = 64;

/// See the head of this file. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Fanout {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
pub(super) struct Shared {
    origin: String,
    slots: Mutex<Slots>,
    /// Something is to be sent.
    outgoing: Notify,
    /// A frame has come.
    incoming: Notify,
    /// A picture has come.
    pictures: Notify,
}

#[derive(Debug, Default)]
struct Slots {
    /// To be sent: a frame of each kind, and a picture.
    out: [Option<Arc<Encoded>>; Variant::COUNT],
    picture_out: Option<Bytes>,
    /// Come, and not taken yet.
    frames: [Option<Arc<Encoded>>; Variant::COUNT],
    picture: Option<Bytes>,
    /// When the last frame of each kind came.
    served: [Option<Instant>; Variant::COUNT],
    /// By instance: the kinds that it wants, and when it said so.
    wanted: HashMap<String, (Vec<Variant>, Instant)>,
}

impl Fanout {
    /// `None` where it was not asked for, or there is no Redis.
    ///
    /// # Errors
    /// The URL can never work.
    pub(super) fn start(config: &Store, frames: &Frames) -> Result<Option<Self>, StoreError> {
        let Some(url) = config.redis.as_ref().filter(|_| config.frame_fanout) else {
            return Ok(None);
        };
        let client = redis::client(url)?;
        let shared = Arc::new(Shared {
            origin: format!("{}:{}", config.instance_id, random_id()),
            slots: Mutex::default(),
            outgoing: Notify::new(),
            incoming: Notify::new(),
            pictures: Notify::new(),
        });
        frames.share_with(&shared);
        let tasks = vec![
            tokio::spawn(redis::send(
                client.clone(),
                Arc::clone(&shared),
                frames.clone(),
            )),
            tokio::spawn(redis::receive(client, Arc::clone(&shared))),
            tokio::spawn(show(Arc::clone(&shared), frames.clone())),
        ];
        Ok(Some(Self { shared, tasks }))
    }

    /// Whether another instance's viewers want that.
    pub(super) fn wants(&self, variant: Variant) -> bool {
        let wanted = &self.shared.slots().wanted;
        let mut said = wanted.values();
        said.any(|(variants, at)| at.elapsed() < BELIEVED && variants.contains(&variant))
    }

    /// Whether another instance sends that.
    pub(super) fn serves(&self, variant: Variant) -> bool {
        let served = self.shared.slots().served.get(variant.index()).copied();
        served.flatten().is_some_and(|at| at.elapsed() < SERVED)
    }

    /// Sends a frame, unless a newer one overtakes it.
    pub(super) fn send(&self, frame: &Arc<Encoded>) {
        if let Some(out) = self.shared.slots().out.get_mut(frame.variant.index()) {
            *out = Some(Arc::clone(frame));
        }
        self.shared.outgoing.notify_one();
    }

    /// Waits for frames of another instance; the newest of each kind.
    pub(super) async fn received(&self) -> Vec<Arc<Encoded>> {
        loop {
            let frames = self.shared.frames();
            if !frames.is_empty() {
                return frames;
            }
            self.shared.incoming.notified().await;
        }
    }
}

impl Drop for Fanout {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Shared {
    /// A picture was put here: the others are to have it too.
    pub(super) fn picture(&self, bytes: Bytes) {
        self.slots().picture_out = Some(bytes);
        self.outgoing.notify_one();
    }

    /// Takes what came over one of the channels; what is no message of ours is ignored.
    fn heard(&self, channel: &str, payload: &[u8]) {
        match wire::read(channel, payload) {
            Some((origin, _)) if origin == self.origin => {}
            Some((_, wire::Heard::Frame(frame))) => {
                let mut slots = self.slots();
                let index = frame.variant.index();
                if let Some(served) = slots.served.get_mut(index) {
                    *served = Some(Instant::now());
                }
                if let Some(slot) = slots.frames.get_mut(index) {
                    *slot = Some(Arc::new(frame));
                }
                drop(slots);
                self.incoming.notify_one();
            }
            Some((_, wire::Heard::Picture(bytes))) => {
                self.slots().picture = Some(bytes);
                self.pictures.notify_one();
            }
            Some((origin, wire::Heard::Wanted(variants))) => {
                let wanted = &mut self.slots().wanted;
                wanted.retain(|_, (_, at)| at.elapsed() < BELIEVED);
                if wanted.len() < INSTANCES || wanted.contains_key(&origin) {
                    wanted.insert(origin, (variants, Instant::now()));
                }
            }
            None => tracing::debug!(channel, "a message of another instance can't be read"),
        }
    }

    /// Frames that have come since the last call.
    fn frames(&self) -> Vec<Arc<Encoded>> {
        let frames = &mut self.slots().frames;
        frames.iter_mut().filter_map(Option::take).collect()
    }

    /// The frame of that kind that is to be sent.
    fn outgoing(&self, variant: Variant) -> Option<Arc<Encoded>> {
        self.slots().out.get_mut(variant.index())?.take()
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows pictures that were put on other instances, the newest each time.
async fn show(shared: Arc<Shared>, frames: Frames) {
    loop {
        let picture = shared.slots().picture.take();
        match picture {
            Some(bytes) => {
                if let Err(error) = frames.show(bytes).await {
                    tracing::debug!(%error, "a picture of another instance can't be shown");
                }
            }
            None => shared.pictures.notified().await,
        }
    }
}
