//! TLS towards clients: certificates and options, and which options hold for which host of an entry point.

mod certificates;
mod options;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Input;
use super::objects::Objects;
use crate::aggregate::{DEFAULT_OPTIONS, named_options};
use crate::config::dynamic::Router;
use crate::net::tls::{CertificateStore, Chosen, TlsOptions, TlsTable};
use crate::runtime::Certificate;

/// What a run built and the next may use again: connections keep resuming their sessions across reloads.
#[derive(Default)]
pub(super) struct Kept {
    pairs: certificates::Pairs,
    store: Option<Arc<CertificateStore>>,
    options: BTreeMap<String, (TlsOptions, Chosen)>,
}

/// Options and certificates of one run.
pub(super) struct Tls {
    /// By name; `Err` is why they cannot be used.
    options: BTreeMap<String, Result<Chosen, String>>,
    /// As the API shows them.
    pub(super) certificates: Vec<Certificate>,
    pub(super) kept: Kept,
}

impl Tls {
    /// Reads certificates and builds options; what cannot be read is named in `problems` and left out.
    pub(super) fn build(input: &Input<'_>, before: Kept, problems: &mut Vec<String>) -> Self {
        let loaded = certificates::load(input, &before.pairs, problems);
        let store = match before.store {
            Some(store) if *store == loaded.store => store,
            _ => Arc::new(loaded.store),
        };
        let mut tls = Self {
            options: BTreeMap::new(),
            certificates: loaded.shown,
            kept: Kept {
                pairs: loaded.pairs,
                ..Kept::default()
            },
        };
        for (name, config) in &input.merged.tls_options {
            let built = options::read(config).and_then(|options| {
                let same = before.options.get(name).filter(|(known, chosen)| {
                    *known == options && Arc::ptr_eq(&chosen.certificates, &store)
                });
                let chosen = match same {
                    Some((_, chosen)) => chosen.clone(),
                    None => options
                        .build(name, &store)
                        .map_err(|error| error.to_string())?,
                };
                let kept = (options, chosen.clone());
                tls.kept.options.insert(name.clone(), kept);
                Ok(chosen)
            });
            if let Err(error) = &built {
                problems.push(format!("TLS options {name}: {error}"));
            }
            tls.options.insert(name.clone(), built);
        }
        tls.kept.store = Some(store);
        tls
    }

    /// Why a router cannot be with the options it names, in Traefik's words.
    pub(super) fn check(&self, name: &str, router: &Router) -> Result<(), String> {
        let Some(named) = named_options(name, router) else {
            return Ok(());
        };
        match self.options.get(&named) {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(format!(
                "building router handler: building TLS config: {error}"
            )),
            None => Err(format!(
                "building router handler: unknown TLS options: {named}"
            )),
        }
    }

    /// The options of every host of an entry point. Options that do not exist or could not be built refuse the host: never
    /// weaker ones in their place.
    pub(super) fn table(&self, input: &Input<'_>, entry_point: &str) -> TlsTable {
        let built = |name: &str| self.options.get(name).and_then(|built| built.clone().ok());
        let hosts = input.merged.tls.hosts.get(entry_point);
        let by_host: HashMap<Box<str>, Option<Chosen>> = hosts
            .into_iter()
            .flatten()
            .map(|(host, options)| (host.as_str().into(), built(options)))
            .collect();
        TlsTable {
            default: built(DEFAULT_OPTIONS),
            by_host,
        }
    }
}

/// Tells routers that do not get the options they name.
pub(super) fn warn(input: &Input<'_>, objects: &mut Objects) {
    for (name, router) in &input.merged.routers {
        let (Some(named), Some(in_force)) = (
            named_options(name, router),
            input.merged.tls.routers.get(name),
        ) else {
            continue;
        };
        let Some(hosts) = input.merged.tls.domains.get(name) else {
            continue;
        };
        if hosts.is_empty() && named != DEFAULT_OPTIONS {
            let rule = &router.rule;
            objects.router(name).warn(format!(
                "no domain found in rule {rule}, the TLS option {named} cannot be applied"
            ));
        } else if named != *in_force {
            let instead = match in_force.as_str() {
                DEFAULT_OPTIONS => "default TLS options will be used instead".to_owned(),
                "" => "they ask for different client certificates: the host is refused".to_owned(),
                strict => format!("{strict} holds, because it asks for client certificates"),
            };
            objects.router(name).warn(format!(
                "router's TLSOptions configuration is conflicting with other routers on the same entrypoint and host, {instead}"
            ));
        }
    }
}
