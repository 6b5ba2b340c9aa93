//! What one client is yet to get: the rest of the message being written, then its lanes.
//!
//! The common case touches no lane at all: nothing waits, so a publication is written to the socket from the shared bytes.

use std::io::{self, ErrorKind, IoSlice};
use std::time::{Duration, Instant};

use super::{Bounds, Channel, Lanes, Message, Publication, Pushed};

/// Messages handed to the socket in one call when several wait.
const BATCH: usize = 16;

/// Where the bytes go: a socket that doesn't wait.
pub trait Pipe {
    /// Writes what fits, and says how many bytes that was.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits now; anything else means that the connection is lost.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// As [`Self::try_write`], of several pieces.
    ///
    /// # Errors
    /// As there.
    fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// A whole message has been handed to the socket.
    fn sent(&self, message: &Message);
}

/// Whether something still waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    All,
    /// The socket takes no more now; flush again when it is writable.
    Blocked,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Outbox {
    lanes: Lanes,
    /// Taken from the lanes; of the first one, `written` bytes are out.
    flying: Vec<Message>,
    written: usize,
    /// Since when the socket has taken nothing.
    blocked: Option<Instant>,
    /// Nothing more is accepted: a close frame is the last that goes out.
    closing: bool,
}

impl Outbox {
    pub fn new() -> Self {
        Self {
            lanes: Lanes::default(),
            flying: Vec::new(),
            written: 0,
            blocked: None,
            closing: false,
        }
    }

    /// Takes a publication, and writes it at once if nothing else waits.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn offer(
        &mut self,
        publication: &Publication,
        bounds: &Bounds,
        pipe: &impl Pipe,
    ) -> io::Result<Pushed> {
        if self.closing {
            return Ok(Pushed::Kept);
        }
        if self.blocked.is_none() && self.flying.is_empty() && self.lanes.is_empty() {
            self.write_one(&publication.message, pipe)?;
            return Ok(Pushed::Kept);
        }
        let pushed = self.lanes.push(publication, bounds);
        self.flush(pipe)?;
        Ok(pushed)
    }

    /// Takes a message for this client alone. It goes out with the next flush.
    pub fn push(&mut self, message: Message, bounds: &Bounds) -> Pushed {
        if self.closing {
            return Pushed::Kept;
        }
        self.lanes.push_control(message, bounds)
    }

    /// Takes the last message, a close frame. What waits is dropped, what is half written is finished first.
    pub fn close(&mut self, frame: Message) {
        if self.closing {
            return;
        }
        self.closing = true;
        self.lanes.clear_all();
        self.flying.truncate(usize::from(self.written > 0));
        self.flying.push(frame);
    }

    /// Takes a last message and then the close frame; unlike [`Self::close`] alone it lets the control lane go out first.
    pub fn close_after(&mut self, message: Message, frame: Message) {
        if !self.closing {
            self.close(message);
            self.flying.push(frame);
        }
    }

    /// Forgets what waits for a channel.
    pub fn clear(&mut self, channel: Channel) {
        self.lanes.clear(channel);
    }

    /// Writes what the socket takes.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn flush(&mut self, pipe: &impl Pipe) -> io::Result<Flushed> {
        loop {
            if self.flying.is_empty() {
                let Some(first) = self.lanes.pop() else {
                    self.blocked = None;
                    return Ok(Flushed::All);
                };
                if self.lanes.is_empty() {
                    if self.write_one(&first, pipe)? == Flushed::Blocked {
                        return Ok(Flushed::Blocked);
                    }
                    continue;
                }
                self.flying.push(first);
                while self.flying.len() < BATCH
                    && let Some(message) = self.lanes.pop()
                {
                    self.flying.push(message);
                }
            }
            if self.write_flying(pipe)? == Flushed::Blocked {
                return Ok(Flushed::Blocked);
            }
        }
    }

    /// How long the socket has taken nothing although something waits.
    pub fn blocked_for(&self, now: Instant) -> Option<Duration> {
        self.blocked
            .map(|since| now.saturating_duration_since(since))
    }

    /// Messages and bytes that wait, those being written included.
    pub fn size(&self) -> (usize, usize) {
        let (count, bytes) = self.lanes.size();
        let flying: usize = self
            .flying
            .iter()
            .map(|message| message.bytes().len())
            .sum();
        (count + self.flying.len(), bytes + flying - self.written)
    }

    /// Whether everything that was taken is written.
    pub fn is_empty(&self) -> bool {
        self.flying.is_empty() && self.lanes.is_empty()
    }

    /// Whether a close frame is out or about to be.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Writes a message that nothing goes before, and keeps what does not fit.
    fn write_one(&mut self, message: &Message, pipe: &impl Pipe) -> io::Result<Flushed> {
        let length = message.bytes().len();
        let written = match pipe.try_write(message.bytes()) {
            Ok(written) if written >= length => {
                self.blocked = None;
                pipe.sent(message);
                return Ok(Flushed::All);
            }
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        self.flying.push(message.clone());
        self.written = written;
        self.block(written > 0);
        Ok(Flushed::Blocked)
    }

    fn write_flying(&mut self, pipe: &impl Pipe) -> io::Result<Flushed> {
        let mut pieces = [IoSlice::new(&[]); BATCH + 2];
        let count = self.flying.len().min(pieces.len());
        let mut skip = self.written;
        for (piece, message) in pieces.iter_mut().zip(&self.flying) {
            *piece = IoSlice::new(message.bytes().get(skip..).unwrap_or_default());
            skip = 0;
        }
        let pieces = pieces.get(..count).unwrap_or_default();
        let wanted: usize = pieces.iter().map(|piece| piece.len()).sum();
        let written = match pipe.try_write_vectored(pieces) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.block(false);
                return Ok(Flushed::Blocked);
            }
            Err(error) => return Err(error),
        };
        self.advance(written, pipe);
        if written < wanted {
            self.block(written > 0);
            return Ok(Flushed::Blocked);
        }
        Ok(Flushed::All)
    }

    fn advance(&mut self, written: usize, pipe: &impl Pipe) {
        let mut position = self.written + written;
        let mut done = 0;
        for message in &self.flying {
            let length = message.bytes().len();
            if position < length {
                break;
            }
            position -= length;
            done += 1;
            pipe.sent(message);
        }
        self.written = position;
        self.flying.drain(..done);
        if self.flying.is_empty() {
            // An idle client keeps no buffer.
            self.flying = Vec::new();
        }
    }

    fn block(&mut self, progress: bool) {
        if progress || self.blocked.is_none() {
            self.blocked = Some(Instant::now());
        }
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}
