//! One client: what it sends is read and answered, what the hub offers is written, its clocks are looked at.
//!
//! A session lives on its shard's thread. It has one task, which sleeps until the socket is readable, or writable while
//! something waits; publications are written by the shard's loop itself and wake nothing. An idle session holds no buffer.

mod arrival;
mod chat;
mod client;
mod handlers;
mod input;
mod outgoing;
mod phase;
mod preview;
mod raw;
mod task;

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::task::Waker;
use std::time::Instant;

use socket2::SockRef;
use tokio::net::TcpStream;

use super::decoder::Decoder;
use super::limits::Limits;
use super::server::{Server, Ticket};
use super::worker::Shard;

use crate::auth::Identity;
use crate::chat::Seat;
use crate::hub::{Channel, Channels, Outbox, Presence};
use crate::preview::Choice;
pub(super) use arrival::{Arrival, settle};
use phase::Phase;

/// See the head of this file.
pub(super) struct Session {
    shard: Rc<Shard>,
    socket: TcpStream,
    id: String,
    identity: Identity,
    address: IpAddr,
    raw: bool,
    targets: Cell<Channels>,
    /// By channel: what its last snapshot has, so that it is not told again.
    known: [Cell<u64>; Channel::ALL.len()],
    /// While it comes back: the last chat message that it has.
    missed: RefCell<Option<String>>,
    /// What it wants of the preview.
    choice: Cell<Choice>,
    /// While it watches.
    viewer: RefCell<Option<Box<preview::Viewer>>>,
    /// While it is in chat.
    seat: RefCell<Option<Seat>>,
    outbox: RefCell<Outbox>,
    decoder: RefCell<Decoder>,
    limits: RefCell<Limits>,
    phase: Cell<Phase>,
    waker: RefCell<Option<Waker>>,
    /// Its task is running, so that it needs no waking.
    busy: Cell<bool>,
    opened: Instant,
    heard: Cell<Instant>,
    /// When the last ping frame was sent, and whether its pong is awaited.
    pinged: Cell<(Instant, bool)>,
    /// It has shown that it understands JSON pings.
    json_pings: Cell<bool>,
    place: Option<(Ticket, Presence)>,
}

/// Bytes the kernel takes for a client beyond those that are on their way to it. Two large frames' worth: enough to keep
/// a fast one busy.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 256 * 1024;

impl Session {
    fn new(shard: &Rc<Shard>, arrival: Arrival) -> std::io::Result<Rc<Self>> {
        // What the kernel holds for a slow client is as stale as it is long; elsewhere than on Linux there is no such bound.
        #[cfg(target_os = "linux")]
        SockRef::from(&arrival.socket).set_tcp_notsent_lowat(UNSENT)?;
        let socket = TcpStream::from_std(arrival.socket)?;
        let settings = &shard.local().server.settings;
        let now = Instant::now();
        Ok(Rc::new(Self {
            shard: Rc::clone(shard),
            socket,
            id: arrival.id,
            identity: arrival.identity,
            address: arrival.address,
            raw: arrival.raw,
            targets: Cell::default(),
            known: Default::default(),
            missed: RefCell::default(),
            choice: Cell::default(),
            viewer: RefCell::default(),
            seat: RefCell::default(),
            outbox: RefCell::new(Outbox::new()),
            decoder: RefCell::new(Decoder::new(settings.max_message_bytes)),
            limits: RefCell::new(Limits::new(settings.burst, now)),
            phase: Cell::new(Phase::Open),
            waker: RefCell::new(None),
            busy: Cell::new(false),
            opened: now,
            heard: Cell::new(now),
            pinged: Cell::new((now, false)),
            json_pings: Cell::new(false),
            place: arrival.place,
        }))
    }

    fn server(&self) -> &Server {
        &self.shard.local().server
    }

    /// Whether it is a client, and not the health check.
    fn counts(&self) -> bool {
        self.place.is_some()
    }
}
