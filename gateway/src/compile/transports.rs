//! `serversTransports`: how servers are talked to.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::Input;
use super::services::Kept;
use crate::aggregate::files;
use crate::config::dynamic::{ForwardingTimeouts, ServersTransport};
use crate::types::Duration;
use crate::upstream::{Settings, TlsSettings, TlsVersion, Transport};

/// The transport of services that name none.
pub(super) const DEFAULT: &str = "default@internal";

/// Transports by `name@provider`, with what they were made of; `Err` is why one could not be made.
pub(super) type Transports = BTreeMap<String, (ServersTransport, Result<Arc<Transport>, String>)>;

/// Builds every transport; one whose configuration did not change is taken from the last run.
pub(super) fn build(input: &Input<'_>, kept: &Kept, problems: &mut Vec<String>) -> Transports {
    let mut transports = Transports::new();
    for (name, config) in &input.merged.servers_transports {
        let same = kept
            .transports
            .get(name)
            .filter(|(old, built)| old == config && built.is_ok())
            .filter(|_| input.unchanged(&files::of_transport(config)));
        let built = match same {
            Some((_, built)) => built.clone(),
            None => transport(config, input.workers).inspect_err(|error| {
                problems.push(format!("serversTransport {name}: {error}"));
            }),
        };
        transports.insert(name.clone(), (config.clone(), built));
    }
    transports
}

/// Checks of servers' certificates that are not made yet. Without them we would talk to servers that the user refuses.
fn unsupported(config: &ServersTransport) -> Result<(), String> {
    for (set, option) in [
        (!config.peer_cert_uri.is_empty(), "peerCertURI"),
        (!config.peer_cert_sans.is_empty(), "peerCertSANs"),
        (config.spiffe.is_some(), "spiffe"),
    ] {
        if set {
            return Err(format!(
                "{option} is not supported yet: no server is trusted by it"
            ));
        }
    }
    Ok(())
}

fn transport(config: &ServersTransport, workers: usize) -> Result<Arc<Transport>, String> {
    unsupported(config)?;
    let timeouts = config.forwarding_timeouts.clone().unwrap_or_default();
    let settings = Settings {
        dial_timeout: std_duration(timeouts.dial_timeout),
        response_header_timeout: std_duration(timeouts.response_header_timeout),
        idle_timeout: idle(&timeouts),
        max_idle: share(config.max_idle_conns_per_host, workers),
        disable_http2: config.disable_http2,
        read_idle_timeout: std_duration(timeouts.read_idle_timeout),
        ping_timeout: std_duration(timeouts.ping_timeout),
        tls: tls(config)?,
        ..Settings::default()
    };
    Transport::new(settings).map_err(|error| error.to_string())
}

fn std_duration(duration: Duration) -> std::time::Duration {
    duration.limit().unwrap_or_default()
}

fn idle(timeouts: &ForwardingTimeouts) -> std::time::Duration {
    std_duration(timeouts.idle_conn_timeout)
}

/// One worker's share: Traefik's number is that of the process. 0 means Traefik's default, negative none.
fn share(configured: i64, workers: usize) -> usize {
    let all = match configured {
        0 => 200,
        ..0 => return 0,
        some => usize::try_from(some).unwrap_or(usize::MAX),
    };
    all.div_ceil(workers.max(1))
}

fn tls(config: &ServersTransport) -> Result<TlsSettings, String> {
    let read = |what: &str, file: &crate::types::FileOrContent| {
        file.read()
            .map_err(|error| format!("{what} {file:?}: {error}"))
    };
    let mut settings = TlsSettings {
        insecure_skip_verify: config.insecure_skip_verify,
        server_name: (!config.server_name.is_empty()).then(|| config.server_name.clone()),
        min_version: version(&config.min_version)?,
        max_version: version(&config.max_version)?,
        ..TlsSettings::default()
    };
    for file in &config.root_cas {
        settings
            .root_cas
            .extend(certificates(&read("rootCAs", file)?)?);
    }
    if let Some(pair) = config.certificates.first() {
        let chain = certificates(&read("certificates.certFile", &pair.cert_file)?)?;
        let key = PrivateKeyDer::from_pem_slice(&read("certificates.keyFile", &pair.key_file)?)
            .map_err(|error| format!("certificates.keyFile {:?}: {error}", pair.key_file))?;
        settings.identity = Some((chain, key));
    }
    Ok(settings)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("no certificate: {error}"))
}

fn version(name: &str) -> Result<Option<TlsVersion>, String> {
    match name {
        "" | "VersionTLS10" | "VersionTLS11" => Ok(None),
        "VersionTLS12" => Ok(Some(TlsVersion::Tls12)),
        "VersionTLS13" => Ok(Some(TlsVersion::Tls13)),
        other => Err(format!(
            "invalid TLS version {other:?}; write VersionTLS12 or VersionTLS13"
        )),
    }
}
