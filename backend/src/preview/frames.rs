//! Frames as the rest of the program sees them: who watches, what the last one was, and putting one here.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use image::RgbImage;

use super::choice::{Choice, Format, Variant, fitted, most_fps};
use super::demand::{Demand, PreviewClient, Watching};
use super::fanout;
use super::pattern::{self, Shown};
use super::picture::{self, Encoded};
use crate::clock::now_ms;
use crate::config::{Quality, Resolution};
use crate::state::Snapshot;

/// A picture that was put here is shown for so long, unless another one comes.
pub(super) const FRESH: Duration = Duration::from_secs(5);
/// Frames whose times are remembered, for latencies.
const REMEMBERED: usize = 128;

/// What `POST frame/config` sets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameConfig {
    pub size: Resolution,
    pub fps: u32,
    pub format: Format,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("Stream is not live")]
    NotLive,
    #[error("No frame available")]
    None,
    #[error("The body must be a PNG or a JPEG picture")]
    Format,
    #[error("The picture can't be read: {0}")]
    Broken(String),
    #[error("Failed to get frame")]
    Failed,
}

/// See the head of this file. Cloning it is cheap.
#[derive(Debug, Clone, Default)]
pub struct Frames(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    demand: Arc<Demand>,
    state: Mutex<State>,
    /// Number of the newest frame.
    number: AtomicU64,
    /// Pictures that were put here, ever.
    puts: AtomicU64,
    /// Where other instances are to have them too.
    fanout: OnceLock<Arc<fanout::Shared>>,
}

#[derive(Debug, Default)]
struct State {
    put: Option<Put>,
    config: Option<FrameConfig>,
    last: [Option<Arc<Encoded>>; Variant::COUNT],
    times: VecDeque<(u64, u64)>,
}

/// A picture that was put here.
#[derive(Debug, Clone)]
pub(super) struct Put {
    pub(super) picture: Arc<RgbImage>,
    pub(super) at: Instant,
    /// How manieth it is.
    pub(super) count: u64,
}

/// What a frame is made of.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) put: Option<Put>,
    pub(super) canvas: Resolution,
    pub(super) number: u64,
    pub(super) at_ms: u64,
}

impl Frames {
    /// A client watches, until the guard is dropped.
    pub fn watch(&self, id: &str, choice: Choice) -> Watching {
        self.0.demand.watch(id, choice)
    }

    /// Whether anybody has chosen that.
    pub fn is_watched(&self, choice: Choice) -> bool {
        self.0.demand.wants_choice(choice)
    }

    /// Clients of a quality.
    pub fn clients(&self, quality: Quality) -> usize {
        self.0.demand.of(quality)
    }

    /// All who watch.
    pub fn list(&self) -> Vec<PreviewClient> {
        self.0.demand.list()
    }

    /// What a client of that quality gets: size and frames a second.
    pub fn delivered(&self, quality: Quality, snapshot: &Snapshot) -> (Resolution, u32) {
        let state = self.state();
        let canvas = canvas(state.config, snapshot);
        let put = state.put.as_ref().filter(|put| put.at.elapsed() < FRESH);
        let size = match put {
            Some(put) if quality == Quality::High => of(&put.picture),
            Some(put) => fitted(of(&put.picture), quality),
            None => fitted(canvas, quality),
        };
        drop(state);
        let target = u32::try_from(snapshot.stream.target_fps).unwrap_or(u32::MAX);
        (size, self.most_fps(quality).min(target))
    }

    /// Frames a second of that quality, at most.
    pub(super) fn most_fps(&self, quality: Quality) -> u32 {
        let configured = self.state().config.map_or(u32::MAX, |config| config.fps);
        most_fps(quality).min(configured).max(1)
    }

    /// Sets size and rate of the test pattern, and what [`Self::current`] gives.
    pub fn configure(&self, config: FrameConfig) {
        self.state().config = Some(config);
    }

    /// Shows this picture from now on; the number of the frame that it will be.
    ///
    /// # Errors
    /// The stream is not live, or it is no picture that can be read.
    pub async fn put(&self, bytes: Bytes, snapshot: &Snapshot) -> Result<u64, FrameError> {
        if !snapshot.stream.is_live {
            return Err(FrameError::NotLive);
        }
        self.show(bytes.clone()).await?;
        if let Some(others) = self.0.fanout.get() {
            others.picture(bytes);
        }
        Ok(self.0.number.load(Relaxed) + 1)
    }

    /// The same with a picture of another instance.
    pub(super) async fn show(&self, bytes: Bytes) -> Result<(), FrameError> {
        let format = picture::format_of(&bytes).ok_or(FrameError::Format)?;
        let read = move || picture::read(&bytes, format);
        let picture = tokio::task::spawn_blocking(read).await;
        let picture = picture.map_err(|_| FrameError::Failed)?;
        let picture = Arc::new(picture.map_err(FrameError::Broken)?);
        let at = Instant::now();
        let count = self.0.puts.fetch_add(1, Relaxed) + 1;
        self.state().put = Some(Put { picture, at, count });
        Ok(())
    }

    /// From now on, pictures that are put here go to other instances too.
    pub(super) fn share_with(&self, others: &Arc<fanout::Shared>) {
        // The first holds; there is one for each.
        let _ = self.0.fanout.set(Arc::clone(others));
    }

