//! What became of each object while the configuration was compiled: its status, and why.

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::Merged;
use crate::runtime::Status;

/// One object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectState {
    /// Whether it is in force.
    pub status: Status,
    /// Why not, or what is wrong.
    pub errors: Vec<String>,
    /// Entry points of a router; routers of a service or middleware.
    pub used_by: BTreeSet<String>,
    /// Whether a service was built: its servers are shown then.
    pub in_use: bool,
}

impl ObjectState {
    /// It is not in force, for this reason.
    pub fn disable(&mut self, reason: impl Into<String>) {
        self.status = Status::Disabled;
        self.note(reason.into());
    }

    /// Something is wrong with it.
    pub fn warn(&mut self, reason: impl Into<String>) {
        self.status = self.status.max(Status::Warning);
        self.note(reason.into());
    }

    fn note(&mut self, reason: String) {
        if !self.errors.contains(&reason) {
            self.errors.push(reason);
        }
    }
}

/// All objects by `name@provider`.
#[derive(Debug, Default)]
pub struct Objects {
    /// HTTP routers.
    pub routers: BTreeMap<String, ObjectState>,
    /// HTTP services.
    pub services: BTreeMap<String, ObjectState>,
    /// HTTP middlewares.
    pub middlewares: BTreeMap<String, ObjectState>,
}

impl Objects {
    /// All enabled, none used.
    pub(super) fn new(merged: &Merged) -> Self {
        fn states<T>(objects: &BTreeMap<String, T>) -> BTreeMap<String, ObjectState> {
            objects
                .keys()
                .map(|name| (name.clone(), ObjectState::default()))
                .collect()
        }
        Self {
            routers: states(&merged.routers),
            services: states(&merged.services),
            middlewares: states(&merged.middlewares),
        }
    }

    pub(super) fn router(&mut self, name: &str) -> &mut ObjectState {
        self.routers.entry(name.to_owned()).or_default()
    }

    /// Disables a router.
    pub(super) fn disable_router(&mut self, name: &str, reason: impl Into<String>) {
        self.router(name).disable(reason);
    }
}
