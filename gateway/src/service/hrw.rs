//! Highest random weight (rendezvous hashing): a client stays with its choice, and when a choice goes only its clients move.

/// See the module.
#[derive(Debug)]
pub struct Hrw {
    choices: Box<[Choice]>,
}

#[derive(Debug)]
struct Choice {
    name: Box<str>,
    /// Not positive never gets anything.
    weight: f64,
}

impl Hrw {
    /// Chooses among names with weights.
    pub fn new(choices: &[(&str, i64)]) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "weights are small; only their ratio matters"
        )]
        let choice = |(name, weight): &(&str, i64)| Choice {
            name: (*name).into(),
            weight: *weight as f64,
        };
        Self {
            choices: choices.iter().map(choice).collect(),
        }
    }

    /// The choice of the client at the address `client`, of those that are `up`.
    pub(super) fn next(&self, client: &[u8], up: impl Fn(usize) -> bool) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for (index, choice) in self.choices.iter().enumerate() {
            if choice.weight <= 0.0 || !up(index) {
                continue;
            }
            let score = choice.score(client);
            if best.is_none_or(|(_, highest)| score > highest) {
                best = Some((index, score));
            }
        }
        Some(best?.0)
    }
}

impl Choice {
    /// Traefik's score: the same clients go to the same servers as with Traefik. It has Traefik's weakness with that: names
    /// that differ only in their last letter have nearly the same hash, and the heavier gets nearly everybody.
    fn score(&self, client: &[u8]) -> f64 {
        let hash = fnv64a(client.iter().copied().chain(self.name.bytes()));
        #[expect(
            clippy::cast_precision_loss,
            reason = "Traefik rounds the hash in the same way"
        )]
        let share = hash as f64 / 2_f64.powi(64);
        self.weight / -share.ln()
    }
}

/// FNV-1a with 64 bits.
fn fnv64a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_stay_and_only_those_of_the_lost_move() {
        let hrw = Hrw::new(&[
            ("http://one.test", 1),
            ("http://two.test", 1),
            ("http://three.test", 2),
            ("http://never.test", 0),
        ]);
        let mut counts = [0_u32; 4];
        for client in 0..4000_u32 {
            let client = format!("10.0.{}.{}", client / 250, client % 250);
            let chosen = hrw.next(client.as_bytes(), |_| true);
            assert_eq!(hrw.next(client.as_bytes(), |_| true), chosen);
            let without_a = hrw.next(client.as_bytes(), |index| index != 0);
            if chosen == Some(0) {
                assert!(matches!(without_a, Some(1 | 2)));
            } else {
                assert_eq!(without_a, chosen);
            }
            if let Some(count) = chosen.and_then(|index| counts.get_mut(index)) {
                *count += 1;
            }
        }
        let [a, b, c, d] = counts;
        assert_eq!(d, 0, "weight 0 gets nothing");
        assert!(
            (800..1200).contains(&a) && (800..1200).contains(&b),
            "{counts:?}"
        );
        assert!((1700..2300).contains(&c), "{counts:?}");
        assert_eq!(hrw.next(b"10.0.0.1", |_| false), None);
    }

    #[test]
    fn fnv_is_gos() {
        assert_eq!(fnv64a("a".bytes()), 0xaf63_dc4c_8601_ec8c);
    }
}