    /// The newest picture of a kind, made for whoever asks if nobody has watched it.
    ///
    /// # Errors
    /// There is none.
    pub async fn latest(
        &self,
        variant: Variant,
        snapshot: &Arc<Snapshot>,
    ) -> Result<Arc<Encoded>, FrameError> {
        let recipe = self.recipe(snapshot)?;
        if let Some(known) = self.last(variant)
            && known.number == recipe.number
        {
            return Ok(known);
        }
        let made = tokio::task::spawn_blocking(move || recipe.make(variant)).await;
        let made = made.map_err(|_| FrameError::Failed)?;
        let made = Arc::new(made.ok_or(FrameError::Failed)?);
        self.keep(&made);
        Ok(made)
    }

    /// The newest picture in the size and format of [`Self::configure`].
    ///
    /// # Errors
    /// There is none.
    pub async fn current(&self, snapshot: &Arc<Snapshot>) -> Result<Encoded, FrameError> {
        let recipe = self.recipe(snapshot)?;
        let config = self.state().config;
        let variant = Variant {
            quality: Quality::High,
            format: config.map_or(Format::Png, |config| config.format),
        };
        let made = tokio::task::spawn_blocking(move || recipe.make_in(variant, recipe.canvas));
        made.await.ok().flatten().ok_or(FrameError::Failed)
    }

    /// When a frame was made, Unix milliseconds, if that is not long ago.
    pub fn time_of(&self, number: u64) -> Option<u64> {
        let state = self.state();
        let found = state.times.iter().rev().find(|(known, _)| *known == number);
        found.map(|(_, at)| *at)
    }

    fn recipe(&self, snapshot: &Arc<Snapshot>) -> Result<Recipe, FrameError> {
        if !snapshot.stream.is_live {
            return Err(FrameError::NotLive);
        }
        let state = self.state();
        let number = self.0.number.load(Relaxed).max(snapshot.stream.frame_count);
        Ok(Recipe {
            snapshot: Arc::clone(snapshot),
            put: state.put.clone().filter(|put| put.at.elapsed() < FRESH),
            canvas: canvas(state.config, snapshot),
            number,
            at_ms: now_ms(),
        })
    }

    pub(super) fn wants(&self, variant: Variant) -> bool {
        self.0.demand.wants(variant)
    }

    /// What the frame of that number is made of.
    pub(super) fn next(&self, snapshot: &Arc<Snapshot>, number: u64) -> Option<Recipe> {
        self.0.number.store(number, Relaxed);
        self.recipe(snapshot)
            .ok()
            .map(|recipe| Recipe { number, ..recipe })
    }

    /// A frame of another instance is the newest.
    pub(super) fn is_at(&self, number: u64) {
        self.0.number.store(number, Relaxed);
    }

    /// The picture that was put here last, however long ago.
    pub(super) fn put_last(&self) -> Option<Put> {
        self.state().put.clone()
    }

    /// Forgets it.
    pub(super) fn drop_put(&self) {
        self.state().put = None;
    }

    /// The stream has ended: nothing of it is shown in the next one.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.put = None;
        state.last = Default::default();
        self.0.number.store(0, Relaxed);
    }

    pub(super) fn keep(&self, made: &Arc<Encoded>) {
        let mut state = self.state();
        if state
            .times
            .back()
            .is_none_or(|(number, _)| *number != made.number)
        {
            state.times.push_back((made.number, made.at_ms));
            if state.times.len() > REMEMBERED {
                state.times.pop_front();
            }
        }
        if let Some(last) = state.last.get_mut(made.variant.index()) {
            *last = Some(Arc::clone(made));
        }
    }

    fn last(&self, variant: Variant) -> Option<Arc<Encoded>> {
        self.state().last.get(variant.index()).cloned().flatten()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recipe {
    /// The picture of a kind.
    pub(super) fn make(&self, variant: Variant) -> Option<Encoded> {
        match &self.put {
            Some(put) => {
                let scaled = picture::scaled(&put.picture, variant);
                self.write(scaled.as_ref().unwrap_or(&put.picture), variant)
            }
            None => self.make_in(variant, fitted(self.canvas, variant.quality)),
        }
    }

    /// The picture in a size.
    fn make_in(&self, variant: Variant, size: Resolution) -> Option<Encoded> {
        if let Some(put) = &self.put {
            if of(&put.picture) == size {
                return self.write(&put.picture, variant);
            }
            let scaled = image::imageops::thumbnail(&*put.picture, size.width, size.height);
            return self.write(&scaled, variant);
        }
        let shown = Shown {
            scene: &self.snapshot.scene,
            canvas: self.canvas,
            number: self.number,
            at_ms: self.at_ms,
            paused: self.snapshot.stream.is_paused,
        };
        self.write(&pattern::draw(&shown, size), variant)
    }

    fn write(&self, picture: &RgbImage, variant: Variant) -> Option<Encoded> {
        match picture::write(picture, variant) {
            Ok(bytes) => Some(Encoded {
                variant,
                bytes,
                size: of(picture),
                number: self.number,
                at_ms: self.at_ms,
            }),
            Err(error) => {
                tracing::error!(error, "a frame can't be encoded");
                None
            }
        }
    }
}

fn canvas(config: Option<FrameConfig>, snapshot: &Snapshot) -> Resolution {
    config.map_or(snapshot.settings.stream_resolution, |config| config.size)
}

fn of(picture: &RgbImage) -> Resolution {
    Resolution {
        width: picture.width(),
        height: picture.height(),
    }
}
