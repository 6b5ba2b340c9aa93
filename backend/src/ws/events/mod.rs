//! Server-sent events: the same messages for clients that cannot use WebSockets (specification, section 11).
//!
//! A listener is a client of the hub like a session, with the same lanes and bounds; its messages are taken from them by
//! the body of an HTTP answer, on another thread, as fast as the connection takes them.

mod body;
mod listener;

use std::rc::Rc;
use std::sync::Arc;

use http::HeaderMap;
use http::request::Parts;

pub use body::Events;
use body::Queue;
use listener::Listener;

use super::recovery::Since;
use super::server::{Full, Server};
use super::{handshake, wire};
use crate::auth::Identity;
use crate::hub::{Channels, Presence};

/// Why somebody cannot listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// What the query names is no channel.
    Target(String),
    /// There are too many clients, or too many of that address, or the process is ending.
    Full,
    TooManyOfAddress,
}

/// Who listens, to what.
pub(super) struct Arrival {
    pub(super) id: String,
    pub(super) targets: Channels,
    pub(super) identity: Identity,
    pub(super) address: std::net::IpAddr,
    pub(super) since: Option<Since>,
}

/// Opens a stream of events for a request that may have one.
///
/// # Errors
/// It may not.
pub fn open(
    server: &Arc<Server>,
    parts: &Parts,
    identity: Identity,
    address: std::net::IpAddr,
) -> Result<Events, Refused> {
    let query = parts.uri.query().unwrap_or_default();
    let targets = handshake::channels(query, None).map_err(Refused::Target)?;
    if server.hub.is_leaving() {
        return Err(Refused::Full);
    }
    let ticket = server.admit(address).map_err(|full| match full {
        Full::Server => Refused::Full,
        Full::Address => Refused::TooManyOfAddress,
    })?;
    let arrival = Arrival {
        id: server.client_id(),
        targets,
        identity,
        address,
        since: last_event(&parts.headers).or_else(|| Since::of_query(query)),
    };
    let queue = Queue::new();
    let events = Events::new(&queue, server.settings.ping_interval);
    let entering = Arc::clone(server);
    server.hub.enter(move |shard, presence: Presence| {
        let place = (ticket, presence);
        let listener =
            Rc::new_cyclic(|this| Listener::new(this, shard, &entering, arrival, queue, place));
        listener.open();
    });
    Ok(events)
}

fn last_event(headers: &HeaderMap) -> Option<Since> {
    Since::of_event(headers.get("last-event-id")?.to_str().ok()?)
}

/// The heartbeat of a welcome says when comments come.
fn heartbeat(server: &Server) -> (std::time::Duration, std::time::Duration) {
    (server.settings.ping_interval, server.settings.timeout)
}
