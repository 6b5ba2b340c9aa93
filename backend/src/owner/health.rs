//! How the store is doing.

use crate::store::Mode;

/// Whether state is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreStatus {
    /// The store answers and holds everything.
    Ok,
    /// The store does not answer, or something is not stored yet.
    Degraded,
}

impl StoreStatus {
    /// As in health reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
        }
    }
}

/// For health reports and gauges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoreHealth {
    /// The verdict.
    pub status: StoreStatus,
    /// The kind of store.
    pub mode: Mode,
    /// The last call that succeeded took this long.
    pub latency_ms: Option<f64>,
    /// A control or scene change is not stored yet.
    pub dirty: bool,
    /// The state was read from the store, not made from defaults.
    pub rehydrated: bool,
    /// The last call succeeded.
    pub connected: bool,
}
