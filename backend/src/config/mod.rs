//! What the process was told by its environment: every variable checked, every mistake named at once.
//!
//! [`Config::from_vars`] reads the whole environment and never stops at the first mistake: the person who starts the
//! process sees the full list, each entry with the variable, its value (secrets left out), the reason and what is
//! allowed. An empty value counts as unset. Names of services that used to share the environment are ignored.
//! The variables and their defaults are those of the stream manager's specification, section 1.

mod auth;
mod error;
mod jwt;
mod model;
mod net;
mod parse;
mod reader;
mod redis;
mod secret;
mod values;

#[cfg(test)]
mod tests;

pub use auth::{ApiToken, Auth, AuthMode, Jwt, Role};
pub use error::{ConfigErrors, Problem, Warning};
pub use model::{
    Config, Environment, Frames, Log, LogLevel, PersistMode, Ports, Rest, Store, StorePath, Stream,
    Telemetry, Ws,
};
pub use net::{AllowedOrigin, Cidr};
pub use secret::Secret;
pub use values::{Bitrate, FrameFormat, Quality, Resolution, ValueError};
