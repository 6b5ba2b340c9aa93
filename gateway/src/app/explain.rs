//! Explains requests: for the running gateway's API, and for a configuration that nobody serves.

use std::sync::Arc;

use tokio::sync::watch;

use super::trial::Trial;
use crate::api;
use crate::config::install::{Install, default_entry_points};
use crate::entrypoint::EntryPoint;
use crate::entrypoint::explain::{Door, choose, explain};
use crate::runtime::explanation::{Explained, Question};
use crate::runtime::{Report, Snapshot};

/// The entry points that a request may come to.
#[derive(Clone)]
pub(super) struct Doors {
    doors: Vec<Door>,
    /// In the same order.
    entries: Vec<Arc<EntryPoint>>,
}

impl Doors {
    pub(super) fn new(install: &Install, entries: &[Arc<EntryPoint>]) -> Self {
        let defaults = default_entry_points(install);
        let door = |entry: &Arc<EntryPoint>| {
            let config = install.entry_points.get(&*entry.name);
            let address = config.and_then(|config| config.parse_address().ok());
            Door {
                name: entry.name.to_string(),
                port: address.map_or(0, |address| address.port),
                default: defaults.iter().any(|name| **name == *entry.name),
            }
        };
        Self {
            doors: entries.iter().map(door).collect(),
            entries: entries.to_vec(),
        }
    }

    /// For the API: by what is in force when it is asked.
    pub(super) fn live(
        self,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        reports: watch::Receiver<Arc<Report>>,
    ) -> api::Explain {
        api::Explain::new(move |question| {
            let snapshot = Arc::clone(&snapshots.borrow());
            let report = Arc::clone(&reports.borrow());
            self.explain(&snapshot, &report, question, true)
        })
    }

    fn explain(
        &self,
        snapshot: &Snapshot,
        report: &Report,
        question: &Question,
        live: bool,
    ) -> Result<Explained, String> {
        let (place, because) = choose(&self.doors, question)?;
        let entry = self.entries.get(place).ok_or("there are no entry points")?;
        let mut explained = explain(entry, snapshot, report, question, live)?;
        explained.request.entry_point_because = because;
        Ok(explained)
    }
}

/// Explains a request to a configuration that was only compiled.
pub fn without_serving(
    install: &Install,
    trial: &Trial,
    question: &Question,
) -> Result<Explained, String> {
    let entries = trial
        .settings(install)
        .map_err(|error| format!("{error:#}"))?;
    let compiled = &trial.compiled;
    Doors::new(install, &entries).explain(&compiled.snapshot, &compiled.report, question, false)
}
