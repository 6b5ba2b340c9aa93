//! Leaf values that every other room may use: durations, address sets, secrets. They know no room themselves.

mod duration;
mod file_or_content;
mod ip_set;
mod ip_strategy;
pub mod query;
mod secret;
mod size;
mod status_ranges;

pub use duration::{Duration, DurationError};
pub use file_or_content::FileOrContent;
pub use ip_set::{Cidr, CidrError, IpSet};
pub use ip_strategy::{IpStrategy, IpStrategyError};
pub use secret::{Secret, UserLine};
pub use size::{Size, SizeError};
pub use status_ranges::{StatusRanges, StatusRangesError};
