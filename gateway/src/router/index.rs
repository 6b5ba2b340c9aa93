//! Finds the routes whose host and path can fit a request: by name first, then by path.
//!
//! What it hands out are lists of positions in the table, each ascending, which together hold every route that can match.

use std::collections::HashMap;

use super::prefix::PrefixTree;
use crate::rule::{HostKey, Keyed, PathKey, Tree, keys_of_host};

/// Buckets with no more routes than this are tried in line; looking up the path would cost more.
const SMALL: usize = 8;

/// Routes by the host that they ask for.
#[derive(Debug, Clone, Default)]
pub(super) struct HostIndex {
    exact: HashMap<Box<str>, PathIndex>,
    /// By what follows the first label.
    wildcard: HashMap<Box<str>, PathIndex>,
    /// Routes that take any host.
    any: PathIndex,
}

/// Routes of one host by the path that they ask for.
#[derive(Debug, Clone, Default)]
struct PathIndex {
    paths: PrefixTree,
    /// Routes that take any path, and all routes of a small bucket.
    any: Vec<u32>,
}

/// A route on its way into a bucket.
type Entry<'a> = (u32, &'a Option<Vec<PathKey>>);

impl HostIndex {
    /// Files rules under their position.
    pub(super) fn build<'a, L: Keyed + 'a>(rules: impl Iterator<Item = &'a Tree<L>>) -> Self {
        let keys: Vec<_> = rules
            .map(|rule| (rule.host_keys(), rule.path_keys()))
            .collect();
        let mut exact: HashMap<&str, Vec<Entry<'_>>> = HashMap::with_capacity(keys.len());
        let mut wildcard: HashMap<&str, Vec<Entry<'_>>> = HashMap::new();
        let mut any = Vec::new();
        // More than four billion routers do not fit into memory.
        for (position, (hosts, paths)) in (0u32..).zip(&keys) {
            let Some(hosts) = hosts else {
                any.push((position, paths));
                continue;
            };
            for host in hosts {
                match host {
                    HostKey::Exact(name) => exact.entry(name).or_default().push((position, paths)),
                    HostKey::Wildcard(suffix) => {
                        wildcard.entry(suffix).or_default().push((position, paths));
                    }
                }
            }
        }
        let file = |buckets: HashMap<&str, Vec<Entry<'_>>>| {
            buckets
                .into_iter()
                .map(|(host, entries)| (host.into(), PathIndex::build(&entries)))
                .collect()
        };
        Self {
            exact: file(exact),
            wildcard: file(wildcard),
            any: PathIndex::build(&any),
        }
    }

    /// Calls `each` with every list of routes that the request may match.
    pub(super) fn visit<'s, L: Keyed>(
        &'s self,
        view: &L::View<'_>,
        mut each: impl FnMut(&'s [u32]),
    ) {
        let path = L::path(view);
        let (host, flat) = L::hosts(view);
        self.visit_host(host, path, &mut each);
        if let Some(flat) = flat {
            self.visit_host(flat, path, &mut each);
        }
        self.any.visit(path, &mut each);
    }

    fn visit_host<'s>(&'s self, host: &str, path: &[u8], each: &mut impl FnMut(&'s [u32])) {
        let (name, suffix) = keys_of_host(host);
        if let Some(bucket) = self.exact.get(name) {
            bucket.visit(path, each);
        }
        // An empty map answers without hashing.
        if let Some(bucket) = suffix.and_then(|suffix| self.wildcard.get(suffix)) {
            bucket.visit(path, each);
        }
    }
}

impl PathIndex {
    fn build(entries: &[Entry<'_>]) -> Self {
        let mut index = Self::default();
        if entries.len() <= SMALL {
            index.any = entries.iter().map(|(position, _)| *position).collect();
            return index;
        }
        for (position, paths) in entries {
            let Some(paths) = paths else {
                index.any.push(*position);
                continue;
            };
            for path in paths {
                match path {
                    PathKey::Exact(path) => index.paths.insert_exact(path, *position),
                    PathKey::Prefix(prefix) => index.paths.insert_prefix(prefix, *position),
                }
            }
        }
        index
    }

    fn visit<'s>(&'s self, path: &[u8], each: &mut impl FnMut(&'s [u32])) {
        self.paths.visit(path, each);
        if !self.any.is_empty() {
            each(&self.any);
        }
    }
}
