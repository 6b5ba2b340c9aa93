//! An edge gateway that reads Traefik v3's configuration and behaves as Traefik does.

pub mod config;
pub mod provider;
pub mod types;
