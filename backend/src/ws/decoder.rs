//! Frames and messages from a client's bytes (RFC 6455, sections 5 and 8). Bytes in, events out: no socket, no clock.
//!
//! Whole frames are handled where they were read. Only what is cut off in the middle is copied, and an idle client keeps
//! no buffer at all.

use std::io::Cursor;
use std::mem;

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::close::Close;

/// Payload of a control frame, at most.
const CONTROL: u64 = 125;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    /// `None` had no code.
    Close(Option<u16>),
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The longest message, reassembled.
    limit: usize,
    /// The beginning of a frame.
    partial: Vec<u8>,
    /// The frames so far of a message in several.
    message: Option<Fragments>,
    /// A close frame has begun, be it a good one or not.
    closed: bool,
}

#[derive(Debug)]
struct Fragments {
    text: bool,
    bytes: Vec<u8>,
    /// This much of a text is known to be UTF-8.
    valid: usize,
}

impl Decoder {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            partial: Vec::new(),
            message: None,
            closed: false,
        }
    }

    /// Whether the client has closed, so that no other close of it is to be awaited.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes what was read, and calls `each` for every event until it says `false`. The bytes are unmasked in place.
    ///
    /// # Errors
    /// The client broke the protocol. Nothing it sends after that means anything.
    pub(super) fn feed(
        &mut self,
        bytes: &mut [u8],
        mut each: impl FnMut(Event<'_>) -> bool,
    ) -> Result<(), Close> {
        if self.partial.is_empty() {
            let used = self.frames(bytes, &mut each)?;
            self.partial = bytes.get(used..).unwrap_or_default().to_vec();
            return Ok(());
        }
        let mut partial = mem::take(&mut self.partial);
        partial.extend_from_slice(bytes);
        let used = self.frames(&mut partial, &mut each)?;
        if used < partial.len() {
            partial.drain(..used);
            self.partial = partial;
        }
        Ok(())
    }

    /// Handles whole frames; says how many bytes they were.
    fn frames(
        &mut self,
        bytes: &mut [u8],
        each: &mut impl FnMut(Event<'_>) -> bool,
    ) -> Result<usize, Close> {
        let mut used = 0;
        loop {
            let rest = bytes.get_mut(used..).unwrap_or_default();
            let mut cursor = Cursor::new(&*rest);
            let header = FrameHeader::parse(&mut cursor).map_err(|_| Close::PROTOCOL)?;
            let Some((header, length)) = header else {
                return Ok(used);
            };
            let start = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
            self.check(&header, length)?;
            let length = usize::try_from(length).map_err(|_| Close::TOO_LARGE)?;
            let Some(payload) = rest.get_mut(start..start.saturating_add(length)) else {
                return Ok(used);
            };
            unmask(payload, header.mask.unwrap_or_default());
            used += start + length;
            if !self.frame(&header, payload, each)? {
                // Whatever comes after a close is not read.
                return Ok(bytes.len());
            }
        }
    }

    /// What can be seen from a header alone.
    fn check(&mut self, header: &FrameHeader, length: u64) -> Result<(), Close> {
        self.closed |= header.opcode == OpCode::Control(Control::Close);
        if header.mask.is_none() {
            return Err(Close::NOT_MASKED);
        }
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Close::PROTOCOL);
        }
        if let OpCode::Control(_) = header.opcode {
            return match header.is_final && length <= CONTROL {
                true => Ok(()),
                false => Err(Close::PROTOCOL),
            };
        }
        let before = self
            .message
            .as_ref()
            .map_or(0, |message| message.bytes.len());
        match (before as u64).saturating_add(length) <= self.limit as u64 {
            true => Ok(()),
            false => Err(Close::TOO_LARGE),
        }
    }

    fn frame(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
        each: &mut impl FnMut(Event<'_>) -> bool,
    ) -> Result<bool, Close> {
        let data = match header.opcode {
            OpCode::Control(Control::Ping) => return Ok(each(Event::Ping(payload))),
            OpCode::Control(Control::Pong) => return Ok(each(Event::Pong(payload))),
            OpCode::Control(Control::Close) => return Ok(each(Event::Close(close_code(payload)?))),
            OpCode::Control(Control::Reserved(_)) => return Err(Close::PROTOCOL),
            OpCode::Data(data) => data,
        };
        match (data, header.is_final, self.message.is_some()) {
            (Data::Text, true, false) => Ok(each(Event::Text(utf8(payload)?))),
            (Data::Binary, true, false) => Ok(each(Event::Binary(payload))),
            (Data::Text | Data::Binary, false, false) => {
                self.message = Some(Fragments {
                    text: data == Data::Text,
                    bytes: Vec::new(),
                    valid: 0,
                });
                self.append(payload)?;
                Ok(true)
            }
            (Data::Continue, false, true) => {
                self.append(payload)?;
                Ok(true)
            }
            (Data::Continue, true, true) => {
                self.append(payload)?;
                match self.message.take() {
                    Some(message) if message.text => Ok(each(Event::Text(utf8(&message.bytes)?))),
                    Some(message) => Ok(each(Event::Binary(&message.bytes))),
                    None => Err(Close::PROTOCOL),
                }
            }
            _ => Err(Close::PROTOCOL),
        }
    }

    /// Adds a fragment; a text that can't become UTF-8 any more is refused at once.
    fn append(&mut self, payload: &[u8]) -> Result<(), Close> {
        let Some(message) = &mut self.message else {
            return Err(Close::PROTOCOL);
        };
        message.bytes.extend_from_slice(payload);
        if message.text {
            let new = message.bytes.get(message.valid..).unwrap_or_default();
            match std::str::from_utf8(new) {
                Ok(new) => message.valid += new.len(),
                Err(error) if error.error_len().is_some() => return Err(Close::NOT_UTF8),
                Err(error) => message.valid += error.valid_up_to(),
            }
        }
        Ok(())
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Close> {
    std::str::from_utf8(bytes).map_err(|_| Close::NOT_UTF8)
}

fn close_code(payload: &[u8]) -> Result<Option<u16>, Close> {
    match payload {
        [] => Ok(None),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !CloseCode::from(code).is_allowed() {
                return Err(Close::PROTOCOL);
            }
            utf8(reason)?;
            Ok(Some(code))
        }
        [_] => Err(Close::PROTOCOL),
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    // Eight bytes at a time; the compiler makes more of it.
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed_after(frame: &[u8]) -> (bool, bool) {
        let mut decoder = Decoder::new(1024);
        let fed = decoder.feed(&mut frame.to_vec(), |_| true);
        (fed.is_ok(), decoder.is_closed())
    }

    #[test]
    fn a_bad_close_is_a_close() {
        for (frame, expected) in [
            (&b"\x88\x80\0\0\0\0"[..], (true, true)),
            (b"\x88\x81\0\0\0\0\x01", (false, true)),
            (b"\x88\x82\0\0\0\0\0\0", (false, true)),
            (b"\x88\xfe\0\x7e\0\0\0\0", (false, true)),
            (b"\x83\x80\0\0\0\0", (false, false)),
            (b"\x81\x81\0\0\0\0a", (true, false)),
        ] {
            assert_eq!(closed_after(frame), expected, "{frame:?}");
        }
    }
}
