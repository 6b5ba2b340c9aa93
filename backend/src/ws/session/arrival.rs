//! How a socket becomes a session.

use std::net::IpAddr;
use std::rc::Rc;

use bytes::Bytes;

use super::{Session, task};
use crate::auth::Identity;
use crate::hub::{Channels, Presence};
use crate::ws::recovery::Since;
use crate::ws::server::Ticket;
use crate::ws::worker::Shard;

/// A socket whose handshake is done.
pub(in crate::ws) struct Arrival {
    pub(in crate::ws) socket: std::net::TcpStream,
    /// What came right behind the handshake.
    pub(in crate::ws) read: Bytes,
    pub(in crate::ws) id: String,
    pub(in crate::ws) targets: Channels,
    pub(in crate::ws) since: Option<Since>,
    pub(in crate::ws) identity: Identity,
    pub(in crate::ws) address: IpAddr,
    /// Its messages are sent back, and nothing else is said.
    pub(in crate::ws) raw: bool,
    /// `None`: the health check, which counts nowhere and subscribes to nothing.
    pub(in crate::ws) place: Option<(Ticket, Presence)>,
}

/// Makes a session of a socket, on its shard's thread.
pub(in crate::ws) fn settle(shard: &Rc<Shard>, arrival: Arrival) {
    let targets = match arrival.place {
        Some(_) => arrival.targets,
        None => Channels::default(),
    };
    let read = arrival.read.clone();
    let since = arrival.since.clone();
    match Session::new(shard, arrival) {
        Ok(session) => {
            if session.raw {
                session.open_raw();
            } else {
                session.open(targets, since.as_ref());
            }
            tokio::task::spawn_local(task::run(session, read));
        }
        Err(error) => tracing::warn!(r#type = "websocket", %error, "a socket can't be taken over"),
    }
}
