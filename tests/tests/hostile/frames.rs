//! A raw HTTP/2 client: frames as the test writes them, and just enough decoding to see what came back.

use anyhow::{Context as _, Result, bail};
use sluice_tests::poll;
use sluice_tests::stream::{self, Boxed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame that came.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Status(u16),
    /// Its stream was reset, with that code.
    Reset(u32),
    /// The connection ends.
    Ended,
}

pub(crate) struct Connection {
    stream: Boxed,
}

/// A frame as bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields without compression.
pub(crate) fn block<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name.as_ref(), value.as_ref()] {
            integer(&mut out, 0, 7, text.len());
            out.extend_from_slice(text);
        }
    }
    out
}

/// An integer behind a prefix of `bits` bits (RFC 7541 section 5.1).
fn integer(out: &mut Vec<u8>, first: u8, bits: u32, mut value: usize) {
    let most = (1 << bits) - 1;
    let byte = |value: usize| u8::try_from(value & 0xff).unwrap_or_default();
    if value < most {
        return out.push(first | byte(value));
    }
    out.push(first | byte(most));
    value -= most;
    while value >= 128 {
        out.push(byte(value % 128) | 128);
        value /= 128;
    }
    out.push(byte(value));
}

/// The fields of a GET of `a.test`.
pub(crate) fn get(path: &str) -> Vec<(&str, &str)> {
    vec![
        (":method", "GET"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "a.test"),
    ]
}

/// A whole request without a body.
pub(crate) fn request<N: AsRef<[u8]>, V: AsRef<[u8]>>(stream: u32, fields: &[(N, V)]) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(fields))
}

impl Connection {
    /// A connection without TLS, its preface sent.
    pub(crate) async fn open(port: u16) -> Result<Self> {
        Self::over(Box::new(stream::plain(port).await?)).await
    }

    /// As [`Self::open`], over any stream.
    pub(crate) async fn over(stream: Boxed) -> Result<Self> {
        let mut connection = Self { stream };
        connection.send(PREFACE).await?;
        connection.send(&frame(SETTINGS, 0, 0, &[])).await?;
        Ok(connection)
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// The next frame; `None` where the connection ended. Settings are acknowledged.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>> {
        let stream = &mut self.stream;
        let frame = poll::soon("a frame", async {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                return Ok(None);
            }
            let [a, b, c, kind, flags, stream_id @ ..] = head;
            let length = u32::from_be_bytes([0, a, b, c]);
            let mut payload = vec![0; usize::try_from(length)?];
            if stream.read_exact(&mut payload).await.is_err() {
                return Ok(None);
            }
            Ok(Some(Frame {
                kind,
                flags,
                stream: u32::from_be_bytes(stream_id),
                payload,
            }))
        })
        .await?;
        if let Some(frame) = &frame
            && frame.kind == SETTINGS
            && frame.flags & 1 == 0
        {
            // The connection may be gone already.
            let _ = self.send(&self::frame(SETTINGS, 1, 0, &[])).await;
        }
        Ok(frame)
    }

    /// What becomes of the request on `stream`.
    pub(crate) async fn outcome(&mut self, stream: u32) -> Result<Outcome> {
        while let Some(frame) = self.next().await? {
            match frame.kind {
                HEADERS if frame.stream == stream => {
                    return Ok(Outcome::Status(status(&frame.payload)?));
                }
                RESET if frame.stream == stream => {
                    let code = frame.payload.first_chunk().context("a code")?;
                    return Ok(Outcome::Reset(u32::from_be_bytes(*code)));
                }
                GOAWAY => return Ok(Outcome::Ended),
                _ => {}
            }
        }
        Ok(Outcome::Ended)
    }

    /// Reads until the connection ends; answers the code of the GOAWAY, if there was one.
    pub(crate) async fn end(&mut self) -> Result<Option<u32>> {
        let mut code = None;
        while let Some(frame) = self.next().await? {
            if frame.kind == GOAWAY {
                let bytes = frame.payload.get(4..).and_then(|rest| rest.first_chunk());
                code = bytes.map(|bytes| u32::from_be_bytes(*bytes));
            }
        }
        Ok(code)
    }

    /// The stream below, to read and write at once.
    pub(crate) fn into_stream(self) -> Boxed {
        self.stream
    }
}

/// The status of an answer, the first of its fields.
fn status(block: &[u8]) -> Result<u16> {
    let start = block.iter().position(|byte| byte & 0xe0 != 0x20);
    let block = start
        .and_then(|start| block.get(start..))
        .unwrap_or_default();
    let known = [200, 204, 206, 304, 400, 404, 500];
    match block {
        [index @ 0x88..=0x8e, ..] => Ok(known[usize::from(index - 0x88)]),
        [0x08 | 0x18 | 0x48, length, rest @ ..] => {
            let text = rest.get(..usize::from(length & 0x7f)).context("a status")?;
            let digits = if length & 0x80 == 0 {
                text.to_vec()
            } else {
                huffman(text)?
            };
            Ok(String::from_utf8(digits)?.parse()?)
        }
        other => bail!("no status: {other:02x?}"),
    }
}

/// Digits by the code of RFC 7541 appendix B.
fn huffman(bytes: &[u8]) -> Result<Vec<u8>> {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let mut rest = bits.as_str();
    let codes = [
        "00000", "00001", "00010", "011001", "011010", "011011", "011100", "011101", "011110",
        "011111",
    ];
    let mut out = Vec::new();
    // What fills the last byte are ones.
    'next: while rest.contains('0') {
        for (digit, code) in (b'0'..).zip(codes) {
            if let Some(tail) = rest.strip_prefix(code) {
                out.push(digit);
                rest = tail;
                continue 'next;
            }
        }
        bail!("no digits: {bits}");
    }
    Ok(out)
}
