//! Frames of several instances on one Redis (specification, section 4.4, `REDIS_FRAME_FANOUT`): the one that holds the
//! ticker's lock makes them, the others deliver them. Pictures that are put on one are everybody's.
//!
//! Only the newest counts, on the way out and on the way in: what Redis or a reader has no time for is dropped. An
//! instance makes by itself what nobody sends, so that viewers are served while the lock changes hands.

mod redis;
mod shared;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::choice::Variant;
use super::frames::Frames;
use super::picture::Encoded;
use crate::config::Store;
use crate::store::{StoreError, random_id};
use shared::BELIEVED;
pub(super) use shared::Shared;

/// What was sent so long ago is made here. Longer than any two frames are apart.
const SERVED: Duration = Duration::from_secs(1);
/// What others want is told this often.
const TELL: Duration = Duration::from_secs(1);

/// See the head of this file. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Fanout {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
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
        let shared = Shared::new(format!("{}:{}", config.instance_id, random_id()));
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
