//! Strategies: how one of several is chosen where no cookie says which.

use super::{Hrw, Wrr};

/// See the module.
#[derive(Debug)]
pub enum Strategy {
    /// There is nothing to choose.
    Only,
    /// Each in its turn, by weight.
    Wrr(Wrr),
    /// By the client's address.
    Hrw(Hrw),
}

impl Strategy {
    /// Weighted round robin.
    pub fn wrr(weights: impl ExactSizeIterator<Item = i64> + Clone) -> Self {
        if weights.len() == 1 && weights.clone().all(|weight| weight > 0) {
            return Self::Only;
        }
        Self::Wrr(Wrr::new(weights))
    }

    /// Highest random weight, by names and weights.
    pub fn hrw(choices: &[(&str, i64)]) -> Self {
        Self::Hrw(Hrw::new(choices))
    }

    /// The next of those that are `up`, for a client at the address `client`.
    pub(super) fn next(&self, client: &[u8], up: impl Fn(usize) -> bool) -> Option<usize> {
        match self {
            Self::Only => up(0).then_some(0),
            Self::Wrr(wrr) => wrr.next(up),
            Self::Hrw(hrw) => hrw.next(client, up),
        }
    }
}
