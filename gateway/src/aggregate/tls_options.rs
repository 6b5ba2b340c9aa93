//! Which TLS options are in force for which router and which host, where routers of one host disagree.
//!
//! Options are chosen by server name, before any request is read: the routers of one host on one entry point must agree. Where
//! they don't, the default options hold, as in Traefik, with one exception: options that ask for client certificates are
//! never given up for weaker ones. If one of the host's options asks for them, it holds for all of them; if two do, the
//! host is refused. A router whose options don't exist is refused itself, and its host with it where no other router names
//! options that do.

use std::collections::{BTreeMap, BTreeSet};

use super::{Merged, Objects, qualify};
use crate::config::dynamic::{Router, TlsOptions};
use crate::rule::http::domains;

/// The options of routers that name none.
pub const DEFAULT_OPTIONS: &str = "default";
/// In force for hosts that are refused; no options can have this name.
const REFUSED: &str = "";

/// What holds, by name of the options: `default`, `name@provider`, or a name that does not exist and refuses.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct TlsInForce {
    /// By router, all those with TLS.
    pub routers: Objects<String>,
    /// By entry point, then by lower-case host.
    pub hosts: BTreeMap<String, BTreeMap<String, String>>,
    /// The lower-case hosts of each router with TLS; none of a rule that cannot be read.
    pub domains: Objects<Vec<String>>,
}

/// The options that a router asks for.
pub fn named_options(name: &str, router: &Router) -> Option<String> {
    let options = &router.tls.as_ref()?.options;
    let provider = name.rsplit_once('@').map_or("", |(_, provider)| provider);
    Some(match options.as_str() {
        "" | DEFAULT_OPTIONS => DEFAULT_OPTIONS.to_owned(),
        options => qualify(options, provider),
    })
}

/// Settles what holds. A router that does not get what it asked for on an entry point becomes another one there, named
/// `entrypoint-conflicted-router` as in Traefik.
pub fn settle_tls_options(merged: &mut Merged) {
    let entry_points: BTreeSet<String> = merged
        .routers
        .values()
        .filter(|router| router.tls.is_some())
        .flat_map(|router| router.entry_points.iter().cloned())
        .collect();
    for (name, router) in merged
        .routers
        .iter()
        .filter(|(_, router)| router.tls.is_some())
    {
        if let Ok(mut hosts) = domains(&router.rule) {
            hosts
                .iter_mut()
                .for_each(|host| host.make_ascii_lowercase());
            merged.tls.domains.insert(name.clone(), hosts);
        }
    }
    for entry_point in &entry_points {
        for (name, options) in conflicts(merged, entry_point) {
            let own_name = format!("{entry_point}-conflicted-{name}");
            divide(merged, &name, &own_name, entry_point);
            merged.tls.routers.insert(own_name, options);
        }
    }
    for (name, router) in &merged.routers {
        if let Some(options) = named_options(name, router) {
            merged.tls.routers.entry(name.clone()).or_insert(options);
        }
    }
    for entry_point in entry_points {
        let hosts = hosts(merged, &entry_point);
        merged.tls.hosts.insert(entry_point, hosts);
    }
}

/// Routers of an entry point that can't have the options they name, and what they get instead.
fn conflicts(merged: &Merged, entry_point: &str) -> BTreeMap<String, String> {
    let mut by_host: BTreeMap<String, BTreeMap<String, Vec<&str>>> = BTreeMap::new();
    let mut verdicts: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, options) in of_entry_point(merged, entry_point) {
        let Some(hosts) = merged.tls.domains.get(name) else {
            continue;
        };
        if hosts.is_empty() && options != DEFAULT_OPTIONS {
            // No server name leads to them. Those that must not be weakened are kept: the router then takes only requests
            // of connections that another router's host gave the same options.
            let unknown = !merged.tls_options.contains_key(&options);
            let kept = if unknown || is_strict(&merged.tls_options, &options) {
                options
            } else {
                DEFAULT_OPTIONS.to_owned()
            };
            verdicts.entry(name).or_default().insert(kept);
            continue;
        }
        for host in hosts {
            let options = options.clone();
            let same = by_host.entry(host.clone()).or_default();
            same.entry(options).or_default().push(name);
        }
    }
    for by_options in by_host.into_values().filter(|options| options.len() > 1) {
        let verdict = agree(&merged.tls_options, by_options.keys().map(String::as_str));
        // One that names what does not exist is disabled for that: it must not be served with something else.
        let known =
            |options: &str| options == DEFAULT_OPTIONS || merged.tls_options.contains_key(options);
        for (_, names) in by_options.iter().filter(|(options, _)| known(options)) {
            for name in names {
                verdicts.entry(name).or_default().insert(verdict.clone());
            }
        }
    }
    verdicts
        .into_iter()
        .map(|(name, verdicts)| {
            let verdict = agree(&merged.tls_options, verdicts.iter().map(String::as_str));
            (name.to_owned(), verdict)
        })
        .collect()
}

