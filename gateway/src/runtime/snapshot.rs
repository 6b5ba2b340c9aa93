//! The compiled routing configuration: immutable, shared by all workers, replaced as a whole.

use crate::net::tls::TlsTable;
use crate::router::Table;
use crate::router::http::HttpRoute;

/// Everything the data path looks at. A reload makes a new one and swaps it in.
#[derive(Default)]
pub struct Snapshot {
    /// By the entry points' index, in the order of their start.
    pub entry_points: Vec<EntryTables>,
}

/// The routes of one entry point.
#[derive(Default)]
pub struct EntryTables {
    /// For plain connections.
    pub plain: Table<HttpRoute>,
    /// For TLS connections.
    pub tls: Table<HttpRoute>,
    /// Certificates and TLS options by server name.
    pub tls_options: TlsTable,
}
