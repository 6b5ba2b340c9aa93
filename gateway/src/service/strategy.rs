//! Strategies: how one of several is chosen where no cookie says which.

use std::time::Duration;

use super::in_flight::InFlight;
use super::{Hrw, LeastTime, P2c, Wrr};

/// See the module.
#[derive(Debug)]
pub enum Strategy {
    /// There is nothing to choose.
    Only,
    /// Each in its turn, by weight.
    Wrr(Wrr),
    /// By the client's address.
    Hrw(Hrw),
    /// The less busy of two.
    P2c(P2c),
    /// The fastest.
    LeastTime(LeastTime),
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
            Self::P2c(p2c) => p2c.next(up),
            Self::LeastTime(least) => least.next(up),
        }
    }

    /// A request goes to a choice; `None` where that makes no difference to the next.
    pub(super) fn begin(&self, index: usize) -> Option<InFlight> {
        let count = match self {
            Self::Only | Self::Wrr(_) | Self::Hrw(_) => None,
            Self::P2c(p2c) => p2c.count(index),
            Self::LeastTime(least) => least.count(index),
        };
        Some(count?.begin())
    }

    /// The head of its answer came so long after.
    pub(super) fn answered(&self, index: usize, after: Duration) {
        if let Self::LeastTime(least) = self {
            least.answered(index, after);
        }
    }
}
