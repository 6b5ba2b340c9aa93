//! Power of two choices: of two random servers, the one with fewer requests in flight.

use super::in_flight::Count;
use super::random;

/// See the module. Weights count for nothing, as in Traefik.
#[derive(Debug)]
pub struct P2c {
    counts: Box<[Count]>,
}

impl P2c {
    /// Chooses among so many.
    pub fn new(choices: usize) -> Self {
        Self {
            counts: (0..choices).map(|_| Count::default()).collect(),
        }
    }

    /// The next of those that are `up`.
    pub(super) fn next(&self, up: impl Fn(usize) -> bool) -> Option<usize> {
        let usable = || (0..self.counts.len()).filter(|index| up(*index));
        let count = usable().count();
        if count <= 1 {
            return usable().next();
        }
        let one = random::below(count);
        let mut other = random::below(count - 1);
        if other >= one {
            other += 1;
        }
        // One may have gone down since they were counted.
        let one = usable().nth(one).or_else(|| usable().next())?;
        let other = usable().nth(other).unwrap_or(one);
        let load = |index: usize| self.count(index).map(Count::get);
        Some(if load(other) < load(one) { other } else { one })
    }

    pub(super) fn count(&self, index: usize) -> Option<&Count> {
        self.counts.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busy_are_spared_and_the_lost_not_chosen() {
        let p2c = P2c::new(3);
        let _busy: Vec<_> = (0..5).filter_map(|_| Some(p2c.count(0)?.begin())).collect();
        let mut counts = [0_u32; 3];
        for _ in 0..600 {
            if let Some(count) = p2c.next(|_| true).and_then(|index| counts.get_mut(index)) {
                *count += 1;
            }
        }
        assert_eq!(counts[0], 0, "of any two the other is less busy");
        assert!(counts[1] > 200 && counts[2] > 200, "{counts:?}");
        assert_eq!(p2c.next(|index| index == 0), Some(0));
        assert_eq!(p2c.next(|_| false), None);
        assert!((0..100).all(|_| p2c.next(|index| index != 1) == Some(2)));
    }
}
