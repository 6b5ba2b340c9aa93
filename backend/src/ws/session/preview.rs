//! A client that watches the preview: what it has chosen, what it gets, and how that goes.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::handlers::Outcome;
use super::phase::ABNORMAL;
use super::{Phase, Session};
use crate::clock::now_ms;
use crate::config::Quality;
use crate::hub::{Channel, Channels, Message};
use crate::preview::{Choice, Encoding, Format, Watching};
use crate::ws::wire::{self, Incoming, Performance, WireError};

/// Between two latencies that are measured.
const ACKS: Duration = Duration::from_millis(500);

/// What is kept while a client watches.
pub(super) struct Viewer {
    watching: Watching,
    /// Since the last word on how it goes.
    since: Instant,
    frames: u64,
    bytes: u64,
    /// In all.
    sent: u64,
    dropped: u64,
    latency_ms: u64,
    acked: Option<Instant>,
}

impl Session {
    /// Takes a place among those who watch with the subscription, and gives it up with that.
    pub(super) fn view(&self, targets: Channels) {
        let wanted = targets.contains(Channel::Preview) && self.counts();
        let mut viewer = self.viewer.borrow_mut();
        if !wanted {
            viewer.take();
        } else if viewer.is_none() {
            let watching = self.server().frames.watch(&self.id, self.choice.get());
            *viewer = Some(Box::new(Viewer {
                watching,
                since: Instant::now(),
                frames: 0,
                bytes: 0,
                sent: 0,
                dropped: 0,
                latency_ms: 0,
                acked: None,
            }));
        }
    }

    /// What there is to see, for a client that has just come: what it will get, how the stream is, the last picture.
    pub(super) fn send_preview(self: &Rc<Self>) {
        self.send_config();
        let stream = wire::preview_state(&self.shard.retained().stream);
        self.send(stream);
        let session = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let choice = session.choice.get();
            let frames = session.server().frames.clone();
            let snapshot = session.server().owner.snapshot();
            let Ok(latest) = frames.latest(choice.variant, &snapshot).await else {
                return;
            };
            // It may have chosen something else meanwhile, or have got a newer one.
            let newer = session
                .viewer
                .borrow()
                .as_ref()
                .is_none_or(|viewer| viewer.sent > 0);
            if session.choice.get() == choice && !newer && session.phase.get() == Phase::Open {
                let publication = wire::frame(&latest, choice.encoding);
                let bounds = &session.server().settings.bounds;
                let offered = session
                    .outbox
                    .borrow_mut()
                    .offer(&publication, bounds, &*session);
                if offered.is_err() {
                    session.drop_connection(ABNORMAL);
                }
                session.wake();
            }
        });
    }

    fn send_config(&self) {
        let choice = self.choice.get();
        let snapshot = self.server().owner.snapshot();
        let (size, fps) = self
            .server()
            .frames
            .delivered(choice.variant.quality, &snapshot);
        self.send(wire::preview_config(choice, size, fps));
    }

    /// A frame has been handed to the socket.
    pub(super) fn frame_sent(&self, message: &Message) {
        if let Some(viewer) = &mut *self.viewer.borrow_mut() {
            viewer.frames += 1;
            viewer.sent += 1;
            viewer.bytes += message.bytes().len() as u64;
        }
    }

    /// A frame was not: a newer one took its place.
    pub(super) fn frame_dropped(&self) {
        if let Some(viewer) = &mut *self.viewer.borrow_mut() {
            viewer.dropped += 1;
        }
    }

    /// Tells how it goes, when it is time.
    pub(super) fn perform(&self, now: Instant) {
        let interval = self.server().settings.metrics_interval;
        let figures = {
            let mut viewer = self.viewer.borrow_mut();
            let Some(viewer) = &mut *viewer else {
                return;
            };
            let passed = now.saturating_duration_since(viewer.since);
            if passed < interval {
                return;
            }
            let seconds = passed.as_secs_f64();
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "rates for people"
            )]
            let (fps, bytes) = (
                viewer.frames as f64 / seconds,
                (viewer.bytes as f64 / seconds) as u64,
            );
            (viewer.since, viewer.frames, viewer.bytes) = (now, 0, 0);
            Performance {
                fps,
                target_fps: 0,
                sent: viewer.sent,
                dropped: viewer.dropped,
                bytes_per_second: bytes,
                queue_depth: 0,
                latency_ms: viewer.latency_ms,
            }
        };
        let snapshot = self.server().owner.snapshot();
        if !snapshot.stream.is_live {
            return;
        }
        let quality = self.choice.get().variant.quality;
        let figures = Performance {
            target_fps: self.server().frames.delivered(quality, &snapshot).1,
            queue_depth: self.outbox.borrow().size().0,
            ..figures
        };
        let publication = wire::performance(&figures, quality, &snapshot.stream);
        let bounds = &self.server().settings.bounds;
        if self
            .outbox
            .borrow_mut()
            .offer(&publication, bounds, self)
            .is_err()
        {
            self.drop_connection(ABNORMAL);
        }
        self.wake();
    }
}

