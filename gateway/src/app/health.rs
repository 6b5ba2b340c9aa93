//! The health checks that are in force, each a task of the control thread.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::service::HealthCheck;

/// See the module. Dropping it ends them.
#[derive(Default)]
pub(super) struct Checks(Vec<Running>);

struct Running {
    check: Arc<HealthCheck>,
    task: JoinHandle<()>,
}

impl Checks {
    /// Runs `wanted` from now on and nothing else. One that ran already goes on and keeps its pace.
    pub(super) fn replace(&mut self, wanted: &[Arc<HealthCheck>]) {
        let places: HashSet<_> = wanted.iter().map(Arc::as_ptr).collect();
        self.0
            .retain(|running| places.contains(&Arc::as_ptr(&running.check)));
        let running: HashSet<_> = self
            .0
            .iter()
            .map(|running| Arc::as_ptr(&running.check))
            .collect();
        for check in wanted {
            if !running.contains(&Arc::as_ptr(check)) {
                self.0.push(Running {
                    check: Arc::clone(check),
                    task: tokio::task::spawn_local(Arc::clone(check).run()),
                });
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
