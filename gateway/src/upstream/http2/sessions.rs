//! One worker's HTTP/2 connections to one target, and what is known of the version that it speaks.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::super::connect::{self, Offer};
use super::super::pool;
use super::super::target::{Http2, Target};
use super::session::{Session, Ticket};
use crate::http::{ErrorKind, ProxyError};
use crate::net::{Stream, deadline};

/// Connections of one worker to one target. More requests than they have room for wait on the one that has fewest.
const MOST_CONNECTIONS: usize = 32;
/// How long a server that chose HTTP/1.1 is not offered HTTP/2 again.
const REMEMBERED: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Default)]
pub(in super::super) struct Sessions {
    live: Vec<Rc<Session>>,
    /// A connection that is being made; whoever needs one waits for it.
    dial: Option<Rc<Dial>>,
    http1_until: Option<Instant>,
}

/// Where a request goes.
pub(super) enum Place {
    /// On this connection.
    Http2(Ticket),
    /// The server chose HTTP/1.1, perhaps on this connection.
    Http1(Option<Stream>),
}

enum Step {
    Go(Ticket),
    Http1,
    Wait(Rc<Dial>),
    Dial(Rc<Dial>),
}

impl Sessions {
    /// Whether the server chose HTTP/1.1 a short time ago.
    pub(in super::super) fn chose_http1(&self) -> bool {
        self.http1_until
            .is_some_and(|until| deadline::coarse_now() < until)
    }

    /// Closes what is idle too long, or ended; whether anything is left.
    pub(in super::super) fn sweep(&mut self, now: Instant) -> bool {
        self.live
            .retain(|session| session.is_usable() && !session.is_stale(now));
        !self.live.is_empty()
    }

    /// Connections that live.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    fn step(&mut self, idle_http1: bool) -> Step {
        let mut at = 0;
        while let Some(session) = self.live.get(at) {
            if !session.is_usable() {
                self.live.swap_remove(at);
            } else if session.has_room() {
                return Step::Go(Ticket::new(session));
            } else {
                at += 1;
            }
        }
        if self.live.len() >= MOST_CONNECTIONS
            && let Some(least) = self.live.iter().min_by_key(|session| session.active())
        {
            return Step::Go(Ticket::new(least));
        }
        if idle_http1 || self.chose_http1() {
            return Step::Http1;
        }
        match &self.dial {
            Some(dial) => Step::Wait(Rc::clone(dial)),
            None => Step::Dial(Rc::clone(self.dial.insert(Rc::default()))),
        }
    }
}

/// A place for one request: on a connection that is there, or else on a new one. Only one is made at a time.
pub(super) async fn place(target: &Target) -> Result<Place, ProxyError> {
    let negotiates = target.http2 == Http2::Negotiated;
    loop {
        let step = pool::sessions(&target.slot, |sessions, idle_http1| {
            sessions.step(negotiates && idle_http1)
        });
        match step {
            Some(Step::Go(ticket)) => return Ok(Place::Http2(ticket)),
            Some(Step::Http1) => return Ok(Place::Http1(None)),
            Some(Step::Wait(dial)) => dial.ended().await?,
            Some(Step::Dial(dial)) => return dialled(target, dial).await,
            None => {
                return Err(ProxyError::upstream(ErrorKind::Internal)
                    .because("the server's place was given to another one"));
            }
        }
    }
}

async fn dialled(target: &Target, dial: Rc<Dial>) -> Result<Place, ProxyError> {
    let dialling = Dialling { target, dial };
    let made = connection(target).await;
    if let Err(error) = &made {
        dialling.dial.failed(error);
    }
    made
}

async fn connection(target: &Target) -> Result<Place, ProxyError> {
    let stream = connect::connect(target, Offer::Http2).await?;
    if target.http2 == Http2::Negotiated && stream.alpn() != Some(b"h2") {
        note_http1(target);
        return Ok(Place::Http1(Some(stream)));
    }
    let session = Session::start(stream, &target.transport).await?;
    let ticket = Ticket::new(&session);
    pool::sessions(&target.slot, |sessions, _| sessions.live.push(session));
    pool::start_sweep();
    Ok(Place::Http2(ticket))
}

/// Notes that the server wants HTTP/1.1; whether it can have it.
pub(super) fn note_http1(target: &Target) -> bool {
    if target.http2 != Http2::Negotiated {
        return false;
    }
    let until = deadline::coarse_now().checked_add(REMEMBERED);
    pool::sessions(&target.slot, |sessions, _| sessions.http1_until = until);
    true
}

/// An attempt to connect that others wait for.
#[derive(Default)]
struct Dial {
    over: Notify,
    /// Why it failed, if it did.
    failure: RefCell<Option<(ErrorKind, String)>>,
}

impl Dial {
    fn failed(&self, error: &ProxyError) {
        *self.failure.borrow_mut() = Some((error.kind(), error.to_string()));
    }

    /// Waits for its end; its failure is that of all who wait, or each would wait as long again.
    async fn ended(&self) -> Result<(), ProxyError> {
        self.over.notified().await;
        match &*self.failure.borrow() {
            Some((kind, why)) => Err(ProxyError::upstream(*kind).because(why.clone()).retryable()),
            None => Ok(()),
        }
    }
}

/// Ends the wait, also where the request that connects is given up: another one connects then.
struct Dialling<'a> {
    target: &'a Target,
    dial: Rc<Dial>,
}

impl Drop for Dialling<'_> {
    fn drop(&mut self) {
        pool::sessions(&self.target.slot, |sessions, _| {
            if sessions
                .dial
                .as_ref()
                .is_some_and(|dial| Rc::ptr_eq(dial, &self.dial))
            {
                sessions.dial = None;
            }
        });
        self.dial.over.notify_waiters();
    }
}
