//! A body on its way from a server into the cache: read once, followed by any number of clients while it comes.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};

use crate::http::{Body, ErrorKind, ProxyError};

/// Bytes of all bodies that are under way, and the most there may be of them.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicU64,
    most: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Fill {
    state: Mutex<State>,
    /// Length, where it was told before.
    length: Option<u64>,
    readers: AtomicUsize,
    budget: Arc<Budget>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    waiting: Vec<Waker>,
}

#[derive(Debug)]
enum Phase {
    Coming {
        pieces: Vec<Bytes>,
        length: usize,
    },
    Whole(Bytes),
    /// It will not be whole: too long, or the server failed. Who leads goes on with what is left of it.
    Broken {
        pieces: Vec<Bytes>,
        length: usize,
    },
}

/// What is left of a body that could not be kept, for whoever asked for it first.
type Rest = Rc<RefCell<Option<Body>>>;

impl Budget {
    pub(super) fn new(most: u64) -> Arc<Self> {
        let used = AtomicU64::new(0);
        Arc::new(Self { used, most })
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> bool {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.most;
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Fill {
    /// A body that is here.
    pub(super) fn whole(bytes: &Bytes, budget: &Arc<Budget>) -> Arc<Self> {
        // A copy: what came with a head may hold on to a larger buffer.
        let bytes = Bytes::copy_from_slice(bytes);
        Self::new(Some(bytes.len() as u64), Phase::Whole(bytes), budget)
    }

    /// Starts to read `body`, of at most `longest` bytes, and tells `done` whether all of it came. Gives it back as the
    /// client who asked for it reads it.
    pub(super) fn start(
        body: Body,
        longest: u64,
        budget: &Arc<Budget>,
        done: impl FnOnce(Option<Bytes>) + 'static,
    ) -> (Arc<Self>, Body) {
        let (pieces, length) = (Vec::new(), 0);
        let fill = Self::new(body.length(), Phase::Coming { pieces, length }, budget);
        let rest = Rest::default();
        let reader = Leading {
            reader: Reader::new(&fill),
            rest: Rc::clone(&rest),
        };
        let filling = Arc::clone(&fill);
        tokio::task::spawn_local(async move {
            done(filling.read(body, longest, &rest).await);
        });
        (fill, Body::stream(reader))
    }

    fn new(length: Option<u64>, phase: Phase, budget: &Arc<Budget>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                phase,
                waiting: Vec::new(),
            }),
            length,
            readers: AtomicUsize::new(0),
            budget: Arc::clone(budget),
        })
    }

    /// All of it, if it is here.
    pub(super) fn bytes(&self) -> Option<Bytes> {
        match &self.state().phase {
            Phase::Whole(bytes) => Some(bytes.clone()),
            Phase::Coming { .. } | Phase::Broken { .. } => None,
        }
    }

    /// Whether others than the first client may read it: it will be whole, unless the server fails.
    pub(super) fn shared(&self) -> bool {
        match &self.state().phase {
            Phase::Whole(_) => true,
            Phase::Coming { .. } => self.length.is_some(),
            Phase::Broken { .. } => false,
        }
    }

    /// It as another client reads it.
    pub(super) fn body(self: &Arc<Self>) -> Body {
        match self.bytes() {
            Some(bytes) => Body::Full(bytes),
            None => Body::stream(Reader::new(self)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, mut body: Body, longest: u64, rest: &Rest) -> Option<Bytes> {
        loop {
            let left = match body.frame().await {
                None => return Some(self.finish()),
                // Nobody waits for it, and nobody knows whether it ends.
                Some(Ok(_))
                    if self.length.is_none() && self.readers.load(Ordering::Relaxed) == 0 =>
                {
                    self.cut();
                    return None;
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if self.push(&data, longest) => continue,
                    Ok(data) => Body::stream(First::new(Ok(Frame::data(data)), body)),
                    // Trailers belong to this exchange, and are not stored.
                    Err(trailers) => Body::stream(First::new(Ok(trailers), body)),
                },
                Some(Err(error)) => Body::stream(First::new(Err(error), Body::Empty)),
            };
            rest.replace(Some(left));
            self.cut();
            return None;
        }
    }

    fn push(&self, data: &Bytes, longest: u64) -> bool {
        let mut state = self.state();
        let Phase::Coming { pieces, length } = &mut state.phase else {
            return false;
        };
        let more = data.len() as u64;
        if *length as u64 + more > longest || !self.budget.take(more) {
            return false;
        }
        pieces.push(data.clone());
        *length += data.len();
        state.wake();
        true
    }

    fn finish(&self) -> Bytes {
        let mut state = self.state();
        let Phase::Coming { pieces, length } = &state.phase else {
            return Bytes::new();
        };
        // In one piece, and of its own: those that came may hold on to larger buffers.
        let mut bytes = BytesMut::with_capacity(*length);
        pieces
            .iter()
            .for_each(|piece| bytes.extend_from_slice(piece));
        let bytes = bytes.freeze();
        self.budget.give_back(*length as u64);
        state.phase = Phase::Whole(bytes.clone());
        state.wake();
        bytes
    }

    fn cut(&self) {
        let mut state = self.state();
        if let Phase::Coming { pieces, length } = &mut state.phase {
            let (pieces, length) = (std::mem::take(pieces), *length);
            state.phase = Phase::Broken { pieces, length };
        }
        state.wake();
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        match &self.state().phase {
            Phase::Coming { length, .. } | Phase::Broken { length, .. } => {
                self.budget.give_back(*length as u64);
            }
            Phase::Whole(_) => {}
        }
    }
}

impl State {
    fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

/// A client's place in it.
struct Reader {
    fill: Arc<Fill>,
    /// Bytes read, and pieces while there are such.
    read: usize,
    piece: usize,
}

/// What a reader finds.
enum Found {
    Data(Bytes),
    End,
    Broken,
}

impl Reader {
    fn new(fill: &Arc<Fill>) -> Self {
        fill.readers.fetch_add(1, Ordering::Relaxed);
        Self {
            fill: Arc::clone(fill),
            read: 0,
            piece: 0,
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Found> {
        let mut state = self.fill.state();
        let found = match &state.phase {
            Phase::Whole(bytes) if self.read < bytes.len() => Found::Data(bytes.slice(self.read..)),
            Phase::Whole(_) => Found::End,
            Phase::Coming { pieces, .. } | Phase::Broken { pieces, .. } => {
                match (pieces.get(self.piece), &state.phase) {
                    (Some(piece), _) => Found::Data(piece.clone()),
                    (None, Phase::Broken { .. }) => Found::Broken,
                    (None, _) => {
                        if !state
                            .waiting
                            .iter()
                            .any(|waker| waker.will_wake(cx.waker()))
                        {
                            state.waiting.push(cx.waker().clone());
                        }
                        return Poll::Pending;
                    }
                }
            }
        };
        drop(state);
        if let Found::Data(data) = &found {
            self.read += data.len();
            self.piece += 1;
        }
        Poll::Ready(found)
    }

    fn left(&self) -> SizeHint {
        match self.fill.length {
            Some(length) => SizeHint::with_exact(length.saturating_sub(self.read as u64)),
            None => SizeHint::new(),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.fill.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

type Polled = Poll<Option<Result<Frame<Bytes>, ProxyError>>>;

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        self.get_mut().poll(cx).map(|found| match found {
            Found::Data(data) => Some(Ok(Frame::data(data))),
            Found::End => None,
            Found::Broken => Some(Err(ProxyError::upstream(ErrorKind::Unreachable).because(
                "the server ended an answer before its end, of which others wait for a copy",
            ))),
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.left()
    }
}

/// The place of the client who asked: what cannot be kept goes to it alone.
struct Leading {
    reader: Reader,
    rest: Rest,
}

impl http_body::Body for Leading {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = self.get_mut();
        match this.reader.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Found::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Poll::Ready(Found::End) => Poll::Ready(None),
            Poll::Ready(Found::Broken) => match &mut *this.rest.borrow_mut() {
                Some(rest) => Pin::new(rest).poll_frame(cx),
                None => Poll::Ready(None),
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.reader.left()
    }
}

/// A frame that was read already, and the body behind it.
struct First {
    frame: Option<Result<Frame<Bytes>, ProxyError>>,
    body: Body,
}

impl First {
    fn new(frame: Result<Frame<Bytes>, ProxyError>, body: Body) -> Self {
        let frame = Some(frame);
        Self { frame, body }
    }
}

impl http_body::Body for First {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = self.get_mut();
        match this.frame.take() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut this.body).poll_frame(cx),
        }
    }
}
