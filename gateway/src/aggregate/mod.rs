//! From the configurations of all providers to one: names get their provider, routers get the defaults of their
//! entry points.

pub mod files;
mod merge;
mod models;
mod tls_options;

pub use merge::{Merged, Objects, merge, qualify};
pub use models::{Defaults, apply_defaults};
pub use tls_options::{DEFAULT_OPTIONS, TlsInForce, named_options, settle_tls_options};

use crate::config::dynamic::Dynamic;

/// What providers say, by provider name, as the one configuration that is compiled: merged, entry points' defaults applied, TLS
/// options settled.
pub fn whole<'a>(
    providers: impl IntoIterator<Item = (&'a str, &'a Dynamic)>,
    defaults: &Defaults,
) -> Merged {
    let mut merged = merge(providers);
    apply_defaults(&mut merged, defaults);
    settle_tls_options(&mut merged);
    merged
}
