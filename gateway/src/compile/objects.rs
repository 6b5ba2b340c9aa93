//! What became of each object while the configuration was compiled: its status, and why.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::aggregate::Merged;
use crate::runtime::Status;

/// One object.
#[derive(Debug, Clone, Default)]
pub struct ObjectState {
    /// Whether it is in force.
    pub status: Status,
    /// Why not, or what is wrong.
    pub errors: Vec<String>,
    /// Entry points of a router.
    pub used_by: Vec<String>,
    /// Servers of a service that was built, by URL, and whether they are up.
    pub servers: BTreeMap<String, Arc<AtomicBool>>,
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

    /// Why it is not in force; `None` where it is.
    pub(super) fn disabled_because(&self) -> Option<String> {
        (self.status == Status::Disabled).then(|| self.errors.join(", "))
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

    pub(super) fn service(&mut self, name: &str) -> &mut ObjectState {
        self.services.entry(name.to_owned()).or_default()
    }

    /// Disables a router.
    pub(super) fn disable_router(&mut self, name: &str, reason: impl Into<String>) {
        self.router(name).disable(reason);
    }
}
