//! One Redis server: alone, or a node of a cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::endpoint::Endpoint;
use super::link::Links;
use super::script::Take;
use crate::middleware::rate_limit::bucket::{Limit, Taken};

/// See the module.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) endpoint: Arc<Endpoint>,
    links: Links,
    pub(super) outage: Outage,
}

/// Whether something is away, so that it is said once.
#[derive(Debug, Default)]
pub(super) struct Outage(AtomicBool);

/// Why a node took no token.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The key is at another node for good.
    Moved(String),
    /// It is moving there just now.
    Ask(String),
    /// It cannot be asked, or cannot answer.
    Away(Arc<str>),
}

impl Outage {
    /// Whether it begins with this.
    pub(super) fn begins(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    /// Whether it lasts.
    pub(super) fn is_now(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether it ends with this.
    pub(super) fn ends(&self) -> bool {
        self.is_now() && self.0.swap(false, Ordering::Relaxed)
    }
}

impl Node {
    /// Connects to nothing yet.
    pub(super) fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            endpoint,
            links: Links::default(),
            outage: Outage::default(),
        }
    }

    /// Takes a token from the bucket `key`.
    pub(super) async fn take(
        &self,
        script: &Take,
        limit: &Limit,
        key: &[u8],
        asking: bool,
    ) -> Result<Taken, Trouble> {
        let link = self.links.of_this_worker(&self.endpoint);
        let mut again = true;
        loop {
            let connection = link.connection().await.map_err(Trouble::Away);
            let (number, mut connection) = connection?;
            let taken = script.run(limit, key, asking, &mut connection).await;
            let error = match taken {
                Ok(taken) => return Ok(taken),
                Err(error) => error,
            };
            let why = error.to_string();
            if error.is_timeout() {
                link.lost(number, Some(&why));
                return Err(Trouble::Away(why.into()));
            }
            if !broken(&error) {
                return Err(redirected(&error).unwrap_or(Trouble::Away(why.into())));
            }
            // Redis has perhaps closed it long ago. If it did take the token, one is lost, and none won.
            link.lost(number, None);
            if !std::mem::take(&mut again) {
                return Err(Trouble::Away(why.into()));
            }
        }
    }
}

/// Whether another connection might do better.
fn broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error()
}

fn redirected(error: &RedisError) -> Option<Trouble> {
    let (address, _) = error.redirect_node()?;
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Ask) => Some(Trouble::Ask(address.to_owned())),
        _ => Some(Trouble::Moved(address.to_owned())),
    }
}
