//! What every session of one stream manager shares.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::worker::Hub;
use crate::auth::Guard;
use crate::chat::Chat;
use crate::config;
use crate::hub::Bounds;
use crate::observe::Metrics;
use crate::owner::Owner;
use crate::preview::Frames;

/// How long the closing handshake may take (spec 3.6).
const CLOSING: Duration = Duration::from_secs(5);

/// The limits of section 3, from the environment.
#[derive(Clone, Debug)]
pub struct Settings {
    pub max_clients: usize,
    pub max_clients_per_ip: Option<usize>,
    pub ping_interval: Duration,
    pub timeout: Duration,
    pub max_message_bytes: usize,
    pub rate: f64,
    pub burst: f64,
    pub bounds: Bounds,
    pub write_timeout: Duration,
    /// Between two `performance` messages.
    pub metrics_interval: Duration,
    pub closing: Duration,
    /// Whether there are debug endpoints.
    pub debug: bool,
}

impl From<&config::Config> for Settings {
    fn from(config: &config::Config) -> Self {
        let ws = &config.ws;
        Self {
            metrics_interval: config.frames.metrics_interval,
            max_clients: ws.max_clients,
            max_clients_per_ip: ws.max_clients_per_ip,
            ping_interval: ws.ping_interval,
            timeout: ws.timeout,
            max_message_bytes: ws.max_message_bytes,
            rate: f64::from(ws.rate_per_sec),
            burst: f64::from(ws.rate_burst),
            bounds: Bounds::new(ws.send_queue),
            write_timeout: ws.write_timeout,
            closing: CLOSING,
            debug: config.rest.debug_endpoints,
        }
    }
}

impl Settings {
    /// How often clocks have to be looked at: a quarter of the shortest time that is measured, within reason.
    pub fn sweep(&self) -> Duration {
        let shortest = [
            self.ping_interval,
            self.timeout,
            self.write_timeout,
            self.closing,
            self.metrics_interval,
        ];
        let shortest = shortest.into_iter().min().unwrap_or_default() / 4;
        shortest.clamp(Duration::from_millis(10), Duration::from_secs(1))
    }
}

/// See the head of this file.
pub struct Server {
    pub settings: Settings,
    pub guard: Arc<Guard>,
    pub owner: Owner,
    pub chat: Chat,
    pub frames: Frames,
    pub metrics: Arc<Metrics>,
    pub hub: Arc<Hub>,
    /// Known to this process alone: the health check's own socket shows it, and counts nowhere.
    probe: String,
    clients: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    names: Names,
}

/// Why there is no place for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Server,
    Address,
}

impl Server {
    pub fn new(
        settings: Settings,
        guard: Arc<Guard>,
        owner: Owner,
        chat: Chat,
        frames: Frames,
        metrics: Arc<Metrics>,
        hub: Arc<Hub>,
    ) -> Self {
        let names = Names::default();
        let probe = format!("{}{}", names.next(), names.next());
        Self {
            settings,
            guard,
            owner,
            chat,
            frames,
            metrics,
            hub,
            probe,
            clients: AtomicUsize::new(0),
            by_address: Mutex::default(),
            names,
        }
    }

    /// The value of the header `x-stream-probe` by which the health check is known.
    pub fn probe(&self) -> &str {
        &self.probe
    }

    /// A new client's id.
    pub(super) fn client_id(&self) -> String {
        self.names.next()
    }

    /// A place for one more client of that address, until the ticket is dropped.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Ticket, Full> {
        if self.clients.fetch_add(1, Relaxed) >= self.settings.max_clients {
            self.clients.fetch_sub(1, Relaxed);
            return Err(Full::Server);
        }
        let mut ticket = Ticket {
            server: Arc::clone(self),
            address: None,
        };
        if let Some(most) = self.settings.max_clients_per_ip {
            let mut counts = self.counts();
            let count = counts.entry(address).or_default();
            if *count >= most {
                // The ticket locks the counts when it is dropped.
                drop(counts);
                return Err(Full::Address);
            }
            *count += 1;
            ticket.address = Some(address);
        }
        Ok(ticket)
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client's place.
pub(super) struct Ticket {
    server: Arc<Server>,
    address: Option<IpAddr>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.server.clients.fetch_sub(1, Relaxed);
        if let Some(address) = self.address {
            let mut counts = self.server.counts();
            if let Some(count) = counts.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&address);
                }
            }
        }
    }
}

/// Ids that nobody can guess from another one: a counter, through a keyed hash.
#[derive(Default)]
struct Names {
    key: RandomState,
    next: AtomicU64,
}

impl Names {
    fn next(&self) -> String {
        let mut hasher = self.key.build_hasher();
        hasher.write_u64(self.next.fetch_add(1, Relaxed));
        let mut number = hasher.finish();
        let mut name = String::with_capacity(13);
        while number > 0 || name.is_empty() {
            let digit = u32::try_from(number % 36).unwrap_or_default();
            name.extend(char::from_digit(digit, 36));
            number /= 36;
        }
        name
    }
}
