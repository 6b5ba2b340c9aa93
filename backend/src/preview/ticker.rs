//! The clock of the frames: counts them, has those made that somebody watches, and tells when the source is silent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::choice::Variant;
use super::fanout::Fanout;
use super::frames::{FRESH, Frames, Recipe};
use super::lock::Lock;
use super::picture::Encoded;
use crate::owner::{Owner, Snapshot};
use crate::state::{Command, Counters};

/// Counters are handed on as often as this; whoever broadcasts them has an interval of its own.
const TELL: Duration = Duration::from_millis(200);
/// How often a stream that stands still is looked at.
const IDLE: Duration = Duration::from_millis(100);

/// Something for those who watch.
#[derive(Debug)]
pub enum Event {
    /// Frames are ready, each for those who chose its kind.
    Frames(Vec<Arc<Encoded>>),
    /// No picture came from outside for five seconds: the test pattern is back.
    SourceSilent,
    /// Time that a frame took to make.
    Made(Duration),
}

/// Told of everything, on the ticker's task. Must not block.
pub type OnEvent = Box<dyn FnMut(Event) + Send>;

/// See the head of this file.
pub struct Ticker {
    frames: Frames,
    owner: Owner,
    on_event: OnEvent,
    lock: Lock,
    fanout: Option<Fanout>,
    counters: watch::Sender<Counters>,
    count: Count,
    /// When each variant is due.
    due: [Instant; Variant::COUNT],
    /// The picture from outside that each variant was last made of.
    made_of: [u64; Variant::COUNT],
    making: Option<JoinHandle<(Vec<Encoded>, Duration)>>,
    told: Instant,
}

/// What is counted while the stream is live.
#[derive(Debug, Default)]
struct Count {
    /// When the stream began; another one is another count.
    since: Option<u64>,
    frames: u64,
    dropped: u64,
    /// Milliseconds, averaged over some frames.
    render: f64,
    /// Of the frames of the last second.
    second: Vec<Instant>,
    /// Pictures from outside that were shown.
    put: u64,
    /// Ticks since the last one.
    waited: u64,
}

impl Ticker {
    /// One that is to be run. `store` says what several instances share.
    ///
    /// # Errors
    /// It names something that can never work.
    pub fn new(
        frames: Frames,
        owner: Owner,
        on_event: OnEvent,
        store: &crate::config::Store,
    ) -> Result<Self, crate::store::StoreError> {
        let now = Instant::now();
        let fanout = Fanout::start(store, &frames)?;
        Ok(Self {
            frames,
            owner,
            on_event,
            lock: Lock::new(store)?,
            fanout,
            counters: watch::Sender::new(Counters::default()),
            count: Count::default(),
            due: [now; Variant::COUNT],
            made_of: [0; Variant::COUNT],
            making: None,
            told: now,
        })
    }

    /// Runs until it is dropped.
    pub async fn run(mut self) {
        tokio::spawn(hand_on(self.owner.clone(), self.counters.subscribe()));
        loop {
            let snapshot = self.owner.snapshot();
            if !snapshot.stream.is_live || snapshot.stream.is_paused {
                self.rest(&snapshot);
                tokio::time::sleep(IDLE).await;
                continue;
            }
            self.live(&snapshot).await;
        }
    }

    /// Nothing is made; the last picture stays while the stream is paused.
    fn rest(&mut self, snapshot: &Snapshot) {
        if !snapshot.stream.is_live && self.count.since.take().is_some() {
            self.frames.clear();
        }
        self.count.second.clear();
    }

