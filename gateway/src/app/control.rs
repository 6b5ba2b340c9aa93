//! The control loop: takes configurations from providers, compiles what changed, and hands it to the workers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, MissedTickBehavior};

use super::files::{self, Files};
use super::health::Checks;
use super::{Adapt, Internal};
use crate::aggregate::{self, Defaults, Merged};
use crate::compile::{Compiled, Input, Kept, compile, internal_configuration};
use crate::config::dynamic::Dynamic;
use crate::config::install::Install;
use crate::middleware::Caches;
use crate::net::tls::{Pair, self_signed};
use crate::observe::Observer;
use crate::provider::{Message, Provider, file::FileWatch};
use crate::runtime::{Report, Snapshot};

/// Configurations that may wait to be looked at; providers wait when there are more.
const WAITING: usize = 64;

/// See the module.
pub(super) struct Control {
    install: Arc<Install>,
    defaults: Defaults,
    entry_points: Vec<String>,
    observer: Observer,
    internal: Internal,
    caches: Arc<Caches>,
    fallback_certificate: Pair,
    /// The last good configuration of each provider.
    providers: BTreeMap<String, Dynamic>,
    /// What is in force.
    merged: Merged,
    kept: Kept,
    checks: Checks,
    files: Files,
    snapshots: watch::Sender<Arc<Snapshot>>,
    reports: watch::Sender<Arc<Report>>,
    throttle: Duration,
    adapt: Option<Adapt>,
}

/// What the loop is given.
pub(super) struct Parts {
    pub(super) entry_points: Vec<String>,
    pub(super) observer: Observer,
    pub(super) internal: Internal,
    pub(super) caches: Arc<Caches>,
    pub(super) snapshots: watch::Sender<Arc<Snapshot>>,
    pub(super) reports: watch::Sender<Arc<Report>>,
}

impl Control {
    pub(super) fn new(install: &Arc<Install>, parts: Parts) -> anyhow::Result<Self> {
        let Parts {
            entry_points,
            observer,
            internal,
            caches,
            snapshots,
            reports,
        } = parts;
        Ok(Self {
            defaults: Defaults::new(install),
            entry_points,
            observer,
            internal,
            caches,
            reports,
            fallback_certificate: self_signed().context("cannot make the default certificate")?,
            providers: BTreeMap::new(),
            merged: Merged::default(),
            kept: Kept::default(),
            checks: Checks::default(),
            files: Files::default(),
            snapshots,
            throttle: install
                .providers
                .providers_throttle_duration
                .limit()
                .unwrap_or_default(),
            install: Arc::clone(install),
            adapt: None,
        })
    }

    /// Changes what providers say from now on, before it counts.
    pub(super) fn adapt_by(&mut self, adapt: Option<Adapt>) {
        self.adapt = adapt;
    }

    /// Puts in force what follows from the install configuration alone.
    pub(super) fn apply_internal(&mut self) {
        self.providers
            .insert("internal".to_owned(), internal_configuration(&self.install));
        self.apply();
    }

    /// Starts every configured provider on this thread.
    pub(super) fn start_providers(&self) -> mpsc::Receiver<Message> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let mut providers = Vec::new();
        if let Some(file) = &self.install.providers.file {
            providers.push(Provider::File(FileWatch::new(file)));
        }
        for provider in providers {
            tracing::info!(provider = provider.name(), "Starting provider");
            tokio::task::spawn_local(provider.run(sender.clone()));
        }
        receiver
    }

    /// Applies what providers say, until the process ends. The first word of a provider counts at once; more words
    /// within Traefik's `providersThrottleDuration` count together when it is over.
    pub(super) async fn run(&mut self, mut messages: mpsc::Receiver<Message>) {
        let mut next: Option<Instant> = None;
        let mut quiet_until = Instant::now();
        let mut open = true;
        let mut look = tokio::time::interval(files::EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = messages.recv(), if open => match message {
                    Some(message) => {
                        let known = self.providers.contains_key(&message.provider);
                        if let Ok(mut config) = message.config {
                            if let Some(adapt) = &self.adapt {
                                adapt(&mut config);
                            }
                            self.providers.insert(message.provider, config);
                            let at = if known { quiet_until.max(Instant::now()) } else { Instant::now() };
                            next = Some(next.map_or(at, |next| next.min(at)));
                        }
                    }
                    None => open = false,
                },
                _ = look.tick() => {
                    let changed = self.files.changed();
                    if !changed.is_empty() {
                        tracing::info!(?changed, "files changed that the configuration names");
                        self.renew(&changed);
                    }
                }
                () = until(next) => {
                    next = None;
                    quiet_until = Instant::now() + self.throttle;
                    self.apply();
                }
            }
        }
    }

    /// Compiles the configuration and puts it in force, if it or a file it names is another one.
    fn apply(&mut self) {
        let changed = self.files.changed();
        let merged = self.merge();
        if merged != self.merged || !changed.is_empty() {
            self.compile(merged, &changed);
        }
    }

    /// Compiles the same configuration once more.
    fn renew(&mut self, changed: &BTreeSet<PathBuf>) {
        let merged = std::mem::take(&mut self.merged);
        self.compile(merged, changed);
    }

    /// What all providers said last, as one.
    fn merge(&self) -> Merged {
        let configs = self
            .providers
            .iter()
            .map(|(name, config)| (name.as_str(), config));
        aggregate::whole(configs, &self.defaults)
    }

    fn compile(&mut self, merged: Merged, changed: &BTreeSet<PathBuf>) {
        self.files.follow(aggregate::files::files(&merged));
        let Compiled {
            snapshot,
            report,
            checks,
            problems,
        } = compile(
            &Input {
                merged: &merged,
                entry_points: &self.entry_points,
                internal: &self.internal,
                precedence: &self.install.providers.precedence,
                fallback_certificate: Some(&self.fallback_certificate),
                changed,
                workers: self.observer.workers,
                observer: &self.observer,
                caches: &self.caches,
                tells_servers: self.install.tells_servers(),
            },
            &mut self.kept,
        );
        for problem in problems {
            tracing::error!("{problem}");
        }
        for (name, router) in &report.routers {
            for error in &router.state.errors {
                // Traefik's names of the fields, for those who search logs by them.
                let entry_point = router.state.uses.join(",");
                tracing::error!(routerName = %name, entryPointName = %entry_point, "{error}");
            }
        }
        self.merged = merged;
        self.checks.replace(&checks);
        super::observe::report(&self.observer, &report);
        self.snapshots.send_replace(Arc::new(snapshot));
        self.reports.send_replace(Arc::new(report));
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
