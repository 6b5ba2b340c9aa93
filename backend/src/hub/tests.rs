//! Lanes and outbox, with a pipe that takes as much as the test lets it.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice};
use std::time::Instant;

use super::*;

const BOUNDS: Bounds = Bounds::new(4);

#[derive(Default)]
struct Narrow {
    room: Cell<usize>,
    out: RefCell<Vec<u8>>,
    sent: RefCell<Vec<String>>,
}

impl Pipe for Narrow {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room.get());
        if taken == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.room.set(self.room.get() - taken);
        self.out.borrow_mut().extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &**piece).collect();
        self.try_write(&pieces.concat())
    }

    fn sent(&self, message: &Message) {
        let payload = String::from_utf8_lossy(message.payload()).into_owned();
        self.sent.borrow_mut().push(payload);
    }
}

impl Narrow {
    fn sent(&self) -> Vec<String> {
        self.sent.take()
    }
}

fn text(payload: &str) -> Message {
    Message::text("test", payload.as_bytes())
}

fn update(version: u32, changes: u64) -> Message {
    let encode = move |changes: u64| update(version, changes);
    let payload = format!("v{version} c{changes}");
    let merge = Merge {
        changes,
        encode: Box::new(encode),
    };
    Message::mergeable("stateUpdate", payload.as_bytes(), merge)
}

fn to(lane: Lane, message: Message) -> Publication {
    let channel = match lane {
        Lane::Layers => Channel::Layers,
        Lane::Chat => Channel::Chat,
        Lane::Performance | Lane::Frame => Channel::Preview,
        _ => Channel::State,
    };
    Publication {
        channel,
        lane,
        message,
        version: 0,
        audience: 0,
    }
}

fn drained(lanes: &mut Lanes) -> Vec<String> {
    std::iter::from_fn(|| lanes.pop())
        .map(|message| String::from_utf8_lossy(message.payload()).into_owned())
        .collect()
}

#[test]
fn lanes_are_emptied_in_order() {
    let mut lanes = Lanes::default();
    for lane in [
        Lane::Frame,
        Lane::Performance,
        Lane::Metrics,
        Lane::Chat,
        Lane::Layers,
        Lane::State,
    ] {
        lanes.push(&to(lane, text(&format!("{lane:?}"))), &BOUNDS);
    }
    lanes.push_control(text("Control"), &BOUNDS);
    assert_eq!(lanes.size().0, 7);
    let order = drained(&mut lanes);
    assert_eq!(
        order,
        [
            "Control",
            "State",
            "Layers",
            "Chat",
            "Metrics",
            "Performance",
            "Frame"
        ]
    );
    assert!(lanes.is_empty());
    assert_eq!(lanes.size(), (0, 0));
}

#[test]
fn the_state_slot_keeps_the_latest_and_every_change() {
    let mut lanes = Lanes::default();
    assert_eq!(
        lanes.push(&to(Lane::State, update(1, 0b001)), &BOUNDS),
        Pushed::Kept
    );
    for (version, changes) in [(2, 0b010), (3, 0b100)] {
        let pushed = lanes.push(&to(Lane::State, update(version, changes)), &BOUNDS);
        assert_eq!(pushed, Pushed::Dropped(1));
    }
    assert_eq!(drained(&mut lanes), ["v3 c7"]);
}

#[test]
fn a_full_control_lane_is_an_overflow() {
    let mut lanes = Lanes::default();
    for _ in 0..BOUNDS.control {
        assert_eq!(lanes.push_control(text("x"), &BOUNDS), Pushed::Kept);
    }
    assert_eq!(lanes.push_control(text("x"), &BOUNDS), Pushed::Overflow);
}

