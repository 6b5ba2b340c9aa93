//! The stream manager: one live stream's state, who may change it, and who hears of it.
//!
//! Rooms, lowest first: `config` (environment), `observe` (log), `state` (rules), `store` (persistence),
//! `owner` (the one writer), `hub` (fan-out).

pub mod config;
pub mod hub;
pub mod owner;
pub mod state;
pub mod store;
