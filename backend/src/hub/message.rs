//! One encoded message: the bytes of a whole WebSocket frame, shared by everyone who gets it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::{Channel, Lane};

/// Opcodes of RFC 6455, section 5.2, with the final bit set.
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// Longest header of an unmasked frame.
const LONGEST_HEADER: usize = 10;

/// A message as it goes over the wire. Cloning shares the bytes.
#[derive(Clone)]
pub struct Message(Arc<Encoded>);

struct Encoded {
    /// Room for the longest header, then the payload; the header's first byte is at `start`.
    bytes: Vec<u8>,
    start: u8,
    kind: &'static str,
    at: Instant,
    merge: Option<Merge>,
}

/// How a message that replaces an older one in a slot is written again, so that it tells of both.
pub struct Merge {
    /// Bit set of what changed; its meaning is the encoder's affair.
    pub changes: u64,
    /// Writes the same message with another set of changes.
    pub encode: Box<dyn Fn(u64) -> Message + Send + Sync>,
}

impl Message {
    /// A text frame. `kind` is the `type` of the message, or what metrics shall call it.
    pub fn text(kind: &'static str, payload: &[u8]) -> Self {
        Self::frame(TEXT, kind, payload, None)
    }

    /// A text frame for a latest-wins slot, which can be written again for a client that missed some.
    pub fn mergeable(kind: &'static str, payload: &[u8], merge: Merge) -> Self {
        Self::frame(TEXT, kind, payload, Some(merge))
    }

    /// A binary frame.
    pub fn binary(kind: &'static str, payload: &[u8]) -> Self {
        Self::frame(BINARY, kind, payload, None)
    }

    /// A ping frame; at most 125 bytes of payload (RFC 6455, section 5.5).
    pub fn ping(payload: &[u8]) -> Self {
        Self::frame(PING, "ping frame", payload, None)
    }

    /// The answer to a ping frame, with its payload.
    pub fn pong(payload: &[u8]) -> Self {
        Self::frame(PONG, "pong frame", payload, None)
    }

    /// A close frame. `None` has no body: the answer to a close without one.
    pub fn close(code: Option<u16>, reason: &str) -> Self {
        let mut body = Vec::with_capacity(2 + reason.len());
        if let Some(code) = code {
            body.extend_from_slice(&code.to_be_bytes());
            body.extend_from_slice(reason.as_bytes());
        }
        Self::frame(CLOSE, "close frame", &body, None)
    }

    fn frame(opcode: u8, kind: &'static str, payload: &[u8], merge: Option<Merge>) -> Self {
        let length = payload.len();
        let mut bytes = Vec::with_capacity(LONGEST_HEADER + length);
        bytes.push(opcode);
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short), _) if short < 126 => bytes.push(short),
            (_, Ok(middle)) => {
                bytes.push(126);
                bytes.extend_from_slice(&middle.to_be_bytes());
            }
            _ => {
                bytes.push(127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        let start = u8::try_from(bytes.len()).unwrap_or_default();
        bytes.extend_from_slice(payload);
        Self(Arc::new(Encoded {
            bytes,
            start,
            kind,
            at: Instant::now(),
            merge,
        }))
    }

    /// The whole frame, header included.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// What is in the frame.
    pub fn payload(&self) -> &[u8] {
        self.0
            .bytes
            .get(usize::from(self.0.start)..)
            .unwrap_or_default()
    }

    /// What metrics call it.
    pub fn kind(&self) -> &'static str {
        self.0.kind
    }

    /// When it was encoded.
    pub fn at(&self) -> Instant {
        self.0.at
    }

    /// Whether it is a frame of the protocol rather than a message (RFC 6455, section 5.5).
    pub fn is_control_frame(&self) -> bool {
        self.0.bytes.first().is_some_and(|first| first & 0x08 != 0)
    }

    /// What changed with it; 0 when it can't tell.
    pub fn changes(&self) -> u64 {
        self.0.merge.as_ref().map_or(0, |merge| merge.changes)
    }

    /// This message, telling of `changes` as well.
    #[must_use]
    pub fn with_changes(&self, changes: u64) -> Self {
        match &self.0.merge {
            Some(merge) if merge.changes | changes != merge.changes => {
                (merge.encode)(merge.changes | changes)
            }
            _ => self.clone(),
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Message")
            .field("kind", &self.0.kind)
            .field("bytes", &self.0.bytes.len())
            .finish_non_exhaustive()
    }
}

/// A message to everyone on a channel.
#[derive(Clone, Debug)]
pub struct Publication {
    pub channel: Channel,
    /// Where it waits with a client that can't take it at once.
    pub lane: Lane,
    pub message: Message,
    /// What the channel counts by: clients whose snapshot has this already are not told. 0 is told to everyone.
    pub version: u64,
    /// A set of choices ([`super::Client`] knows its own) that it is for; none is everyone.
    pub audience: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_the_shortest_length_form() {
        for (length, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 255, 255]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![b'x'; length];
            let message = Message::text("test", &payload);
            assert_eq!(message.bytes()[..header.len()], header, "{length}");
            assert_eq!(message.payload(), payload);
        }
    }

    #[test]
    fn close_frames_carry_code_and_reason() {
        assert_eq!(Message::close(None, "").bytes(), [0x88, 0]);
        assert_eq!(
            Message::close(Some(1013), "slow").bytes(),
            [0x88, 6, 0x03, 0xf5, b's', b'l', b'o', b'w']
        );
        assert!(Message::close(None, "").is_control_frame());
        assert!(!Message::text("x", b"{}").is_control_frame());
    }

    #[test]
    fn only_missing_changes_cost_another_encoding() {
        let message = Message::mergeable(
            "stateUpdate",
            b"1",
            Merge {
                changes: 0b01,
                encode: Box::new(|changes| {
                    Message::text("stateUpdate", changes.to_string().as_bytes())
                }),
            },
        );
        assert_eq!(message.with_changes(0b01).payload(), b"1");
        assert_eq!(message.with_changes(0b10).payload(), b"3");
    }
}