#[test]
fn queues_are_bounded_in_their_own_way() {
    let mut lanes = Lanes::default();
    for number in 0..4 {
        let name = number.to_string();
        assert_eq!(
            lanes.push(&to(Lane::Chat, text(&name)), &BOUNDS),
            Pushed::Kept
        );
        assert_eq!(
            lanes.push(&to(Lane::Layers, text(&name)), &BOUNDS),
            Pushed::Kept
        );
    }
    assert_eq!(
        lanes.push(&to(Lane::Chat, text("4")), &BOUNDS),
        Pushed::Dropped(1)
    );
    let full = lanes.push(&to(Lane::Layers, text("4")), &BOUNDS);
    assert_eq!(full, Pushed::NeedsSnapshot(5));
    assert_eq!(drained(&mut lanes), ["1", "2", "3", "4"]);
}

#[test]
fn queues_are_bounded_in_bytes_too() {
    let mut lanes = Lanes::default();
    let bounds = Bounds {
        queue_bytes: 1000,
        ..Bounds::new(100)
    };
    for _ in 0..100 {
        lanes.push(&to(Lane::Chat, text(&"x".repeat(300))), &bounds);
        assert!(lanes.size().1 <= 1000, "{:?}", lanes.size());
    }
    assert_eq!(drained(&mut lanes).len(), 3);
}

#[test]
fn what_fits_is_written_without_waiting_in_a_lane() {
    let pipe = Narrow::default();
    pipe.room.set(1000);
    let mut outbox = Outbox::new();
    outbox
        .offer(&to(Lane::State, update(1, 1)), &BOUNDS, &pipe)
        .unwrap();
    assert_eq!(pipe.sent(), ["v1 c1"]);
    assert!(outbox.is_empty() && outbox.blocked_for(Instant::now()).is_none());
}

#[test]
fn a_blocked_client_gets_whole_frames_and_the_latest_state() {
    let pipe = Narrow::default();
    pipe.room.set(3);
    let mut outbox = Outbox::new();
    for version in 1..=5 {
        let update = update(version, 1 << version);
        outbox
            .offer(&to(Lane::State, update), &BOUNDS, &pipe)
            .unwrap();
    }
    outbox.push(text("pong"), &BOUNDS);
    assert!(outbox.blocked_for(Instant::now()).is_some());
    assert_eq!(outbox.size().0, 3);

    // One byte at a time, as a bad network would take it.
    let mut rounds = 0;
    while outbox.flush(&pipe).unwrap() == Flushed::Blocked {
        pipe.room.set(1);
        rounds += 1;
        assert!(rounds < 200);
    }
    assert_eq!(pipe.sent(), ["v1 c2", "pong", "v5 c60"]);
    let first = update(1, 2);
    let expected = [first.bytes(), text("pong").bytes(), update(5, 60).bytes()].concat();
    assert_eq!(*pipe.out.borrow(), expected);
    assert!(outbox.is_empty() && outbox.blocked_for(Instant::now()).is_none());
}

#[test]
fn closing_finishes_what_is_half_written_and_drops_the_rest() {
    let pipe = Narrow::default();
    pipe.room.set(2);
    let mut outbox = Outbox::new();
    for version in 1..=3 {
        outbox
            .offer(&to(Lane::State, update(version, 1)), &BOUNDS, &pipe)
            .unwrap();
    }
    outbox.close(Message::close(Some(1013), "slow"));
    outbox.push(text("too late"), &BOUNDS);
    pipe.room.set(1000);
    assert_eq!(outbox.flush(&pipe).unwrap(), Flushed::All);
    let expected = [
        update(1, 1).bytes(),
        Message::close(Some(1013), "slow").bytes(),
    ]
    .concat();
    assert_eq!(*pipe.out.borrow(), expected);
}

#[test]
fn a_lost_connection_is_an_error() {
    struct Gone;
    impl Pipe for Gone {
        fn try_write(&self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }
        fn try_write_vectored(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }
        fn sent(&self, _: &Message) {}
    }
    let mut outbox = Outbox::new();
    assert!(
        outbox
            .offer(&to(Lane::State, update(1, 1)), &BOUNDS, &Gone)
            .is_err()
    );
}
