//! Who is calling, from where, and whether they may: spec section 6.
//!
//! [`Guard`] holds what the configuration says and answers questions about one request's head; all it keeps are the keys
//! that an issuer publishes. Rates are counted by [`Rates`] and [`Bucket`].

mod address;
mod guard;
mod identity;
mod jwt;
mod origin;
mod proof;
mod rate;
mod token;

pub use crate::config::Role;
pub use guard::Guard;
pub use identity::{Denied, Identity};
pub use rate::{Bucket, Rates};

#[cfg(test)]
mod tests;
