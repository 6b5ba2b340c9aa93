//! Frames, pictures and wishes between instances, as they go over Redis' channels: a line of JSON, and the picture if
//! there is one.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::config::{Quality, Resolution};
use crate::preview::choice::{Format, Variant};
use crate::preview::picture::Encoded;

/// Frames, as they are delivered.
pub(super) const FRAMES: &str = "stream-manager:frames";
/// Pictures, as an outside compositor put them.
pub(super) const PICTURES: &str = "stream-manager:frames:put";
/// What an instance's viewers have chosen.
pub(super) const WANTED: &str = "stream-manager:frames:wanted";

/// What another instance tells.
#[derive(Debug, Clone)]
pub(super) enum Heard {
    Frame(Encoded),
    Picture(Bytes),
    Wanted(Vec<Variant>),
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    origin: String,
    #[serde(flatten)]
    kind: Option<FrameHead>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variants: Option<Vec<Named>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FrameHead {
    #[serde(flatten)]
    variant: Named,
    width: u32,
    height: u32,
    frame: u64,
    timestamp: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Named {
    quality: String,
    format: String,
}

impl Named {
    fn of(variant: Variant) -> Self {
        Self {
            quality: variant.quality.as_str().to_owned(),
            format: variant.format.name().to_owned(),
        }
    }

    fn variant(&self) -> Option<Variant> {
        let quality: Quality = self.quality.parse().ok()?;
        let format = Format::parse(&self.format)?;
        Some(Variant { quality, format })
    }
}

pub(super) fn frame(origin: &str, frame: &Encoded) -> Vec<u8> {
    let head = Head {
        origin: origin.to_owned(),
        kind: Some(FrameHead {
            variant: Named::of(frame.variant),
            width: frame.size.width,
            height: frame.size.height,
            frame: frame.number,
            timestamp: frame.at_ms,
        }),
        variants: None,
    };
    message(&head, &frame.bytes)
}

pub(super) fn picture(origin: &str, bytes: &[u8]) -> Vec<u8> {
    let head = Head {
        origin: origin.to_owned(),
        kind: None,
        variants: None,
    };
    message(&head, bytes)
}

pub(super) fn wanted(origin: &str, variants: impl Iterator<Item = Variant>) -> Vec<u8> {
    let head = Head {
        origin: origin.to_owned(),
        kind: None,
        variants: Some(variants.map(Named::of).collect()),
    };
    message(&head, b"")
}

fn message(head: &Head, picture: &[u8]) -> Vec<u8> {
    let mut message = serde_json::to_vec(head).unwrap_or_default();
    message.push(b'\n');
    message.extend_from_slice(picture);
    message
}

/// Who says what; `None` for what is no message of this kind.
pub(super) fn read(channel: &str, payload: &[u8]) -> Option<(String, Heard)> {
    let end = payload.iter().position(|byte| *byte == b'\n')?;
    let (head, picture) = payload.split_at_checked(end)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    let bytes = Bytes::copy_from_slice(picture.get(1..)?);
    let heard = match channel {
        FRAMES => {
            let kind = head.kind?;
            Heard::Frame(Encoded {
                variant: kind.variant.variant()?,
                bytes,
                size: Resolution {
                    width: kind.width,
                    height: kind.height,
                },
                number: kind.frame,
                at_ms: kind.timestamp,
            })
        }
        PICTURES => Heard::Picture(bytes),
        WANTED => Heard::Wanted(head.variants?.iter().filter_map(Named::variant).collect()),
        _ => return None,
    };
    Some((head.origin, heard))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const VARIANT: Variant = Variant {
        quality: Quality::Low,
        format: Format::Jpeg,
    };

    #[test]
    fn what_is_written_can_be_read() {
        let made = Encoded {
            variant: VARIANT,
            bytes: Bytes::from_static(b"\xff\xd8\n\n\0"),
            size: Resolution {
                width: 854,
                height: 480,
            },
            number: 7,
            at_ms: 1_738_900_000_450,
        };
        let (origin, heard) = read(FRAMES, &frame("one", &made)).unwrap();
        assert_eq!(origin, "one");
        assert!(
            matches!(&heard, Heard::Frame(read) if format!("{read:?}") == format!("{made:?}")),
            "{heard:?}"
        );
        let (_, heard) = read(PICTURES, &picture("one", b"\n1\n")).unwrap();
        assert!(
            matches!(&heard, Heard::Picture(bytes) if &**bytes == b"\n1\n"),
            "{heard:?}"
        );
        let all: Vec<Variant> = Variant::all().collect();
        let (_, heard) = read(WANTED, &wanted("one", Variant::all())).unwrap();
        assert!(
            matches!(&heard, Heard::Wanted(read) if *read == all),
            "{heard:?}"
        );
    }

    #[test]
    fn anything_else_is_nothing() {
        for (channel, payload) in [
            (FRAMES, &b""[..]),
            (FRAMES, b"\n"),
            (FRAMES, b"{\"origin\":\"a\"}\nx"),
            (FRAMES, b"{\"origin\":\"a\",\"quality\":\"best\",\"format\":\"png\",\"width\":1,\"height\":1,\"frame\":1,\"timestamp\":1}\nx"),
            (FRAMES, b"\xff\xfe\nx"),
            (PICTURES, b"{}\nx"),
            (WANTED, b"{\"origin\":\"a\"}\n"),
            ("other", b"{\"origin\":\"a\"}\n"),
        ] {
            assert!(read(channel, payload).is_none(), "{payload:?}");
        }
    }
}
