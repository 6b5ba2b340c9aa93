//! A worker's connection to Redis: kept by a task of its own, so that no request waits for a Redis that is known to be away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::endpoint::Endpoint;

/// Between two attempts to connect: at first, and at most.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// The connections of all workers. One that never asked has none.
#[derive(Debug, Default)]
pub(super) struct Links(Mutex<HashMap<ThreadId, Link>>);

#[derive(Debug)]
struct Link {
    state: State,
    keeper: JoinHandle<()>,
}

/// A connection's state, and who waits for it to change.
#[derive(Debug, Clone)]
pub(super) struct State(Arc<watch::Sender<Now>>);

#[derive(Clone)]
enum Now {
    /// For the first time, or because one was lost: perhaps it is there in a moment.
    Connecting,
    Up(u64, MultiplexedConnection),
    /// Why; the keeper tries on.
    Down(Arc<str>),
}

impl std::fmt::Debug for Now {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connecting => f.write_str("Connecting"),
            Self::Up(number, _) => write!(f, "Up({number})"),
            Self::Down(why) => write!(f, "Down({why})"),
        }
    }
}

impl Links {
    /// That of this worker.
    pub(super) fn of_this_worker(&self, endpoint: &Arc<Endpoint>) -> State {
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let worker = thread::current().id();
        if let Some(link) = links.get(&worker)
            && !link.keeper.is_finished()
        {
            return link.state.clone();
        }
        let state = State(Arc::new(watch::Sender::new(Now::Connecting)));
        let keeper = tokio::task::spawn_local(keep(Arc::clone(endpoint), state.clone()));
        let link = Link {
            state: state.clone(),
            keeper,
        };
        links.insert(worker, link);
        state
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl State {
    /// The connection and its number; else why there is none. Waits only while nobody knows.
    pub(super) async fn connection(&self) -> Result<(u64, MultiplexedConnection), Arc<str>> {
        let mut now = self.0.subscribe();
        let known = now.wait_for(|now| !matches!(now, Now::Connecting)).await;
        match known.as_deref() {
            Ok(Now::Up(number, connection)) => Ok((*number, connection.clone())),
            Ok(Now::Down(why)) => Err(Arc::clone(why)),
            // `self` holds the sender, so the channel is open.
            Ok(Now::Connecting) | Err(_) => Err("not connected".into()),
        }
    }

    /// The connection of this number is not to be used again. Where `hung` says why, it gave no answer, and the next
    /// requests need not wait until it becomes clear that the next connection gives none either.
    pub(super) fn lost(&self, number: u64, hung: Option<&str>) {
        self.0.send_if_modified(|now| {
            let this = matches!(now, Now::Up(known, _) if *known == number);
            if this {
                *now = hung.map_or(Now::Connecting, |why| Now::Down(why.into()));
            }
            this
        });
    }
}

/// Connects, and again whenever the connection is lost.
async fn keep(endpoint: Arc<Endpoint>, state: State) {
    let mut pause = FIRST;
    let mut number = 0;
    let mut now = state.0.subscribe();
    loop {
        match endpoint.connect().await {
            Ok(connection) => {
                pause = FIRST;
                number += 1;
                state.0.send_replace(Now::Up(number, connection));
                let lost = now.wait_for(|now| !matches!(now, Now::Up(..))).await;
                if lost.is_err() {
                    return;
                }
            }
            Err(why) => {
                state.0.send_replace(Now::Down(why.into()));
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
        }
    }
}
