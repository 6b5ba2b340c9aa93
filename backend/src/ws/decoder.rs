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
    /// The beginning of a header or of a control frame.
    partial: Vec<u8>,
    /// What a frame with data still lacks.
    rest: Option<Rest>,
    /// A message in several pieces, so far: frames are pieces, and so is what was read of one.
    message: Option<Message>,
}

/// See `Decoder::rest`.
#[derive(Debug)]
struct Rest {
    /// The message ends with this frame.
    is_final: bool,
    length: usize,
    /// Beginning with the byte for what comes next.
    mask: [u8; 4],
}

#[derive(Debug)]
struct Message {
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
            rest: None,
            message: None,
        }
    }

    /// Takes what was read, and calls `each` for every event until it says `false`. The bytes are unmasked in place.
    ///
    /// # Errors
    /// The client broke the protocol. Nothing it sends after that means anything, and the decoder is not to be fed again.
    pub(super) fn feed(
        &mut self,
        bytes: &mut [u8],
        mut each: impl FnMut(Event<'_>) -> bool,
    ) -> Result<(), Close> {
        let begun = self.finish(bytes, &mut each)?;
        let bytes = bytes.get_mut(begun..).unwrap_or_default();
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

    /// Takes what belongs to a frame that was cut off; says how many bytes that was.
    fn finish(
        &mut self,
        bytes: &mut [u8],
        each: &mut impl FnMut(Event<'_>) -> bool,
    ) -> Result<usize, Close> {
        let Some(rest) = self.rest.take() else {
            return Ok(0);
        };
        let count = rest.length.min(bytes.len());
        let piece = bytes.get_mut(..count).unwrap_or_default();
        unmask(piece, rest.mask);
        self.append(piece)?;
        if count < rest.length {
            self.rest = Some(rest.after(count));
        } else if rest.is_final && !self.complete(each)? {
            return Ok(bytes.len());
        }
        Ok(count)
    }

    /// Handles whole frames, and begins one of data that is cut off; says how many bytes they were.
    fn frames(
        &mut self,
        bytes: &mut [u8],
        each: &mut impl FnMut(Event<'_>) -> bool,
    ) -> Result<usize, Close> {
        let mut used = 0;
        loop {
            let left = bytes.get_mut(used..).unwrap_or_default();
            let mut cursor = Cursor::new(&*left);
            let header = FrameHeader::parse(&mut cursor).map_err(|_| Close::PROTOCOL)?;
            let Some((header, length)) = header else {
                return Ok(used);
            };
            let start = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
            self.check(&header, length)?;
            let length = usize::try_from(length).map_err(|_| Close::TOO_LARGE)?;
            let mask = header.mask.unwrap_or_default();
            let left = left.get_mut(start..).unwrap_or_default();
            let Some(payload) = left.get_mut(..length) else {
                if let OpCode::Data(data) = header.opcode {
                    unmask(left, mask);
                    self.piece(data, left)?;
                    let is_final = header.is_final;
                    let rest = Rest {
                        is_final,
                        length,
                        mask,
                    };
                    self.rest = Some(rest.after(left.len()));
                    return Ok(bytes.len());
                }
                return Ok(used);
            };
            unmask(payload, mask);
            used += start + length;
            if !self.frame(&header, payload, each)? {
                // Whatever comes after a close is not read.
                return Ok(bytes.len());
            }
        }
    }

    /// What can be seen from a header alone.
    fn check(&self, header: &FrameHeader, length: u64) -> Result<(), Close> {
        if header.mask.is_none() {
            return Err(Close::NOT_MASKED);
        }
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Close::PROTOCOL);
        }
        let data = match header.opcode {
            OpCode::Control(Control::Reserved(_)) | OpCode::Data(Data::Reserved(_)) => {
                return Err(Close::PROTOCOL);
            }
            OpCode::Control(_) if header.is_final && length <= CONTROL => return Ok(()),
            OpCode::Control(_) => return Err(Close::PROTOCOL),
            OpCode::Data(data) => data,
        };
        // A message goes on until it ends, and only then another one begins.
        if (data == Data::Continue) != self.message.is_some() {
            return Err(Close::PROTOCOL);
        }
        let message = self.message.as_ref();
        let before = message.map_or(0, |message| message.bytes.len());
        match (before as u64).saturating_add(length) <= self.limit as u64 {
            true => Ok(()),
            false => Err(Close::TOO_LARGE),
        }
    }

    /// Handles a whole frame; `false` ends reading.
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
        match (data, header.is_final) {
            (Data::Text, true) => Ok(each(Event::Text(utf8(payload)?))),
            (Data::Binary, true) => Ok(each(Event::Binary(payload))),
            (_, is_final) => {
                self.piece(data, payload)?;
                match is_final {
                    true => self.complete(each),
                    false => Ok(true),
                }
            }
        }
    }

    /// Adds a piece of a message, be it the first one.
    fn piece(&mut self, data: Data, payload: &[u8]) -> Result<(), Close> {
        if data != Data::Continue {
            self.message = Some(Message {
                text: data == Data::Text,
                bytes: Vec::new(),
                valid: 0,
            });
        }
        self.append(payload)
    }

    /// Adds to a message; a text that can't become UTF-8 any more is refused at once.
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

    /// Hands over the message in pieces.
    fn complete(&mut self, each: &mut impl FnMut(Event<'_>) -> bool) -> Result<bool, Close> {
        match self.message.take() {
            Some(message) if message.text => Ok(each(Event::Text(utf8(&message.bytes)?))),
            Some(message) => Ok(each(Event::Binary(&message.bytes))),
            None => Err(Close::PROTOCOL),
        }
    }
}

impl Rest {
    /// What lacks when `count` more bytes have come.
    fn after(mut self, count: usize) -> Self {
        self.length -= count;
        self.mask.rotate_left(count % 4);
        self
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

    /// A frame under a mask; `head` is its first byte.
    fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x12, 0x34, 0x56, 0x78];
        let mut frame = vec![head];
        match payload.len() {
            short @ 0..=125 => frame.push(0x80 | short as u8),
            long => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(long as u16).to_be_bytes());
            }
        }
        frame.extend_from_slice(&mask);
        let start = frame.len();
        frame.extend_from_slice(payload);
        unmask(&mut frame[start..], mask);
        frame
    }

    /// Events as text, and the fault if one was found; the bytes come in pieces of `size`.
    fn decoded(bytes: &[u8], size: usize) -> (Vec<String>, Option<Close>) {
        let mut decoder = Decoder::new(1024);
        let mut events = Vec::new();
        for piece in bytes.chunks(size) {
            let fed = decoder.feed(&mut piece.to_vec(), |event| {
                events.push(format!("{event:?}"));
                true
            });
            if let Err(close) = fed {
                return (events, Some(close));
            }
        }
        (events, None)
    }

    #[test]
    fn pieces_are_as_good_as_the_whole() {
        let long = "ä€𝄞-".repeat(60);
        let mut stream = Vec::new();
        for (head, payload) in [
            (0x81, long.as_bytes()),
            (0x89, b"ping"),
            (0x01, "ä".as_bytes().get(..1).unwrap_or_default()),
            (0x8a, b""),
            (0x00, "ä".as_bytes().get(1..).unwrap_or_default()),
            (0x80, b"."),
            (0x82, &[0xff; 300]),
            (0x81, b""),
            (0x88, &[3, 232]),
        ] {
            stream.extend_from_slice(&frame(head, payload));
        }
        let whole = decoded(&stream, usize::MAX);
        assert_eq!(whole.1, None);
        assert_eq!(whole.0.len(), 7, "{:?}", whole.0);
        assert_eq!(whole.0[0], format!("Text({long:?})"));
        assert_eq!(whole.0[3], "Text(\"ä.\")");
        for size in 1..400 {
            assert_eq!(decoded(&stream, size), whole, "in pieces of {size}");
        }
    }

    #[test]
    fn a_text_that_can_not_become_utf_8_is_refused_at_once() {
        let mut text = "κόσμε".as_bytes().to_vec();
        text.extend_from_slice(&[0xf4, 0x90]);
        let bad = text.len();
        text.extend_from_slice(b"never looked at");
        for (head, before) in [(0x81, Vec::new()), (0x80, frame(0x01, b"begun"))] {
            let mut stream = before;
            let start = stream.len() + 6;
            stream.extend_from_slice(&frame(head, &text));
            let mut decoder = Decoder::new(1024);
            let fed = decoder.feed(&mut stream[..start + bad - 1], |_| true);
            assert_eq!(fed, Ok(()), "still good");
            let fed = decoder.feed(&mut stream[start + bad - 1..start + bad], |_| true);
            assert_eq!(fed, Err(Close::NOT_UTF8));
        }
    }

    #[test]
    fn faults() {
        for (stream, expected) in [
            (frame(0x88, b"\x01"), Close::PROTOCOL),
            (frame(0x88, &[0, 0]), Close::PROTOCOL),
            (frame(0x88, &[3, 232, 0xff]), Close::NOT_UTF8),
            (frame(0x88, &[b'a'; 126]), Close::PROTOCOL),
            (frame(0x08, b""), Close::PROTOCOL),
            (frame(0x83, b""), Close::PROTOCOL),
            (frame(0x8b, b""), Close::PROTOCOL),
            (frame(0xc1, b"a"), Close::PROTOCOL),
            (frame(0x80, b"a"), Close::PROTOCOL),
            (
                [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
                Close::PROTOCOL,
            ),
            (frame(0x82, &[0; 1025]), Close::TOO_LARGE),
            (
                [frame(0x02, &[0; 1000]), frame(0x80, &[0; 25])].concat(),
                Close::TOO_LARGE,
            ),
            (b"\x81\x01a".to_vec(), Close::NOT_MASKED),
        ] {
            for size in [1, 7, usize::MAX] {
                let (events, fault) = decoded(&stream, size);
                assert_eq!((events.len(), &fault), (0, &Some(expected)), "{stream:?}");
            }
        }
    }
}
