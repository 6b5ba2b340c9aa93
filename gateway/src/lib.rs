//! The gateway: a drop-in for Traefik v3.

pub mod router;
pub mod rule;
