//! Certificates and TLS options, and which options hold for which host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Input;
use super::children::provider;
use super::objects::Objects;
use crate::aggregate::qualify;
use crate::config::dynamic::{ClientAuth as AuthConfig, RouterTls, TlsOptions as Config};
use crate::net::tls::{
    CertificateStore, Chosen, ClientAuth, Pair, TlsOptions, TlsTable, Version, load_pair,
};
use crate::router::http::RouteTls;
use crate::rule::http::{domains, required_domains};
use crate::runtime::{Certificate, Status};
use crate::types::FileOrContent;

/// The TLS options that the routers of each host name.
type Named = BTreeMap<String, BTreeSet<String>>;

const DEFAULT: &str = "default";

/// The name of a router's TLS options, with their provider.
fn options_name(options: &str, router: &str) -> String {
    match options {
        "" | DEFAULT => DEFAULT.to_owned(),
        name => qualify(name, provider(router)),
    }
}

/// What a router with `rule` asks of handshakes.
pub(super) fn route(tls: &RouterTls, rule: &str, router: &str) -> RouteTls {
    let hosts = required_domains(rule).unwrap_or_default();
    let options = match domains(rule).unwrap_or_default().is_empty() {
        true => DEFAULT.to_owned(),
        false => options_name(&tls.options, router),
    };
    RouteTls {
        options: options.into(),
        hosts: hosts.into_iter().map(String::into_boxed_str).collect(),
    }
}

/// Builds the table; what cannot be read is named in `problems` and left out.
pub(super) fn build(
    input: &Input<'_>,
    objects: &Objects,
    problems: &mut Vec<String>,
) -> (TlsTable, Vec<Certificate>) {
    let (store, certificates) = store(input, problems);
    let store = Arc::new(store);
    let mut built: BTreeMap<String, Option<Chosen>> = BTreeMap::new();
    let mut configs = input.merged.tls_options.clone();
    configs.entry(DEFAULT.to_owned()).or_default();
    for (name, config) in &configs {
        let chosen = options(config)
            .and_then(|options| options.build(&store).map_err(|error| error.to_string()))
            .map(|config| Chosen {
                config: Arc::new(config),
                options: name.as_str().into(),
            })
            .inspect_err(|error| problems.push(format!("TLS options {name}: {error}")));
        built.insert(name.clone(), chosen.ok());
    }
    let table = TlsTable {
        default: built.get(DEFAULT).cloned().flatten(),
        by_host: by_host(input, objects, &built, problems),
    };
    (table, certificates)
}

fn by_host(
    input: &Input<'_>,
    objects: &Objects,
    built: &BTreeMap<String, Option<Chosen>>,
    problems: &mut Vec<String>,
) -> std::collections::HashMap<Box<str>, Option<Chosen>> {
    let mut named = Named::new();
    // What only excludes a host has a say where nobody else has one.
    let mut excluding = Named::new();
    for (name, router) in &input.merged.routers {
        let disabled = objects
            .routers
            .get(name)
            .is_some_and(|state| state.status == Status::Disabled);
        let Some(tls) = router.tls.as_ref().filter(|_| !disabled) else {
            continue;
        };
        let options = options_name(&tls.options, name);
        let required = required_domains(&router.rule).unwrap_or_default();
        for host in domains(&router.rule).unwrap_or_default() {
            let into = match required.contains(&host) {
                true => &mut named,
                false => &mut excluding,
            };
            into.entry(host).or_default().insert(options.clone());
        }
    }
    for (host, options) in excluding {
        named.entry(host).or_insert(options);
    }
    let chosen = |options: &str| built.get(options).cloned().flatten();
    let mut table = std::collections::HashMap::new();
    for (host, options) in named {
        match strictest(&input.merged.tls_options, &options) {
            // The default ones too: a wildcard of another router may cover the host.
            // Options that do not exist or could not be built refuse the host: never weaker ones in their place.
            Strictest::One(options) => {
                table.insert(host.into_boxed_str(), chosen(options));
            }
            Strictest::Several => {
                problems.push(format!(
                    "TLS options of {host}: routers ask for client certificates in different ways ({}); the host is refused",
                    options.into_iter().collect::<Vec<_>>().join(", ")
                ));
                table.insert(host.into_boxed_str(), None);
            }
        }
    }
    table
}

enum Strictest<'a> {
    One(&'a str),
    Several,
}

