//! What became of each object of a configuration: its status, why, and who uses it. What the API shows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::Certificate;
use crate::config::dynamic::{
    Middleware, Router, Service, TcpMiddleware, TcpRouter, TcpService, UdpRouter, UdpService,
};

/// Traefik's status of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Status {
    /// It is in force.
    #[default]
    Enabled,
    /// It is in force, and something is wrong.
    Warning,
    /// It is not in force.
    Disabled,
}

impl Status {
    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Warning => "warning",
            Self::Disabled => "disabled",
        }
    }
}

/// What became of one object.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub status: Status,
    /// Why it is disabled, or what is wrong.
    pub errors: Vec<String>,
    /// Of a router the entry points it is on; of others the routers that name them. Sorted.
    pub uses: Vec<String>,
    /// Servers of a service that is in use, by URL, and whether they are up. Changed while the report is in force.
    pub servers: BTreeMap<String, Arc<AtomicBool>>,
}

/// An object: its configuration with names and defaults filled in, and what became of it.
#[derive(Debug, Clone)]
pub struct Object<T> {
    pub config: T,
    pub state: State,
}

/// Objects of one kind by `name@provider`.
pub type Section<T> = BTreeMap<String, Object<T>>;

/// All objects of the configuration in force.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub routers: Section<Router>,
    pub services: Section<Service>,
    pub middlewares: Section<Middleware>,
    pub tcp_routers: Section<TcpRouter>,
    pub tcp_services: Section<TcpService>,
    pub tcp_middlewares: Section<TcpMiddleware>,
    pub udp_routers: Section<UdpRouter>,
    pub udp_services: Section<UdpService>,
    /// Those that are configured, not the one made up for clients that ask for none of them.
    pub certificates: Vec<Certificate>,
}
