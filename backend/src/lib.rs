//! The stream manager: one live stream's state, who may change it, and who hears of it.
//!
//! Rooms, lowest first: `clock` (what time it is), `config` (environment), `observe` (log, metrics), `state` (rules), `auth` (who may), `store`
//! (persistence), `owner` (the one writer), `chat` (messages, moderation, presence), `hub` (fan-out), `preview` (frames), `ws` and `http` (the outside), `app` (puts it together).

pub mod app;
pub mod auth;
pub mod chat;
pub(crate) mod clock;
pub mod config;
pub mod http;
pub mod hub;
pub mod observe;
pub mod owner;
pub mod preview;
pub mod state;
pub mod store;
pub mod ws;
