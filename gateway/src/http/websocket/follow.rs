//! Where frames begin and end in a stream of bytes (RFC 6455 section 5.2). Payloads are passed over, and never unmasked.

/// The longest head: two bytes, a length of eight, a mask of four.
const LONGEST: usize = 14;
const CONTINUATION: u8 = 0;
const CLOSE: u8 = 8;
const PING: u8 = 9;
/// The longest payload of a control frame (section 5.5).
const CONTROL: u64 = 125;

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last frame of its message.
    pub fin: bool,
    /// What kind of frame it is.
    pub opcode: u8,
    /// Bytes of the payload; compressed ones, where an extension compresses.
    pub length: u64,
    /// Bytes of the head itself, its mask included.
    pub size: usize,
}

/// A frame that RFC 6455 does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Head {
    /// The head at the start of `bytes`; `None` where there must be more.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let &[first, second, ..] = bytes else {
            return Ok(None);
        };
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let size = 2 + extended + mask;
        if bytes.len() < size {
            return Ok(None);
        }
        let written = bytes.get(2..2 + extended).unwrap_or_default();
        let length = match written {
            [] => u64::from(second & 0x7f),
            all => all.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
        };
        let head = Self {
            fin: first & 0x80 != 0,
            opcode: first & 0x0f,
            length,
            size,
        };
        let long = length > i64::MAX.unsigned_abs();
        let bad_control = head.is_control() && (!head.fin || length > CONTROL);
        match long || bad_control {
            true => Err(Malformed),
            false => Ok(Some(head)),
        }
    }

    /// Whether it may stand between the frames of a message.
    pub fn is_control(&self) -> bool {
        self.opcode >= CLOSE
    }

    /// Whether it goes on with a message.
    pub fn is_continuation(&self) -> bool {
        self.opcode == CONTINUATION
    }

    /// Whether it asks for an answer.
    pub fn is_ping(&self) -> bool {
        self.opcode == PING
    }

    /// Whether nothing follows it.
    pub fn is_close(&self) -> bool {
        self.opcode == CLOSE
    }
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub struct Follower {
    /// Bytes of the frame under way that are still to come.
    left: u64,
    closed: bool,
}

impl Follower {
    /// How many bytes at the start of `bytes` belong to whole heads and their payloads, and why it is not more: a head
    /// that is cut, which is to come again with its rest, or one that `judge` refuses, which is to come to nobody.
    pub fn follow<E: From<Malformed>>(
        &mut self,
        bytes: &[u8],
        mut judge: impl FnMut(&Head) -> Result<(), E>,
    ) -> (usize, Result<(), E>) {
        let mut at = self.finish(bytes);
        while let Some(rest) = bytes.get(at..)
            && !rest.is_empty()
        {
            let head = match Head::read(rest) {
                Ok(Some(head)) => head,
                Ok(None) => break,
                Err(malformed) => return (at, Err(malformed.into())),
            };
            if let Err(error) = judge(&head) {
                return (at, Err(error));
            }
            self.closed |= head.is_close();
            at += head.size;
            self.left = head.length;
            at += self.finish(bytes.get(at..).unwrap_or_default());
        }
        debug_assert!(bytes.len() - at < LONGEST, "more than a head is kept");
        (at, Ok(()))
    }

    /// How many of these bytes belong to the frame under way.
    pub fn finish(&mut self, bytes: &[u8]) -> usize {
        let here = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.left -= here as u64;
        here
    }

    /// Whether the bytes so far end with a frame, or there were none.
    pub fn is_between(&self) -> bool {
        self.left == 0
    }

    /// Whether a close frame has begun.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}
