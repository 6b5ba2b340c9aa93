//! x
pub mod hub;
