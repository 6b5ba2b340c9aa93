//! What is in force: the compiled snapshot and the report of its objects. Plain data.

mod certificate;
pub mod explanation;
mod report;
mod snapshot;

pub use certificate::Certificate;
pub use report::{Object, Report, Section, State, Status};
pub use snapshot::{EntryTables, Snapshot};
