//! One decision for the same bytes, whether they come at once, in two pieces, or one by one.

use bytes::BytesMut;
use gateway::h1::{BodyDecoder, Decoded, Framing, HeadError, HeadParser, Limits};

/// Longer inputs say nothing new, and are cut in too many places.
const LONGEST: usize = 2048;
/// Inputs up to this length are cut at every byte, longer ones at some.
const EVERY: usize = 256;

/// What was made of the bytes, up to the end of the first message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// The head is not complete.
    Waiting,
    /// Why is no part of the decision: of two faults, the one whose bytes came first is named.
    Refused,
    Taken {
        /// Everything of the head that decides anything.
        head: String,
        body: Body,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    Whole {
        data: Vec<u8>,
        trailers: usize,
        left: Vec<u8>,
    },
    /// More bytes would have to come, or the sender would have to close.
    Waiting {
        data: Vec<u8>,
    },
    Refused,
}

/// The same decision on a request, and on the body behind it, wherever the bytes are cut.
pub fn requests(bytes: &[u8]) {
    everywhere(bytes, &|pieces| {
        decide(pieces, |parser, buf, limits| {
            let head = parser.request(buf, limits)?;
            Ok(head.map(|head| (format!("{head:?}"), head.framing)))
        })
    });
}

/// As [`requests`], for answers to GET and to HEAD.
pub fn responses(bytes: &[u8]) {
    for head_request in [false, true] {
        everywhere(bytes, &|pieces| {
            decide(pieces, |parser, buf, limits| {
                let head = parser.response(buf, head_request, limits)?;
                Ok(head.map(|head| (format!("{head:?}"), head.framing)))
            })
        });
    }
}

fn everywhere(bytes: &[u8], decide: &dyn Fn(&[&[u8]]) -> Outcome) {
    if bytes.len() > LONGEST {
        return;
    }
    let whole = decide(&[bytes]);
    let step = bytes.len() / EVERY + 1;
    for at in (0..bytes.len()).step_by(step) {
        let (first, second) = bytes.split_at(at);
        assert_eq!(
            decide(&[first, second]),
            whole,
            "cut at {at}: {}",
            bytes.escape_ascii()
        );
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(
        decide(&single),
        whole,
        "byte by byte: {}",
        bytes.escape_ascii()
    );
}

type Head = Result<Option<(String, Framing)>, HeadError>;

fn decide(
    pieces: &[&[u8]],
    parse: impl Fn(&mut HeadParser, &mut BytesMut, &Limits) -> Head,
) -> Outcome {
    let limits = Limits {
        head_bytes: 1024,
        fields: 16,
    };
    let (mut parser, mut buf) = (HeadParser::new(), BytesMut::new());
    for (index, piece) in pieces.iter().enumerate() {
        buf.extend_from_slice(piece);
        match parse(&mut parser, &mut buf, &limits) {
            Ok(None) => {}
            Err(_) => return Outcome::Refused,
            Ok(Some((head, framing))) => {
                let rest = pieces.get(index + 1..).unwrap_or_default();
                return Outcome::Taken {
                    head,
                    body: body(framing, buf, rest),
                };
            }
        }
    }
    Outcome::Waiting
}

fn body(framing: Framing, mut buf: BytesMut, rest: &[&[u8]]) -> Body {
    let (mut decoder, mut data) = (BodyDecoder::new(framing), Vec::new());
    let mut rest = rest.iter();
    loop {
        match decoder.decode(&mut buf) {
            Err(_) => return Body::Refused,
            Ok(Decoded::Data(piece)) => {
                assert!(!piece.is_empty(), "an empty piece of a body");
                data.extend_from_slice(&piece);
            }
            Ok(Decoded::End { trailers }) => {
                rest.for_each(|piece| buf.extend_from_slice(piece));
                return Body::Whole {
                    data,
                    trailers: trailers.map_or(0, |trailers| trailers.len()),
                    left: buf.to_vec(),
                };
            }
            Ok(Decoded::NeedMore) => match rest.next() {
                Some(piece) => buf.extend_from_slice(piece),
                None => return Body::Waiting { data },
            },
        }
    }
}