fn of_entry_point<'m>(
    merged: &'m Merged,
    entry_point: &str,
) -> impl Iterator<Item = (&'m str, String)> {
    merged.routers.iter().filter_map(move |(name, router)| {
        let here = router.entry_points.iter().any(|known| known == entry_point);
        let options = named_options(name, router).filter(|_| here)?;
        Some((name.as_str(), options))
    })
}

/// What holds by host. Routers with several hosts may still disagree about one of them; the stricter options hold then.
fn hosts(merged: &Merged, entry_point: &str) -> BTreeMap<String, String> {
    let mut named: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (name, _) in of_entry_point(merged, entry_point) {
        let (Some(options), Some(hosts)) =
            (merged.tls.routers.get(name), merged.tls.domains.get(name))
        else {
            continue;
        };
        for host in hosts {
            named.entry(host.clone()).or_default().insert(options);
        }
    }
    named
        .into_iter()
        .map(|(host, options)| (host, agree(&merged.tls_options, options.iter().copied())))
        .collect()
}

/// The options that hold where these are asked for together.
fn agree<'a>(known: &Objects<TlsOptions>, asked: impl Iterator<Item = &'a str> + Clone) -> String {
    let mut different = asked.clone();
    if let (Some(only), None) = (different.next(), different.next()) {
        return only.to_owned();
    }
    let mut strict = asked.filter(|name| is_strict(known, name));
    match (strict.next(), strict.next()) {
        (None, _) => DEFAULT_OPTIONS.to_owned(),
        (Some(one), None) => one.to_owned(),
        (Some(_), Some(_)) => REFUSED.to_owned(),
    }
}

/// Whether weaker options in their place would let somebody in: they ask for client certificates.
fn is_strict(known: &Objects<TlsOptions>, name: &str) -> bool {
    known.get(name).is_some_and(|options| {
        let auth = &options.client_auth;
        match auth.client_auth_type.as_str() {
            "" => !auth.ca_files.is_empty(),
            kind => kind != "NoClientCert",
        }
    })
}