/// Which options hold for a host whose routers name these. Where they disagree the default ones do, as in Traefik; but where
/// some ask for a client certificate (or do not exist) they win, since nobody may come in without what one router asks for.
fn strictest<'a>(
    configs: &BTreeMap<String, Config>,
    options: &'a BTreeSet<String>,
) -> Strictest<'a> {
    let asks = |name: &&'a String| match configs.get(*name) {
        Some(config) => asks_for_certificate(&config.client_auth),
        None => *name != DEFAULT,
    };
    let mut all = options.iter();
    if let (Some(only), None) = (all.next(), all.next()) {
        return Strictest::One(only);
    }
    let mut asking = options.iter().filter(asks);
    match (asking.next(), asking.next()) {
        (None, _) => Strictest::One(DEFAULT),
        (Some(one), None) => Strictest::One(one),
        (Some(_), Some(_)) => Strictest::Several,
    }
}

fn asks_for_certificate(config: &AuthConfig) -> bool {
    match config.client_auth_type.as_str() {
        "" => !config.ca_files.is_empty(),
        other => other != "NoClientCert",
    }
}

fn store(input: &Input<'_>, problems: &mut Vec<String>) -> (CertificateStore, Vec<Certificate>) {
    let merged = input.merged;
    let mut pairs = Vec::new();
    for configured in &merged.certificates {
        pairs.extend(pair(&configured.cert_file, &configured.key_file, problems));
    }
    let default = merged
        .default_certificate
        .as_ref()
        .and_then(|configured| pair(&configured.cert_file, &configured.key_file, problems));
    let mut certificates: Vec<Certificate> = Vec::new();
    for pair in pairs.iter().chain(&default) {
        let leaf = pair.key.cert.first();
        let shown = leaf.and_then(|leaf| Certificate::parse(leaf));
        certificates.extend(shown.filter(|shown| !certificates.contains(shown)));
    }
    let store = CertificateStore::new(&pairs, default.as_ref().or(input.fallback_certificate));
    (store, certificates)
}

fn pair(
    certificate: &FileOrContent,
    key: &FileOrContent,
    problems: &mut Vec<String>,
) -> Option<Pair> {
    let read = |file: &FileOrContent| file.read().map_err(|error| error.to_string());
    let loaded = read(certificate)
        .and_then(|certificate| Ok((certificate, read(key)?)))
        .and_then(|(certificate, key)| {
            load_pair(&certificate, &key).map_err(|error| error.to_string())
        });
    loaded
        .inspect_err(|error| problems.push(format!("certificate {certificate:?}: {error}")))
        .ok()
}

fn options(config: &Config) -> Result<TlsOptions, String> {
    let (client_auth, client_cas) = client_auth(&config.client_auth)?;
    Ok(TlsOptions {
        min: version(&config.min_version, Version::V12)?,
        max: version(&config.max_version, Version::V13)?,
        cipher_suites: config.cipher_suites.clone(),
        alpn: config.alpn_protocols.clone(),
        sni_strict: config.sni_strict,
        client_auth,
        client_cas,
    })
}

fn version(name: &str, default: Version) -> Result<Version, String> {
    match name {
        "" => Ok(default),
        "VersionTLS10" | "VersionTLS11" | "VersionTLS12" => Ok(Version::V12),
        "VersionTLS13" => Ok(Version::V13),
        other => Err(format!(
            "invalid TLS version {other:?}; write VersionTLS12 or VersionTLS13"
        )),
    }
}

fn client_auth(config: &AuthConfig) -> Result<(ClientAuth, Vec<Vec<u8>>), String> {
    let kind = match config.client_auth_type.as_str() {
        "" if config.ca_files.is_empty() => ClientAuth::None,
        "" | "RequireAndVerifyClientCert" => ClientAuth::Require,
        "NoClientCert" => ClientAuth::None,
        "VerifyClientCertIfGiven" => ClientAuth::VerifyIfGiven,
        // They let any certificate pass unverified; nothing of ours can tell such a client from a stranger.
        other @ ("RequestClientCert" | "RequireAnyClientCert") => {
            return Err(format!(
                "clientAuthType {other} is not supported; write VerifyClientCertIfGiven or RequireAndVerifyClientCert"
            ));
        }
        other => return Err(format!("unknown client auth type {other:?}")),
    };
    let mut cas = Vec::new();
    for file in &config.ca_files {
        cas.push(
            file.read()
                .map_err(|error| format!("clientAuth.caFiles {file:?}: {error}"))?,
        );
    }
    if kind != ClientAuth::None && cas.is_empty() {
        return Err("invalid clientAuthType: the option requires caFiles".to_owned());
    }
    Ok((kind, cas))
}
