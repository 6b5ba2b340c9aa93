//! The one writer: every change of state goes through one task, so nobody ever sees half of one or loses another's.
//!
//! A command is checked against the state ([`crate::state::reduce`]), stored, committed, told to the listener, and
//! answered, in this order and one at a time. Reading needs no task: [`Owner::snapshot`] hands out the last committed
//! version.
//!
//! What happens when the store fails is `STATE_PERSIST_MODE`'s: `degrade` commits anyway, says so in the answer
//! ([`Applied::persisted`]) and in [`Owner::health`], and stores the newest snapshot as soon as the store is back;
//! `strict` refuses with [`ApplyError::NotPersisted`] and changes nothing.
//!
//! Invariants: versions never fall within an epoch; each [`Commit`] is told exactly once, in order; an answer comes after
//! its commit was told; the listener must not block.

mod background;
mod commit;
mod handle;
mod health;
mod others;
mod takeover;
mod writer;

#[cfg(test)]
mod tests;

pub use commit::{Commit, CommitKind, OnCommit};
pub use handle::{Applied, ApplyError, Options, Owner};
pub use health::{StoreHealth, StoreStatus};

pub use crate::state::Snapshot;
pub use crate::store::{Mode, NoObserver, Observer};
