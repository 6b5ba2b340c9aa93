//! From the configurations of all providers to one: names get their provider, routers get the defaults of their
//! entry points.

pub mod files;
mod merge;
mod models;
mod tls_options;

pub use merge::{Merged, Objects, merge, qualify};
pub use models::{Defaults, apply_defaults};
pub use tls_options::{DEFAULT_OPTIONS, TlsInForce, named_options, settle_tls_options};
