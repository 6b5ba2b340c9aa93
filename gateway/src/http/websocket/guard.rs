//! One WebSocket under its limits: counts what the client sends, and closes both sides properly at a limit.

use std::time::Instant;

use bytes::Bytes;

use super::follow::{Follower, Head, Malformed};
use super::limits::{Limits, Rate};
use crate::net::{EndReason, Look, Side, Watch};

/// Why a connection is closed, with its code (RFC 6455 section 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    TooLong,
    TooMany,
    Malformed,
    Idle,
    Old,
}

/// See the module.
#[derive(Debug)]
pub struct Guard {
    up: Follower,
    down: Follower,
    /// Bytes of the client's message under way; `None` between two.
    message: Option<u64>,
    longest: Option<u64>,
    buckets: Box<[Bucket]>,
    ending: Option<Why>,
}

#[derive(Debug)]
struct Bucket {
    rate: Rate,
    tokens: f64,
    filled: Instant,
}

impl From<Malformed> for Why {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl Why {
    fn code(self) -> u16 {
        match self {
            Self::TooLong => 1009,
            Self::TooMany => 1008,
            Self::Malformed => 1002,
            Self::Idle | Self::Old => 1001,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::TooLong => "message is too long",
            Self::TooMany => "too many messages",
            Self::Malformed => "frame breaks RFC 6455",
            Self::Idle => "connection was idle for too long",
            Self::Old => "connection is too old",
        }
    }
}

impl Guard {
    /// Nothing was sent yet.
    pub(super) fn new(limits: &Limits) -> Self {
        let now = Instant::now();
        let buckets = limits.rates.iter().map(|&rate| Bucket {
            rate,
            tokens: rate.burst,
            filled: now,
        });
        Self {
            up: Follower::default(),
            down: Follower::default(),
            message: None,
            longest: limits.message,
            buckets: buckets.collect(),
            ending: None,
        }
    }

    /// The client's bytes: frames count before anything of them passes.
    fn judge(&mut self, bytes: &[u8], now: Instant) -> (usize, Result<(), Why>) {
        let Self {
            up,
            message,
            longest,
            buckets,
            ..
        } = self;
        if longest.is_none() && buckets.is_empty() {
            return up.follow(bytes, |_| Ok(()));
        }
        up.follow(bytes, |head| {
            count(head, message, *longest)?;
            // A ping is to be answered, as a message is; pongs are answers, and a message counts once.
            let counts = head.is_ping() || !head.is_control() && !head.is_continuation();
            let within = |bucket: &mut Bucket| bucket.take(now);
            match !counts || buckets.iter_mut().all(within) {
                true => Ok(()),
                false => Err(Why::TooMany),
            }
        })
    }
}

/// Adds a frame to its message. Control frames stand between the frames of messages and belong to none.
fn count(head: &Head, message: &mut Option<u64>, longest: Option<u64>) -> Result<(), Why> {
    if head.is_control() {
        return Ok(());
    }
    // Servers end such a connection; those that do not would read another message than is counted here.
    if head.is_continuation() != message.is_some() {
        return Err(Why::Malformed);
    }
    let length = message.unwrap_or_default().saturating_add(head.length);
    if longest.is_some_and(|longest| length > longest) {
        return Err(Why::TooLong);
    }
    *message = (!head.fin).then_some(length);
    Ok(())
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate.per_second).min(self.rate.burst);
        self.filled = now;
        let granted = self.tokens >= 1.0;
        if granted {
            self.tokens -= 1.0;
        }
        granted
    }
}

impl Watch for Guard {
    fn look(&mut self, side: Side, bytes: &[u8]) -> Look {
        if self.ending.is_some() {
            let way = match side {
                Side::Client => &mut self.up,
                Side::Server => &mut self.down,
            };
            // The frame under way is carried to its end: a close frame in its middle would damage its message.
            let pass = way.finish(bytes);
            return Look {
                pass,
                last: way.is_between(),
            };
        }
        let (pass, judged) = match side {
            Side::Client => self.judge(bytes, Instant::now()),
            // What servers send is theirs; only where their frames end is to be known.
            Side::Server => self.down.follow(bytes, |_| Ok(())),
        };
        self.ending = judged.err();
        Look {
            pass,
            last: self.ending.is_some(),
        }
    }

    fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    fn time_is_up(&mut self, reason: EndReason) {
        let why = match reason {
            EndReason::Idle => Why::Idle,
            _ => Why::Old,
        };
        self.ending.get_or_insert(why);
    }

    fn farewell(&mut self, to: Side) -> Bytes {
        let closed = match to {
            Side::Client => self.down.is_closed(),
            Side::Server => self.up.is_closed(),
        };
        match self.ending {
            Some(why) if !closed => close(why, to == Side::Server),
            // Nothing follows a close frame.
            _ => Bytes::new(),
        }
    }
}

/// A close frame (section 5.5.1). What goes to servers is masked, as it is with clients (section 5.3).
fn close(why: Why, masked: bool) -> Bytes {
    let mut payload = why.code().to_be_bytes().to_vec();
    payload.extend_from_slice(why.text().as_bytes());
    // The texts are short: a length fits seven bits.
    let length = u8::try_from(payload.len()).unwrap_or_default();
    let mut frame = vec![0x88, length];
    if masked {
        let mut key = [0; 4];
        // Without random numbers the mask is zero, and hides only what is no secret.
        let _ = aws_lc_rs::rand::fill(&mut key);
        for (byte, mask) in payload.iter_mut().zip(key.iter().cycle()) {
            *byte ^= mask;
        }
        frame = vec![0x88, 0x80 | length];
        frame.extend_from_slice(&key);
    }
    frame.extend_from_slice(&payload);
    frame.into()
}
