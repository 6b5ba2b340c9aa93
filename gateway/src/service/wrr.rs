//! Weighted round robin: earliest deadline first, so that heavy choices are spread out rather than bunched.
//!
//! Each choice has a deadline that moves on by 1/weight whenever it is taken; the earliest is taken next. This is
//! the order that Traefik gives, and it holds over all workers.

use std::sync::{Mutex, PoisonError};

/// Chooses among indices by weight.
#[derive(Debug)]
pub struct Wrr {
    choices: Mutex<State>,
}

#[derive(Debug)]
struct State {
    entries: Vec<Entry>,
    now: f64,
    turn: u64,
}

#[derive(Debug)]
struct Entry {
    /// `None` never gets anything.
    step: Option<f64>,
    deadline: f64,
    /// Between equal deadlines the one that waited longest wins.
    turn: u64,
}

impl Wrr {
    /// A round over `weights`; a weight of 0 or less is never chosen.
    pub fn new(weights: impl IntoIterator<Item = i64>) -> Self {
        let mut entries = Vec::new();
        for (turn, weight) in weights.into_iter().enumerate() {
            #[expect(
                clippy::cast_precision_loss,
                reason = "weights are small; only their ratio matters"
            )]
            let step = (weight > 0).then(|| 1.0 / weight as f64);
            entries.push(Entry {
                step,
                deadline: step.unwrap_or(f64::INFINITY),
                turn: turn as u64,
            });
        }
        let turn = entries.len() as u64;
        Self {
            choices: Mutex::new(State {
                entries,
                now: 0.0,
                turn,
            }),
        }
    }

    /// The next index for which `usable` holds; `None` where there is none.
    pub fn next(&self, usable: impl Fn(usize) -> bool) -> Option<usize> {
        let mut state = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let mut best: Option<(usize, f64, u64)> = None;
        for (index, entry) in state.entries.iter().enumerate() {
            if entry.step.is_none() || !usable(index) {
                continue;
            }
            let key = (entry.deadline, entry.turn);
            if best.is_none_or(|(_, deadline, turn)| key < (deadline, turn)) {
                best = Some((index, key.0, key.1));
            }
        }
        let (index, deadline, _) = best?;
        // One that was out for a while must not make up for it all at once.
        state.now = state.now.max(deadline);
        let entry = state.entries.get_mut(index)?;
        entry.deadline = state.now + entry.step?;
        entry.turn = state.turn;
        state.turn += 1;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn order(weights: &[i64], count: usize) -> String {
        let wrr = Wrr::new(weights.iter().copied());
        let letter = |index: usize| char::from(b'a' + u8::try_from(index).unwrap());
        (0..count)
            .map(|_| wrr.next(|_| true).map_or('-', letter))
            .collect()
    }

    #[test]
    fn weights_are_shares_and_spread_out() {
        assert_eq!(order(&[1, 1, 1], 7), "abcabca");
        let mixed = order(&[3, 1], 8);
        assert_eq!(mixed.matches('a').count(), 6);
        assert!(!mixed.contains("bb"));
        assert_eq!(order(&[0, 1], 3), "bbb");
        assert_eq!(order(&[0], 1), "-");
    }

    #[test]
    fn the_unusable_is_passed_over_and_does_not_catch_up() {
        let wrr = Wrr::new([1, 1]);
        for _ in 0..10 {
            assert_eq!(wrr.next(|index| index == 0), Some(0));
        }
        let after: Vec<usize> = (0..4).map(|_| wrr.next(|_| true).unwrap()).collect();
        assert_eq!(
            after.iter().filter(|&&index| index == 1).count(),
            2,
            "{after:?}"
        );
    }
}
