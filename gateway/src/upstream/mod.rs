//! One attempt at one server: transport, connections, forwarding, upgrades. Never chooses the server.
//!
//! HTTP/1.1 is driven inline in the request's future: no task, no channel, no wake per request. Each
//! worker has its own connections, found by the target's slot without hashing. HTTP/2 has its own folder.

mod answer;
mod connect;
mod exchange;
mod forward;
mod http2;
mod pool;
mod slot;
mod target;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
mod upgrade;

pub use forward::forward;
pub use target::{Scheme, Target, TargetError};
pub use tls::{Identity, PeerName, TlsError, TlsSettings, TlsVersion, client_config, server_name};
pub use transport::{Settings, Transport};