/// `data`, or as an old test sends it `payload`.
fn fields(message: &Incoming) -> Result<&Map<String, Value>, WireError> {
    let body = message.get("data").or_else(|| message.get("payload"));
    let body = body.and_then(Value::as_object);
    body.ok_or_else(|| WireError::field("data", "an object"))
}

pub(super) fn quality(session: &Rc<Session>, message: &Incoming, _: &str) -> Outcome {
    match fields(message).and_then(|fields| chosen(session.choice.get(), fields)) {
        Ok(choice) => {
            choose(session, choice);
            Outcome::Done
        }
        Err(error) => Outcome::Bad(error),
    }
}

/// An old test's subscription may name a quality.
pub(super) fn quality_of_subscription(
    session: &Session,
    message: &Incoming,
) -> Result<Choice, WireError> {
    match message.get("payload").and_then(Value::as_object) {
        Some(fields) if fields.get("quality").is_some_and(|value| !value.is_null()) => {
            chosen(session.choice.get(), fields)
        }
        _ => Ok(session.choice.get()),
    }
}

pub(super) fn choose(session: &Session, choice: Choice) {
    let changed = session.choice.replace(choice) != choice;
    let mut viewer = session.viewer.borrow_mut();
    let watches = viewer.is_some();
    if let Some(viewer) = viewer.as_mut().filter(|_| changed) {
        viewer.watching.choose(choice);
    }
    drop(viewer);
    if watches {
        session.send_config();
    }
}

fn chosen(before: Choice, fields: &Map<String, Value>) -> Result<Choice, WireError> {
    let mut choice = before;
    let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
    let wrong = |name: &str, must: &str| WireError::field(&format!("data.{name}"), must);
    match given("quality") {
        None if given("encoding").is_some() || given("format").is_some() => {}
        value => {
            let quality = value
                .and_then(Value::as_str)
                .and_then(|name| name.parse().ok());
            let must = "one of low, medium, high";
            choice.variant.quality = quality.ok_or_else(|| wrong("quality", must))?;
        }
    }
    if let Some(value) = given("encoding") {
        let encoding = value.as_str().and_then(Encoding::parse);
        choice.encoding = encoding.ok_or_else(|| wrong("encoding", "json or binary"))?;
    }
    if let Some(value) = given("format") {
        let format = value.as_str().and_then(Format::parse);
        choice.variant.format = format.ok_or_else(|| wrong("format", "png or jpeg"))?;
    }
    Ok(choice)
}

pub(super) fn frame_ack(session: &Rc<Session>, message: &Incoming, _: &str) -> Outcome {
    let number = fields(message).map(|fields| fields.get("frame").and_then(Value::as_u64));
    let number = match number {
        Ok(Some(number)) => number,
        Ok(None) => return Outcome::Bad(WireError::field("data.frame", "a frame's number")),
        Err(error) => return Outcome::Bad(error),
    };
    let now = Instant::now();
    if let Some(viewer) = &mut *session.viewer.borrow_mut() {
        // More often than twice a second says nothing more.
        let soon = |acked: Instant| now.saturating_duration_since(acked) < ACKS;
        if !viewer.acked.is_some_and(soon)
            && let Some(made) = session.server().frames.time_of(number)
        {
            viewer.acked = Some(now);
            viewer.latency_ms = now_ms().saturating_sub(made);
        }
    }
    Outcome::Done
}

/// The label of a quality for metrics.
pub(super) fn label(viewer: Option<&Viewer>) -> &'static str {
    viewer.map_or("none", |viewer| {
        let quality: Quality = viewer.watching.choice().variant.quality;
        quality.as_str()
    })
}
