//! How many connections may be open at once, in all and from one client. Off unless asked for: Traefik has no such limit.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Refusals are told of at most this often.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The limits of one entry point, shared by its workers: they are touched once a connection, never for a request.
///
/// A connection over a limit is closed at once. The ones that are open stay, idle or not: shedding the oldest would let
/// a newcomer push out others' connections, which is the very thing that an attacker wants.
#[derive(Debug)]
pub struct Admission {
    most: usize,
    most_per_client: usize,
    open: AtomicUsize,
    clients: Mutex<HashMap<IpAddr, usize>>,
    told: Mutex<Option<Instant>>,
}

impl Admission {
    /// At most `most` connections, `most_per_client` from one client; 0 is no limit. `None` where there is no limit at all.
    pub fn new(most: usize, most_per_client: usize) -> Option<Arc<Self>> {
        (most > 0 || most_per_client > 0).then(|| {
            Arc::new(Self {
                most,
                most_per_client,
                open: AtomicUsize::new(0),
                clients: Mutex::default(),
                told: Mutex::default(),
            })
        })
    }

    /// A place for one more connection, whoever it is from.
    pub fn enter(self: &Arc<Self>) -> Option<Place> {
        let place = Place {
            admission: Arc::clone(self),
            client: None,
        };
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        (self.most == 0 || before < self.most).then_some(place)
    }

    /// Whether it is time to tell of a refusal again.
    pub fn tells(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.is_none_or(|told| told.elapsed() >= TOLD_EVERY);
        if due {
            *told = Some(Instant::now());
        }
        due
    }
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    admission: Arc<Admission>,
    client: Option<IpAddr>,
}

impl Place {
    /// Says whose connection it is; false where that client has enough of them.
    pub fn is_of(&mut self, client: IpAddr) -> bool {
        let most = self.admission.most_per_client;
        if most == 0 {
            return true;
        }
        let client = network(client);
        let clients = &self.admission.clients;
        let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
        let count = clients.entry(client).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        self.client = Some(client);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.open.fetch_sub(1, Ordering::Relaxed);
        let Some(client) = self.client else { return };
        let clients = &self.admission.clients;
        let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = clients.get_mut(&client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                clients.remove(&client);
            }
        }
    }
}

/// What counts as one client: an IPv4 address, or the first 64 bits of an IPv6 one, of which a site has a whole network.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn places_are_limited_and_come_back() {
        let admission = Admission::new(2, 0).unwrap();
        let first = admission.enter().unwrap();
        let second = admission.enter().unwrap();
        assert!(admission.enter().is_none());
        // A refusal takes no place.
        assert!(admission.enter().is_none());
        drop(first);
        assert!(admission.enter().is_some());
        drop(second);
        assert!(Admission::new(0, 0).is_none());
    }

    #[test]
    fn a_client_is_an_address_or_a_network_of_ipv6() {
        let admission = Admission::new(0, 1).unwrap();
        let from = |address: &str| {
            let mut place = admission.enter().unwrap();
            place.is_of(address.parse().unwrap()).then_some(place)
        };
        let four = from("10.0.0.1").unwrap();
        assert!(from("::ffff:10.0.0.1").is_none());
        assert!(from("10.0.0.2").is_some());
        let six = from("2001:db8::1").unwrap();
        assert!(from("2001:db8::ffff:2").is_none());
        assert!(from("2001:db8:0:1::1").is_some());
        drop((four, six));
        assert!(from("10.0.0.1").is_some() && from("2001:db8::2").is_some());
        assert!(admission.clients.lock().unwrap().is_empty());
    }
}
