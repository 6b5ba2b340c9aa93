//! From the configurations of all providers to one: names get their provider, routers get the defaults of their
//! entry points.

mod merge;
mod models;

pub use merge::{Merged, Objects, merge, qualify};
pub use models::{Defaults, apply_defaults};
