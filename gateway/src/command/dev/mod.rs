//! `gateway dev`: the local stack on this machine, TLS included.

pub mod ca;
pub mod trust;
