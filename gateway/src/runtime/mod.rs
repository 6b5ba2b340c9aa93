//! What is in force: the compiled snapshot and the report of its objects. Plain data.

mod snapshot;

pub use snapshot::{EntryTables, Snapshot};
