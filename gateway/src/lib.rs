//! The map of the gateway. Each module is a room; a room may use only rooms listed before it
//! (`tests/tests/layering.rs` holds the order, `docs/ARCHITECTURE.md` tells what lives where).

pub mod h1;
pub mod rule;
pub mod types;

pub mod observe;

pub mod net;

pub mod http;

pub mod config;

pub mod upstream;

pub mod middleware;
pub mod service;

pub mod router;

pub mod aggregate;
pub mod provider;
pub mod runtime;

pub mod compile;

pub mod api;
pub mod entrypoint;

pub mod app;
pub mod command;
