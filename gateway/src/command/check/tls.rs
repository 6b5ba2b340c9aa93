//! Certificates and TLS options: what cannot be used, what is named and not there, what runs out.

use std::time::{SystemTime, UNIX_EPOCH};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::finding::{Finding, Severity};
use super::places::{Index, quoted};
use super::references::Kind;
use crate::app::trial::Trial;
use crate::command::gather::Gathered;
use crate::config::error::nearest;
use crate::config::places::Places;
use crate::config::tree::Position;
use crate::runtime::Certificate;

/// A certificate that runs out within so many days is worth a word: those of automatic authorities are renewed by then.
const SOON: i64 = 21;
/// How a router says that the options it names cannot be used; they say it themselves.
pub(super) const ECHO: &str = "building router handler: building TLS config: ";
const DAY: i64 = 86_400;

pub(super) fn findings(gathered: &Gathered, index: &Index<'_>, trial: &Trial) -> Vec<Finding> {
    let mut found = unusable(gathered, trial);
    found.extend(unknown_resolvers(gathered, index, trial));
    found.extend(running_out(gathered));
    found
}

/// What the compiler could not use.
fn unusable(gathered: &Gathered, trial: &Trial) -> Vec<Finding> {
    let places = Places(&gathered.files.trees);
    let at = |path: &[&str], message: &str| {
        let node = places.node(path);
        let value = node.and_then(|node| quoted(node, message, ""));
        value
            .or_else(|| places.deepest(path, 1))
            .unwrap_or_else(|| Position::named("tls"))
    };
    let problems = trial.compiled.problems.iter();
    problems
        .filter(|problem| !problem.starts_with("serversTransport "))
        .map(|problem| {
            let options = problem.strip_prefix("TLS options ");
            if let Some((name, message)) = options.and_then(|rest| rest.split_once(": ")) {
                let bare = name.rsplit_once('@').map_or(name, |(bare, _)| bare);
                let at = at(&["tls", "options", bare], message);
                let object = format!("TLS options {name}");
                let mut finding = Finding::new(Severity::Error, &at, object, message);
                let echo = format!("{ECHO}{message}");
                for (router, object) in &trial.compiled.report.routers {
                    if object.state.errors.contains(&echo) {
                        finding.disables.push(format!("router {router}"));
                    }
                }
                return finding;
            }
            let (object, message) = problem.split_once(": ").unwrap_or(("", problem));
            let at = at(&["tls"], problem);
            Finding::new(Severity::Error, &at, object, message)
                .disabling("this certificate; its hosts get another one")
        })
        .collect()
}

/// Resolvers that routers name. Options that are not there disable the router, which the compiler reports.
fn unknown_resolvers(gathered: &Gathered, index: &Index<'_>, trial: &Trial) -> Vec<Finding> {
    let mut found = Vec::new();
    let merged = &trial.merged;
    let resolvers = &gathered.install.certificates_resolvers;
    for (name, config) in &merged.routers {
        let Some(tls) = &config.tls else { continue };
        let at = |quoted_name: &str| {
            let node = index.object(Kind::Router, name);
            let value = node.and_then(|(_, node)| quoted(node, &format!("{quoted_name:?}"), ""));
            let value = value.or_else(|| quoted(&gathered.tree, &format!("{quoted_name:?}"), ""));
            value
                .or_else(|| index.key(Kind::Router, name, "tls"))
                .unwrap_or_else(|| Position::named("install configuration"))
        };
        let router = || format!("router {}", index.written(Kind::Router, name));
        if !tls.cert_resolver.is_empty() && !resolvers.contains_key(&tls.cert_resolver) {
            let near = nearest(&tls.cert_resolver, resolvers.keys().map(String::as_str));
            let message = format!("there is no certificate resolver {:?}", tls.cert_resolver);
            let finding = Finding::new(Severity::Error, &at(&tls.cert_resolver), router(), message)
                .suggesting(near.map(|near| format!("did you mean `{near}`?")));
            found.push(finding.disabling("certificates for the hosts of this router"));
        }
    }
    found
}

/// Certificates that have run out or soon will.
fn running_out(gathered: &Gathered) -> Vec<Finding> {
    let Some(tls) = &gathered.files.parsed.config.tls else {
        return Vec::new();
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let default = tls.stores.values();
    let default = default.filter_map(|store| store.default_certificate.as_ref());
    let files = tls.certificates.iter().map(|pair| &pair.cert_file);
    let files = files.chain(default.map(|pair| &pair.cert_file));
    let mut found = Vec::new();
    for file in files {
        // What cannot be read was said already.
        let Some(certificate) = file.read().ok().and_then(|pem| {
            let der = CertificateDer::from_pem_slice(&pem).ok()?;
            Certificate::parse(&der)
        }) else {
            continue;
        };
        let days = (certificate.not_after - now).div_euclid(DAY);
        let message = match days {
            ..0 => format!("it ran out {} days ago", -days),
            0..SOON => format!("it runs out in {days} days"),
            _ => continue,
        };
        let name = certificate
            .dns_names
            .first()
            .unwrap_or(&certificate.common_name);
        let tree = Places(&gathered.files.trees);
        let node = tree.node(&["tls"]);
        let at = node
            .and_then(|node| quoted(node, &format!("{:?}", file.as_str()), ""))
            .or_else(|| tree.deepest(&["tls"], 1))
            .unwrap_or_else(|| Position::named("tls"));
        let object = format!("certificate of {name}");
        found.push(
            Finding::new(Severity::Warning, &at, object, message).suggesting(Some(
                "renew it, or let a certificate resolver do so".to_owned(),
            )),
        );
    }
    found
}
