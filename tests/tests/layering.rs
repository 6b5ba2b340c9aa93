//! The arrows between rooms: each may use only rooms of a lower rank. Read from the sources, tests left out.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use sluice_tests::source::{self, Source};

/// The gateway's rooms, lowest first; see `docs/ARCHITECTURE.md`.
const GATEWAY: &[&[&str]] = &[
    &["types", "rule", "keep", "h1"],
    &["observe"],
    &["net"],
    // An upgraded connection is handed on as a socket of `net`.
    &["http"],
    // Plain data on top of `types`; middlewares are built from it.
    &["config"],
    &["upstream"],
    &["service", "middleware", "tcp", "udp"],
    &["router"],
    &["provider", "aggregate", "runtime"],
    &["compile"],
    &["entrypoint", "api", "acme"],
    &["app"],
    // A subcommand starts the composition root.
    &["command"],
];

/// The stream manager's rooms, lowest first.
const BACKEND: &[&[&str]] = &[
    &["clock", "config"],
    &["observe", "state", "auth"],
    &["store"],
    &["owner", "hub", "chat"],
    &["preview"],
    &["ws"],
    &["http"],
    &["app"],
];

/// Arrows inside a rank, each with its reason.
const ALLOWED: &[(&str, &str, &str)] = &[];

/// Files of `middleware/` that hold its machinery; every other one is a middleware, and knows no other.
const MIDDLEWARE_MACHINERY: [&str; 11] = [
    "chain",
    "client_tls",
    "filter",
    "wrapper",
    "build",
    "source",
    "predicate",
    "users",
    "password",
    "places",
    "credential",
];

#[test]
fn gateway_rooms_use_lower_rooms_only() -> Result<()> {
    check("gateway", GATEWAY)
}

#[test]
fn backend_rooms_use_lower_rooms_only() -> Result<()> {
    check("backend", BACKEND)
}

#[test]
fn no_middleware_imports_another() -> Result<()> {
    let sources = source::below("gateway/src/middleware")?;
    let name = |source: &Source| source.module().get(1).map(|name| (*name).to_owned());
    let names: BTreeSet<String> = sources.iter().filter_map(name).collect();
    let is_middleware = |name: &str| names.contains(name) && !MIDDLEWARE_MACHINERY.contains(&name);
    let mut wrong = BTreeSet::new();
    for source in sources.iter().filter(|source| !source.is_tests()) {
        let Some(own) = name(source).filter(|name| is_middleware(name)) else {
            continue;
        };
        for path in source.crate_paths() {
            if let [room, other, ..] = path.as_slice()
                && room == "middleware"
                && *other != own
                && is_middleware(other)
            {
                wrong.insert(format!("{} uses {}", source.path, path.join("::")));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "middlewares that import another: {wrong:#?}"
    );
    Ok(())
}

fn check(package: &str, ranks: &[&[&str]]) -> Result<()> {
    let rank = |room: &str| ranks.iter().position(|rooms| rooms.contains(&room));
    let sources = source::below(&format!("{package}/src"))?;
    let rooms: BTreeSet<&str> = sources
        .iter()
        .filter_map(|source| source.module().first().copied())
        .collect();
    let unknown: Vec<_> = rooms.iter().filter(|room| rank(room).is_none()).collect();
    ensure!(
        unknown.is_empty(),
        "{package}: rooms without a rank in this test: {unknown:?}"
    );

    let mut wrong = BTreeSet::new();
    for source in sources.iter().filter(|source| !source.is_tests()) {
        let Some(own) = source.module().first().copied() else {
            continue;
        };
        for path in source.crate_paths() {
            let Some(other) = path
                .first()
                .filter(|other| *other != own && rooms.contains(other.as_str()))
            else {
                continue;
            };
            let allowed = ALLOWED
                .iter()
                .any(|(from, to, _)| *from == own && to == other);
            if rank(other) >= rank(own) && !allowed {
                wrong.insert(format!("{} ({own}) uses {}", source.path, path.join("::")));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{package}: against the order of rooms: {wrong:#?}"
    );
    Ok(())
}
