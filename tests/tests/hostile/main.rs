//! Hostile clients and servers: advisories of this gateway's kin turned into tests, one row each.

mod api;
mod auth;
mod forwarded;
mod frames;
mod framing;
mod head;
mod http2;
mod path;
mod resources;
mod responses;
mod rows;
mod support;
mod tls;
mod upgrade;
