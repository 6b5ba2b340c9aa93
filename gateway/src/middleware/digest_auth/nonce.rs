//! Nonces. Each carries its own proof of where it comes from, so that only those of clients that knew a password are
//! remembered: challenges cost no memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;

/// How long a nonce is good. A client gets the next one without asking its user again.
const LIFETIME: Duration = Duration::from_secs(3600);

/// Nonces in use that are remembered; where there are more, the oldest go first.
const MOST: usize = 10_000;

const RANDOM: usize = 16;

/// What became of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    /// The password is right, but the nonce is old, or was used for this count.
    Stale,
    Wrong,
}

/// See the module.
pub(super) struct Nonces {
    key: hmac::Key,
    start: Instant,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    /// The latest count of each, and when it was issued.
    counts: HashMap<Box<str>, (u64, u64)>,
    /// Those issued before are forgotten, and must not come back.
    forgotten: u64,
}

impl Nonces {
    pub(super) fn new() -> Result<Self, String> {
        let mut key = [0; 32];
        fill(&mut key)?;
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            start: Instant::now(),
            used: Mutex::default(),
        })
    }

    /// A fresh nonce; `None` where the system has no random numbers.
    pub(super) fn issue(&self) -> Option<String> {
        let millis = self.millis();
        let random = random().ok()?;
        let told = [&hex(&millis.to_be_bytes()), &*random].concat();
        let proof = hmac::sign(&self.key, told.as_bytes());
        Some([&*told, &hex(&proof.as_ref()[..RANDOM])].concat())
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Uses a nonce for the request that is its `count`th.
    pub(super) fn redeem(&self, nonce: &str, count: u64) -> Verdict {
        let Some(issued) = self.issued(nonce) else {
            // Of a process before this one, perhaps.
            return Verdict::Stale;
        };
        let age = Duration::from_millis(self.millis().saturating_sub(issued));
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if age > LIFETIME || issued < used.forgotten {
            return Verdict::Stale;
        }
        match used.counts.entry(nonce.into()) {
            Entry::Occupied(entry) if entry.get().0 >= count => return Verdict::Stale,
            Entry::Occupied(mut entry) => entry.get_mut().0 = count,
            Entry::Vacant(entry) => {
                entry.insert((count, issued));
            }
        }
        if used.counts.len() > MOST {
            used.forget();
        }
        Verdict::Right
    }

    /// When it was issued, if it is one of ours.
    fn issued(&self, nonce: &str) -> Option<u64> {
        let (told, proof) = nonce.split_at_checked(16 + 2 * RANDOM)?;
        let expected = hmac::sign(&self.key, told.as_bytes());
        let expected = hex(&expected.as_ref()[..RANDOM]);
        aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), proof.as_bytes())
            .ok()?;
        u64::from_str_radix(told.get(..16)?, 16).ok()
    }
}

impl Used {
    /// Forgets the older half.
    fn forget(&mut self) {
        let mut times: Vec<u64> = self.counts.values().map(|(_, issued)| *issued).collect();
        times.sort_unstable();
        self.forgotten = times.get(times.len() / 2).map_or(0, |middle| middle + 1);
        let forgotten = self.forgotten;
        self.counts.retain(|_, (_, issued)| *issued >= forgotten);
    }
}

/// Random bytes in hexadecimal.
pub(super) fn random() -> Result<String, String> {
    let mut bytes = [0; RANDOM];
    fill(&mut bytes)?;
    Ok(hex(&bytes))
}

fn fill(bytes: &mut [u8]) -> Result<(), String> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| "no random numbers to be had".to_owned())
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_count_is_good_once() {
        let nonces = Nonces::new().unwrap();
        let nonce = nonces.issue().unwrap();
        assert_eq!(nonces.redeem(&nonce, 1), Verdict::Right);
        assert_eq!(nonces.redeem(&nonce, 1), Verdict::Stale);
        assert_eq!(nonces.redeem(&nonce, 5), Verdict::Right);
        assert_eq!(nonces.redeem(&nonce, 4), Verdict::Stale);
        let other = Nonces::new().unwrap().issue().unwrap();
        for foreign in [&*other, "", "ä", &nonce[1..]] {
            assert_eq!(nonces.redeem(foreign, 1), Verdict::Stale);
        }
    }

    #[test]
    fn what_is_forgotten_does_not_come_back() {
        let nonces = Nonces::new().unwrap();
        let first = nonces.issue().unwrap();
        for _ in 0..=MOST {
            let nonce = nonces.issue().unwrap();
            assert_ne!(nonces.redeem(&nonce, 1), Verdict::Wrong);
        }
        assert!(nonces.used.lock().unwrap().counts.len() <= MOST);
        assert_eq!(nonces.redeem(&first, 1), Verdict::Stale);
    }
}
