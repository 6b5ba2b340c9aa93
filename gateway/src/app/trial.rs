//! What a configuration would be if it were in force: compiled by what compiles it for serving, but serving nobody. No
//! socket is opened and no task is started.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use tokio::sync::watch;

use super::{entry, internal};
use crate::aggregate::{Defaults, Merged, whole};
use crate::compile::{Compiled, Input, Kept, compile, internal_configuration};
use crate::config::dynamic::Dynamic;
use crate::config::install::{Install, Protocol};
use crate::entrypoint::EntryPoint;
use crate::middleware::Caches;
use crate::net::tls::self_signed;
use crate::observe::Observer;
use crate::runtime::Report;

/// See the module.
pub struct Trial {
    /// The configuration of all providers, models applied.
    pub merged: Merged,
    /// What came out.
    pub compiled: Compiled,
    /// Names of the TCP entry points, in the order of their tables.
    pub entry_points: Vec<String>,
    /// Names of the gateway's own services.
    pub internal: Vec<String>,
}

/// Compiles what providers say, by their names. `change` may alter the merged configuration before.
pub fn compiled(
    install: &Arc<Install>,
    providers: &BTreeMap<String, Dynamic>,
    change: impl FnOnce(&mut Merged),
) -> anyhow::Result<Trial> {
    let observer = nobody();
    let entry_points: Vec<String> = install
        .entry_points
        .iter()
        .filter(|(_, entry)| {
            entry
                .parse_address()
                .is_ok_and(|address| address.protocol == Protocol::Tcp)
        })
        .map(|(name, _)| name.clone())
        .collect();
    let (_, reports) = watch::channel(Arc::new(Report::default()));
    let terminating = Arc::new(AtomicBool::new(false));
    let caches = Arc::<Caches>::default();
    let mut handlers =
        internal::handlers(install, &observer, &reports, &terminating, &caches, None);
    // Nothing is counted, but the page is there.
    let metrics = install.metrics.as_ref();
    if metrics.is_some_and(|metrics| metrics.prometheus.is_some())
        && let Some(noop) = handlers.get("noop@internal").cloned()
    {
        handlers.insert("prometheus@internal".to_owned(), noop);
    }
    let own = internal_configuration(install);
    let configs = providers
        .iter()
        .map(|(name, config)| (name.as_str(), config))
        .chain([("internal", &own)]);
    let mut merged = whole(configs, &Defaults::new(install));
    change(&mut merged);
    let fallback = self_signed().context("cannot make the default certificate")?;
    let input = Input {
        merged: &merged,
        entry_points: &entry_points,
        internal: &handlers,
        precedence: &install.providers.precedence,
        fallback_certificate: Some(&fallback),
        changed: &BTreeSet::new(),
        workers: observer.workers,
        observer: &observer,
        caches: &caches,
        tells_servers: install.tells_servers(),
    };
    let compiled = compile(&input, &mut Kept::default());
    Ok(Trial {
        compiled,
        internal: handlers.into_keys().collect(),
        merged,
        entry_points,
    })
}

impl Trial {
    /// The entry points as they would serve, in the order of their tables.
    pub fn settings(&self, install: &Install) -> anyhow::Result<Vec<Arc<EntryPoint>>> {
        let observer = nobody();
        let named = self.entry_points.iter().enumerate();
        named
            .filter_map(|(index, name)| Some((index, name, install.entry_points.get(name)?)))
            .map(|(index, name, config)| {
                entry::settings(name, index, config, install, &observer).map(Arc::new)
            })
            .collect()
    }
}

/// Records nothing.
fn nobody() -> Observer {
    Observer {
        workers: 1,
        ..Observer::default()
    }
}
