//! Tests of WebSockets that pass through: the same decisions wherever the bytes are cut, and limits that hold.

use std::time::Duration;

use super::*;
use crate::net::{EndReason, Look, Side, Watch as _};

/// A frame, masked as a client's.
fn frame(fin: bool, opcode: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![u8::from(fin) << 7 | opcode];
    match length {
        0..126 => bytes.push(0x80 | length as u8),
        126..65536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[1, 2, 3, 4]);
    // What looks like the head of a frame is none inside one.
    bytes.extend(std::iter::repeat_n(0x88, length));
    bytes
}

fn guard(limits: &Limits) -> Guard {
    Guard::new(limits)
}

fn sized(message: u64) -> Limits {
    Limits {
        message: Some(message),
        ..Limits::default()
    }
}

/// Feeds bytes in pieces as a tunnel does: how much passed, and what the client hears if it ended.
fn feed(guard: &mut Guard, bytes: &[u8], pieces: impl Iterator<Item = usize>) -> (usize, Vec<u8>) {
    let (mut passed, mut read) = (0, 0);
    for piece in pieces {
        read = bytes.len().min(read + piece);
        let Look { pass, last } = guard.look(Side::Client, &bytes[passed..read]);
        passed += pass;
        assert!(last || read - passed < 14, "only a part of a head is kept");
        if last {
            return (passed, guard.farewell(Side::Client).to_vec());
        }
        if read == bytes.len() {
            break;
        }
    }
    (passed, Vec::new())
}

/// Small, and the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % end
    }
}

#[test]
fn any_split_of_the_bytes_decides_the_same() {
    let mut random = Random(7);
    for _ in 0..2_000 {
        let mut bytes = Vec::new();
        for _ in 0..random.below(8) {
            let opcode = [0, 1, 2, 8, 9, 10, 3][random.below(7)];
            let length = [0, 1, 50, 125, 126, 300, 66_000][random.below(7)];
            bytes.extend(frame(random.below(3) > 0, opcode, length));
        }
        // Sometimes a frame that is no frame.
        if random.below(4) == 0 && !bytes.is_empty() {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        let limits = sized(70_000);
        let whole = feed(&mut guard(&limits), &bytes, std::iter::once(usize::MAX / 2));
        let single = feed(&mut guard(&limits), &bytes, std::iter::repeat(1));
        let pieces = std::iter::from_fn(|| Some(1 + random.below(20)));
        assert_eq!(single, whole, "{:?}", &bytes[..bytes.len().min(40)]);
        assert_eq!(feed(&mut guard(&limits), &bytes, pieces), whole);
    }
}

#[test]
fn a_message_counts_over_all_its_frames_and_control_frames_do_not() {
    let pieces = [
        frame(false, 1, 400),
        frame(true, 9, 125),
        frame(false, 0, 500),
        frame(true, 0, 100),
        frame(true, 2, 1000),
    ];
    let bytes = pieces.concat();
    let (passed, heard) = feed(
        &mut guard(&sized(1000)),
        &bytes,
        std::iter::once(bytes.len()),
    );
    assert_eq!((passed, heard), (bytes.len(), vec![]));
    let (passed, heard) = feed(
        &mut guard(&sized(999)),
        &bytes,
        std::iter::once(bytes.len()),
    );
    // The last frame of the first message is the one too much.
    assert_eq!(passed, pieces[..3].concat().len());
    assert_eq!(heard[2..4], 1009_u16.to_be_bytes());
    assert!(heard.ends_with(b"message is too long"));
}

#[test]
fn frames_that_count_as_something_else_are_not_let_through() {
    let long = [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    for bytes in [
        frame(true, 0, 1),
        [frame(false, 1, 1), frame(true, 1, 1)].concat(),
        frame(false, 9, 1),
        frame(true, 9, 126),
        long.to_vec(),
    ] {
        let (_, heard) = feed(
            &mut guard(&sized(1000)),
            &bytes,
            std::iter::once(bytes.len()),
        );
        assert_eq!(heard[2..4], 1002_u16.to_be_bytes(), "{bytes:?}");
    }
}

#[test]
fn more_messages_than_the_rate_are_too_many() {
    let limits = Limits {
        rates: vec![Rate {
            per_second: 0.001,
            burst: 3.0,
        }],
        ..Limits::default()
    };
    let message = [frame(false, 1, 5), frame(true, 10, 5), frame(true, 0, 5)].concat();
    let bytes = [&message[..], &frame(true, 9, 0), &message, &message].concat();
    let (passed, heard) = feed(&mut guard(&limits), &bytes, std::iter::once(bytes.len()));
    assert_eq!(passed, bytes.len() - message.len());
    assert_eq!(heard[2..4], 1008_u16.to_be_bytes());
}

fn look(pass: usize, last: bool) -> Look {
    Look { pass, last }
}

#[test]
fn a_close_frame_waits_for_the_end_of_a_frame_and_is_said_once() {
    let limits = Limits {
        lifetime: Some(Duration::from_secs(1)),
        ..Limits::default()
    };
    let mut open = guard(&limits);
    let bytes = frame(true, 2, 100);
    let half = &bytes[..50];
    assert_eq!(open.look(Side::Server, half), look(50, false));
    assert_eq!(open.look(Side::Client, &[0x88]), look(0, false));
    open.time_is_up(EndReason::Old);
    assert_eq!(open.look(Side::Server, &[]), look(0, false));
    assert_eq!(open.look(Side::Client, &[]), look(0, true));
    let more = [&bytes[50..], &[0x82, 5]].concat();
    let rest = bytes.len() - 50;
    assert_eq!(open.look(Side::Server, &more), look(rest, true));
    assert_eq!(open.farewell(Side::Client)[2..4], 1001_u16.to_be_bytes());
    // A server's frame is masked.
    let masked = open.farewell(Side::Server);
    assert_eq!(masked[..2], [0x88, 0x80 | (masked.len() - 6) as u8]);
    let key = &masked[2..6];
    let code = [masked[6] ^ key[0], masked[7] ^ key[1]];
    assert_eq!(code, 1001_u16.to_be_bytes());

    let mut closed = guard(&limits);
    let bytes = frame(true, 8, 2);
    assert_eq!(closed.look(Side::Server, &bytes).pass, bytes.len());
    closed.time_is_up(EndReason::Idle);
    assert!(closed.farewell(Side::Client).is_empty());
    assert!(!closed.farewell(Side::Server).is_empty());
}

#[test]
fn nobody_follows_a_connection_without_limits() {
    let mut limits = Limits::default();
    assert!(limits.guard().is_none());
    limits.tighten(&sized(5));
    limits.tighten(&sized(9));
    assert_eq!(limits, sized(5));
    assert!(limits.guard().is_some());
}
