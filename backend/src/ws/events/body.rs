//! The body of a stream of events: takes messages from the listener's lanes and writes them as events.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use serde::Deserialize;
use tokio::time::{Instant, Sleep};

use crate::hub::{Bounds, Channel, Lanes, Message, Publication, Pushed};

/// What waits for one listener, between the thread of its shard and that of its connection.
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    lanes: Lanes,
    waker: Option<Waker>,
    /// Since when something waits that nobody has taken.
    since: Option<Instant>,
    /// Nothing more comes; what waits is still sent.
    ended: bool,
    /// Nobody reads any more.
    gone: bool,
}

/// The body; dropped when the client is gone.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Queue>,
    every: Duration,
    beat: Pin<Box<Sleep>>,
}

impl Queue {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Takes a publication; what became of it.
    pub(super) fn push(&self, publication: &Publication, bounds: &Bounds) -> Pushed {
        let mut waiting = self.waiting();
        if waiting.ended {
            return Pushed::Kept;
        }
        let pushed = waiting.lanes.push(publication, bounds);
        waiting.since.get_or_insert_with(Instant::now);
        waiting.wake();
        pushed
    }

    /// Takes a message for this client alone.
    pub(super) fn push_own(&self, message: Message, bounds: &Bounds) -> Pushed {
        let mut waiting = self.waiting();
        let pushed = waiting.lanes.push_control(message, bounds);
        waiting.since.get_or_insert_with(Instant::now);
        waiting.wake();
        pushed
    }

    pub(super) fn clear(&self, channel: Channel) {
        self.waiting().lanes.clear(channel);
    }

    /// Sends what waits, and no more.
    pub(super) fn end(&self) {
        let mut waiting = self.waiting();
        waiting.ended = true;
        waiting.wake();
    }

    /// Sends nothing more at all.
    pub(super) fn cut(&self) {
        self.waiting().lanes.clear_all();
        self.end();
    }

    /// How long nothing was taken although something waits.
    pub(super) fn blocked_for(&self) -> Duration {
        let since = self.waiting().since;
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(super) fn is_gone(&self) -> bool {
        self.waiting().gone
    }

    pub(super) fn size(&self) -> (usize, usize) {
        self.waiting().lanes.size()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Events {
    pub(super) fn new(queue: &Arc<Queue>, every: Duration) -> Self {
        Self {
            queue: Arc::clone(queue),
            every,
            beat: Box::pin(tokio::time::sleep(every)),
        }
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut waiting = self.queue.waiting();
        if let Some(message) = waiting.lanes.pop() {
            waiting.since = (!waiting.lanes.is_empty()).then(Instant::now);
            return Poll::Ready(Some(Ok(Frame::data(event(&message)))));
        }
        if waiting.ended {
            return Poll::Ready(None);
        }
        waiting.waker = Some(context.waker().clone());
        drop(waiting);
        if self.beat.as_mut().poll(context).is_ready() {
            // Proxies end what is silent for long.
            let next = Instant::now() + self.every;
            self.beat.as_mut().reset(next);
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b":\n\n")))));
        }
        Poll::Pending
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting();
        waiting.gone = true;
        waiting.lanes.clear_all();
    }
}

/// What of a message is its event's.
#[derive(Deserialize)]
struct Versioned {
    version: Option<u64>,
    epoch: Option<String>,
}

/// `event` is the message's type, `data` the message (which has no line breaks), `id` its epoch and version.
fn event(message: &Message) -> Bytes {
    let mut text = Vec::with_capacity(message.payload().len() + 96);
    text.extend_from_slice(format!("event: {}\n", message.kind()).as_bytes());
    let versioned = matches!(
        message.kind(),
        "welcome" | "stateUpdate" | "layerState" | "layerUpdate"
    );
    if versioned
        && let Ok(Versioned {
            version: Some(version),
            epoch: Some(epoch),
        }) = serde_json::from_slice(message.payload())
    {
        text.extend_from_slice(format!("id: {epoch}-{version}\n").as_bytes());
    }
    text.extend_from_slice(b"data: ");
    text.extend_from_slice(message.payload());
    text.extend_from_slice(b"\n\n");
    text.into()
}
