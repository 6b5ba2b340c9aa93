//! A Redis Cluster: each key is asked of the node that has it.
//!
//! The redis crate has a client for clusters, but that connects by itself: with other TLS settings than the ones configured,
//! and with attempts for which requests would wait. Here each worker keeps one connection to each node, as it does to a
//! single Redis, and a node that is known to be away keeps nobody waiting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::endpoint::Endpoint;
use super::node::{Node, Outage, Trouble};
use super::script::Take;
use super::slots::{Slots, slot};
use crate::middleware::rate_limit::bucket::{Limit, Taken};

/// How often a request is sent on to another node at most.
const REDIRECTS: usize = 4;
/// Between two looks at who has what.
const PAUSE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Cluster {
    map: Arc<Map>,
    pub(super) outage: Outage,
}

/// What is known of the cluster, shared by all workers.
#[derive(Debug)]
struct Map {
    seeds: Vec<Arc<Endpoint>>,
    known: watch::Sender<Known>,
    nodes: Mutex<HashMap<String, Arc<Node>>>,
    looking: Mutex<Looking>,
}

#[derive(Debug, Clone)]
enum Known {
    /// Nobody has looked yet.
    Nothing,
    Slots(Arc<Slots>),
    /// Why nobody knows.
    Away(Arc<str>),
}

/// Somebody looks, or when somebody looked last.
#[derive(Debug, Default)]
struct Looking {
    now: bool,
    last: Option<Instant>,
}

/// A node that has failed, or none where the cluster as a whole has; and why.
pub(super) type Failure = (Option<Arc<Node>>, Arc<str>);

impl Cluster {
    /// Connects to nothing yet. `seeds` are asked who has what.
    pub(super) fn new(seeds: Vec<Arc<Endpoint>>) -> Self {
        let map = Map {
            seeds,
            known: watch::Sender::new(Known::Nothing),
            nodes: Mutex::default(),
            looking: Mutex::default(),
        };
        Self {
            map: Arc::new(map),
            outage: Outage::default(),
        }
    }

    /// Takes a token from the bucket `key`, and says which node had it.
    pub(super) async fn take(
        &self,
        script: &Take,
        limit: &Limit,
        key: &[u8],
    ) -> Result<(Arc<Node>, Taken), Failure> {
        let mut node = self.owner(slot(key)).await.map_err(|why| (None, why))?;
        let mut asking = false;
        for _ in 0..REDIRECTS {
            let address = match node.take(script, limit, key, asking).await {
                Ok(taken) => return Ok((node, taken)),
                Err(Trouble::Away(why)) => {
                    // Perhaps another node has its keys by now.
                    self.map.look_soon();
                    return Err((Some(node), why));
                }
                Err(Trouble::Moved(address)) => {
                    self.map.look_soon();
                    asking = false;
                    address
                }
                Err(Trouble::Ask(address)) => {
                    asking = true;
                    address
                }
            };
            // A node that does not know its own host names only a port.
            let address = match address.strip_prefix(':') {
                Some(port) => format!("{}:{port}", node.endpoint.host()),
                None => address,
            };
            node = self.map.node(&address).map_err(|why| (None, why))?;
        }
        Err((None, "the nodes send each request on to each other".into()))
    }

    /// The node that has this slot. Waits only while nobody has looked yet.
    async fn owner(&self, slot: u16) -> Result<Arc<Node>, Arc<str>> {
        let mut known = self.map.known.subscribe();
        if !matches!(*known.borrow(), Known::Slots(_)) {
            self.map.look_soon();
        }
        let known = known.wait_for(|known| !matches!(known, Known::Nothing));
        let known = known.await.map(|known| known.clone());
        let slots = match known {
            Ok(Known::Slots(slots)) => slots,
            Ok(Known::Away(why)) => return Err(why),
            // `self` holds the sender, so the channel is open.
            Ok(Known::Nothing) | Err(_) => return Err("not connected".into()),
        };
        match slots.owner(slot) {
            Some(address) => self.map.node(address),
            None => {
                self.map.look_soon();
                Err(format!("no node has slot {slot}").into())
            }
        }
    }
}

impl Map {
    /// The node at that address.
    fn node(&self, address: &str) -> Result<Arc<Node>, Arc<str>> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = nodes.get(address) {
            return Ok(Arc::clone(node));
        }
        let like = self.seeds.first().ok_or("no endpoints")?;
        let node = Arc::new(Node::new(Arc::new(like.at(address)?)));
        nodes.insert(address.to_owned(), Arc::clone(&node));
        Ok(node)
    }

    /// Looks who has what, in a task of this worker, unless somebody does or has done just now.
    fn look_soon(self: &Arc<Self>) {
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = looking.last.is_some_and(|last| last.elapsed() < PAUSE);
        if looking.now || lately {
            return;
        }
        looking.now = true;
        let map = Arc::clone(self);
        tokio::task::spawn_local(async move {
            let look = Look(map);
            look.0.look().await;
        });
    }

    async fn look(&self) {
        let mut why = "no endpoints".to_owned();
        for endpoint in self.candidates() {
            let answer = endpoint.ask(redis::cmd("CLUSTER").arg("SLOTS")).await;
            let slots = answer.and_then(|answer| Slots::read(&answer, endpoint.host()));
            match slots {
                Ok(slots) => {
                    self.forget_others(&slots);
                    self.known.send_replace(Known::Slots(Arc::new(slots)));
                    return;
                }
                Err(error) => why = format!("{endpoint}: {error}"),
            }
        }
        // What was known may be true again when the nodes are back.
        self.known.send_if_modified(|known| {
            let unknown = !matches!(known, Known::Slots(_));
            if unknown {
                *known = Known::Away(why.into());
            }
            unknown
        });
    }

    /// Whom to ask: nodes that worked, then the ones configured, then the rest.
    fn candidates(&self) -> Vec<Arc<Endpoint>> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let (away, there): (Vec<_>, Vec<_>) = nodes.values().partition(|node| node.outage.is_now());
        let endpoint = |node: &Arc<Node>| Arc::clone(&node.endpoint);
        let there = there.into_iter().map(endpoint);
        let away = away.into_iter().map(endpoint);
        there
            .chain(self.seeds.iter().map(Arc::clone))
            .chain(away)
            .collect()
    }

    /// Closes the connections to nodes that have no slots any more.
    fn forget_others(&self, slots: &Slots) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.retain(|address, _| slots.addresses().any(|known| known == address));
    }
}

/// Notes the end of a look, also of one whose worker has ended.
struct Look(Arc<Map>);

impl Drop for Look {
    fn drop(&mut self) {
        let looking = self.0.looking.lock();
        let mut looking = looking.unwrap_or_else(PoisonError::into_inner);
        looking.now = false;
        looking.last = Some(Instant::now());
    }
}