/// Makes a router's part on one entry point a router of its own, and its children those of both.
fn divide(merged: &mut Merged, name: &str, own_name: &str, entry_point: &str) {
    let Some(router) = merged.routers.get_mut(name) else {
        return;
    };
    let mut own = router.clone();
    own.entry_points = vec![entry_point.to_owned()];
    router.entry_points.retain(|known| known != entry_point);
    let gone = router.entry_points.is_empty();
    if gone {
        merged.routers.remove(name);
    }
    for child in merged.routers.values_mut() {
        if let Some(place) = child.parent_refs.iter().position(|parent| parent == name) {
            child.parent_refs.push(own_name.to_owned());
            if gone {
                child.parent_refs.swap_remove(place);
            }
        }
    }
    merged.routers.insert(own_name.to_owned(), own);
    if let Some(hosts) = merged.tls.domains.get(name).cloned() {
        merged.tls.domains.insert(own_name.to_owned(), hosts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::dynamic::{ClientAuth, RouterTls};

    const MUTUAL: [&str; 2] = ["mutual@file", "mutual2@file"];

    /// Routers as `(name, hosts, options)`.
    fn settled(routers: &[(&str, &[&str], &str)]) -> Merged {
        let mut merged = Merged::default();
        for name in ["old@file", "new@file"] {
            merged
                .tls_options
                .insert(name.to_owned(), TlsOptions::default());
        }
        for name in MUTUAL {
            let client_auth = ClientAuth {
                client_auth_type: "RequireAndVerifyClientCert".to_owned(),
                ..ClientAuth::default()
            };
            let options = TlsOptions {
                client_auth,
                ..TlsOptions::default()
            };
            merged.tls_options.insert(name.to_owned(), options);
        }
        for (name, hosts, options) in routers {
            let hosts: Vec<String> = hosts.iter().map(|host| format!("Host(`{host}`)")).collect();
            let rule = if hosts.is_empty() {
                "Path(`/x`)".to_owned()
            } else {
                hosts.join(" || ")
            };
            let tls = RouterTls {
                options: (*options).to_owned(),
                ..RouterTls::default()
            };
            let router = Router {
                rule,
                entry_points: vec!["web".to_owned()],
                tls: Some(tls),
                ..Router::default()
            };
            merged.routers.insert(format!("{name}@file"), router);
        }
        settle_tls_options(&mut merged);
        merged
    }

    fn host<'m>(merged: &'m Merged, host: &str) -> &'m str {
        &merged.tls.hosts["web"][host]
    }

    #[test]
    fn routers_of_one_host_that_agree_keep_what_they_name() {
        let merged = settled(&[("a", &["A.test"], "old"), ("b", &["a.test"], "old")]);
        assert_eq!(host(&merged, "a.test"), "old@file");
        assert_eq!(merged.routers.len(), 2);
        assert_eq!(merged.tls.routers["a@file"], "old@file");
    }

    #[test]
    fn those_that_disagree_get_the_default() {
        let merged = settled(&[
            ("a", &["a.test"], "old"),
            ("b", &["a.test", "b.test"], "new"),
            ("c", &["c.test"], "new"),
        ]);
        assert_eq!(host(&merged, "a.test"), "default");
        assert_eq!(host(&merged, "b.test"), "default");
        assert_eq!(host(&merged, "c.test"), "new@file");
        let names: Vec<&String> = merged.routers.keys().collect();
        assert_eq!(
            names,
            ["c@file", "web-conflicted-a@file", "web-conflicted-b@file"]
        );
    }

    #[test]
    fn client_certificates_are_never_given_up() {
        let merged = settled(&[("a", &["a.test"], "mutual"), ("b", &["a.test"], "")]);
        assert_eq!(host(&merged, "a.test"), "mutual@file");
        assert_eq!(merged.tls.routers["web-conflicted-b@file"], "mutual@file");
        let merged = settled(&[("a", &["a.test"], "mutual"), ("b", &["a.test"], "mutual2")]);
        assert_eq!(host(&merged, "a.test"), REFUSED);
        let merged = settled(&[("a", &["a.test"], "unknown"), ("b", &["a.test"], "old")]);
        assert_eq!(host(&merged, "a.test"), "default");
        assert_eq!(merged.tls.routers["a@file"], "unknown@file");
        let merged = settled(&[("a", &["a.test"], "unknown")]);
        assert_eq!(host(&merged, "a.test"), "unknown@file");
    }

    #[test]
    fn a_stricter_neighbour_of_another_host_holds_for_shared_routers() {
        let merged = settled(&[
            ("a", &["a.test"], "mutual"),
            ("both", &["a.test", "b.test"], ""),
            ("b", &["b.test"], ""),
        ]);
        assert_eq!(host(&merged, "b.test"), "mutual@file");
    }

    #[test]
    fn without_a_host_options_cannot_apply() {
        let merged = settled(&[("a", &[], "old"), ("b", &[], "mutual"), ("c", &[], "")]);
        assert_eq!(merged.tls.routers["web-conflicted-a@file"], "default");
        assert_eq!(merged.tls.routers["web-conflicted-b@file"], "mutual@file");
        assert_eq!(merged.tls.routers["c@file"], "default");
        let unknown = settled(&[("a", &[], "unknown")]);
        let mut of_routers = unknown.tls.routers.values();
        assert!(of_routers.all(|options| options == "unknown@file"));
        assert!(merged.tls.hosts["web"].is_empty());
    }
}
