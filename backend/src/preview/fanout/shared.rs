//! What goes between this instance's frames and the others': slots for the newest only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;

use super::wire;
use crate::preview::choice::Variant;
use crate::preview::picture::Encoded;

/// What others want is believed for so long.
pub(super) const BELIEVED: Duration = Duration::from_secs(3);
/// Instances that are listened to.
const INSTANCES: usize = 64;

#[derive(Debug)]
pub(in crate::preview) struct Shared {
    pub(super) origin: String,
    slots: Mutex<Slots>,
    /// Something is to be sent.
    pub(super) outgoing: Notify,
    /// A frame has come.
    pub(super) incoming: Notify,
    /// A picture has come.
    pub(super) pictures: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    /// To be sent: a frame of each kind, and a picture.
    pub(super) out: [Option<Arc<Encoded>>; Variant::COUNT],
    pub(super) picture_out: Option<Bytes>,
    /// Come, and not taken yet.
    pub(super) frames: [Option<Arc<Encoded>>; Variant::COUNT],
    pub(super) picture: Option<Bytes>,
    /// When the last frame of each kind came.
    pub(super) served: [Option<Instant>; Variant::COUNT],
    /// By instance: the kinds that it wants, and when it said so.
    pub(super) wanted: HashMap<String, (Vec<Variant>, Instant)>,
}

impl Shared {
    pub(super) fn new(origin: String) -> Arc<Self> {
        Arc::new(Self {
            origin,
            slots: Mutex::default(),
            outgoing: Notify::new(),
            incoming: Notify::new(),
            pictures: Notify::new(),
        })
    }

    /// A picture was put here: the others are to have it too.
    pub(in crate::preview) fn picture(&self, bytes: Bytes) {
        self.slots().picture_out = Some(bytes);
        self.outgoing.notify_one();
    }

    /// Takes what came over one of the channels; what is no message of ours is ignored.
    pub(super) fn heard(&self, channel: &str, payload: &[u8]) {
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
    pub(super) fn frames(&self) -> Vec<Arc<Encoded>> {
        let frames = &mut self.slots().frames;
        frames.iter_mut().filter_map(Option::take).collect()
    }

    /// The frame of that kind that is to be sent.
    pub(super) fn outgoing(&self, variant: Variant) -> Option<Arc<Encoded>> {
        self.slots().out.get_mut(variant.index())?.take()
    }

    pub(super) fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