    /// Frames at the wanted rate, as long as that is the same and the stream goes on.
    async fn live(&mut self, snapshot: &Arc<Snapshot>) {
        self.begin(snapshot);
        let fps = snapshot.stream.target_fps.clamp(1, 60);
        let period = Duration::from_secs(1) / u32::try_from(fps).unwrap_or(30);
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut before = Instant::now();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                made = finished(self.making.as_mut()) => {
                    self.making = None;
                    self.made(made);
                    continue;
                }
                frames = received(self.fanout.as_ref()) => {
                    self.deliver(frames);
                    continue;
                }
            }
            let snapshot = self.owner.snapshot();
            let stream = &snapshot.stream;
            if !stream.is_live || stream.is_paused || stream.target_fps.clamp(1, 60) != fps {
                return;
            }
            if stream.start_time != self.count.since {
                self.begin(&snapshot);
            }
            // Ticks that the processor had no time for.
            let late = before.elapsed().as_secs_f64() / period.as_secs_f64() - 1.5;
            before = Instant::now();
            if late > 0.0 {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a few"
                )]
                let late = late.ceil() as u64;
                self.count.dropped += late;
            }
            self.tick(&snapshot, period);
        }
    }

    fn begin(&mut self, snapshot: &Snapshot) {
        let stream = &snapshot.stream;
        if self.count.since != stream.start_time || self.count.frames < stream.frame_count {
            self.count = Count {
                since: stream.start_time,
                frames: stream.frame_count,
                dropped: stream.dropped_frames,
                render: stream.average_render_time,
                put: self.count.put,
                ..Count::default()
            };
        }
    }

    fn tick(&mut self, snapshot: &Arc<Snapshot>, period: Duration) {
        let now = Instant::now();
        if !self.lock.is_held() {
            // Another instance counts; who takes its place goes on from there.
            self.count.frames = self.count.frames.max(snapshot.stream.frame_count);
            self.count.dropped = self.count.dropped.max(snapshot.stream.dropped_frames);
        }
        let is_new = self.is_new(period);
        if is_new {
            self.count.frames += 1;
            self.count.second.push(now);
        }
        self.start_making(snapshot, now, is_new);
        let second = now.checked_sub(Duration::from_secs(1));
        self.count
            .second
            .retain(|at| second.is_none_or(|second| *at > second));
        if now.duration_since(self.told) >= TELL && self.lock.is_held() {
            self.told = now;
            #[expect(clippy::cast_precision_loss, reason = "at most 60")]
            let fps = self.count.second.len() as f64;
            self.counters.send_replace(Counters {
                fps,
                frame_count: self.count.frames,
                dropped_frames: self.count.dropped,
                average_render_time: (self.count.render * 10.0).round() / 10.0,
            });
        }
    }

    /// Whether there is something to show that was not shown yet.
    fn is_new(&mut self, period: Duration) -> bool {
        let Some(put) = self.frames.put_last() else {
            return true;
        };
        if put.at.elapsed() >= FRESH {
            self.frames.drop_put();
            // What should have come in that time.
            self.count.dropped += self.count.waited;
            self.count.waited = 0;
            tracing::warn!(?period, "no frame for 5 s: the test pattern is shown");
            (self.on_event)(Event::SourceSilent);
            return true;
        }
        if put.count == self.count.put {
            self.count.waited += 1;
            return false;
        }
        self.count.put = put.count;
        self.count.waited = 0;
        true
    }

    /// Whether that is to be made here: somebody watches it, and nobody else makes it.
    fn is_mine(&self, variant: Variant) -> bool {
        let Some(fanout) = &self.fanout else {
            return self.frames.wants(variant);
        };
        match self.lock.is_held() {
            true => self.frames.wants(variant) || fanout.wants(variant),
            false => self.frames.wants(variant) && !fanout.serves(variant),
        }
    }

    /// `is_new`: there is a frame that was not counted before. A picture from outside is made for those who were not due
    /// when it came, too.
    fn start_making(&mut self, snapshot: &Arc<Snapshot>, now: Instant, is_new: bool) {
        let put = self.frames.put_last().map(|put| put.count);
        let lags = |variant: &Variant| {
            let made_of = self.made_of.get(variant.index()).copied();
            is_new || put.is_some_and(|put| made_of != Some(put))
        };
        let due: Vec<Variant> = Variant::all()
            .filter(|variant| self.is_mine(*variant))
            .filter(|variant| self.due.get(variant.index()).is_some_and(|due| *due <= now))
            .filter(lags)
            .collect();
        let Some(recipe) = self.frames.next(snapshot, self.count.frames) else {
            return;
        };
        if due.is_empty() {
            return;
        }
        if self.making.is_some() {
            // The last one is not ready: this one is not made at all.
            self.count.dropped += u64::from(is_new);
            return;
        }
        for variant in &due {
            if let Some(due) = self.due.get_mut(variant.index()) {
                let period = Duration::from_secs(1) / self.frames.most_fps(variant.quality);
                // From when it was due, so that the rate is kept; a few milliseconds of grace for a tick that is early.
                let next = (*due + period).max(now + period / 2);
                *due = next.checked_sub(Duration::from_millis(4)).unwrap_or(next);
            }
            if let (Some(made_of), Some(put)) = (self.made_of.get_mut(variant.index()), &recipe.put)
            {
                *made_of = put.count;
            }
        }
        self.making = Some(tokio::task::spawn_blocking(move || make(&recipe, &due)));
    }

    fn made(&mut self, made: Option<(Vec<Encoded>, Duration)>) {
        let Some((frames, took)) = made else {
            return;
        };
        let millis = took.as_secs_f64() * 1000.0;
        let before = self.count.render;
        self.count.render = if before == 0.0 {
            millis
        } else {
            before * 0.9 + millis * 0.1
        };
        let frames: Vec<_> = frames.into_iter().map(Arc::new).collect();
        frames.iter().for_each(|frame| self.frames.keep(frame));
        if let Some(fanout) = self.fanout.as_ref().filter(|_| self.lock.is_held()) {
            let wanted = frames.iter().filter(|frame| fanout.wants(frame.variant));
            wanted.for_each(|frame| fanout.send(frame));
        }
        (self.on_event)(Event::Made(took));
        (self.on_event)(Event::Frames(frames));
    }

    /// Delivers what another instance has made.
    fn deliver(&mut self, frames: Vec<Arc<Encoded>>) {
        // While the lock changes hands two may believe that it is theirs: each goes by its own.
        if self.lock.is_held() {
            return;
        }
        for frame in &frames {
            self.count.frames = frame.number;
            self.frames.is_at(frame.number);
            self.frames.keep(frame);
        }
        (self.on_event)(Event::Frames(frames));
    }
}

/// Waits for frames of another instance; for ever, if there is none.
async fn received(fanout: Option<&Fanout>) -> Vec<Arc<Encoded>> {
    match fanout {
        Some(fanout) => fanout.received().await,
        None => std::future::pending().await,
    }
}

fn make(recipe: &Recipe, variants: &[Variant]) -> (Vec<Encoded>, Duration) {
    let start = Instant::now();
    let frames = variants.iter().filter_map(|variant| recipe.make(*variant));
    (frames.collect(), start.elapsed())
}

/// Waits for what is being made; for ever, if nothing is.
async fn finished(
    making: Option<&mut JoinHandle<(Vec<Encoded>, Duration)>>,
) -> Option<(Vec<Encoded>, Duration)> {
    match making {
        Some(making) => making.await.ok(),
        None => std::future::pending().await,
    }
}

/// Hands counters to the owner, who may be busy: the newest are enough.
async fn hand_on(owner: Owner, mut counters: watch::Receiver<Counters>) {
    while counters.changed().await.is_ok() {
        let newest = *counters.borrow_and_update();
        if owner.apply(Command::Telemetry(newest)).await.is_err() {
            return;
        }
    }
}
