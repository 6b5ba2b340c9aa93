//! `serversTransports`: how servers are talked to.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::Input;
use super::services::Kept;
use crate::config::dynamic::{Certificate, ForwardingTimeouts, PeerCertSan, ServersTransport};
use crate::types::{Duration, FileOrContent};
use crate::upstream::{Identity, PeerName, Settings, TlsSettings, TlsVersion, Transport};

/// The transport of services that name none.
pub(super) const DEFAULT: &str = "default@internal";

/// Transports by `name@provider`.
pub(super) type Transports = BTreeMap<String, Made>;

/// A transport, and what it was made of.
pub(super) struct Made {
    config: ServersTransport,
    read: Read,
    pub(super) transport: Arc<Transport>,
    /// Why it refuses `https` servers.
    flaw: Option<String>,
}

/// The TLS options with what their files hold.
#[derive(PartialEq)]
struct Read {
    /// Why they cannot be used.
    tls: Result<TlsSettings, String>,
    /// What was left out of them.
    left_out: Vec<String>,
}

/// Builds every transport; one whose configuration and files did not change is taken from the last run.
pub(super) fn build(input: &Input<'_>, kept: &Kept, problems: &mut Vec<String>) -> Transports {
    let mut transports = Transports::new();
    for (name, config) in &input.merged.servers_transports {
        let read = Read::new(config);
        let before = kept.transports.get(name);
        let (transport, flaw) = match before {
            Some(old) if old.config == *config && old.read == read => {
                (Arc::clone(&old.transport), old.flaw.clone())
            }
            _ => transport(config, &read, input),
        };
        for problem in read.left_out.iter().chain(&flaw) {
            problems.push(format!("serversTransport {name}: {problem}"));
        }
        let made = Made {
            config: config.clone(),
            read,
            transport,
            flaw,
        };
        transports.insert(name.clone(), made);
    }
    transports
}

/// The transport, and why it has no TLS where its options cannot be met: it then serves plain servers, and refuses
/// `https` ones.
fn transport(
    config: &ServersTransport,
    read: &Read,
    input: &Input<'_>,
) -> (Arc<Transport>, Option<String>) {
    let timeouts = config.forwarding_timeouts.clone().unwrap_or_default();
    let mut settings = Settings {
        dial_timeout: std_duration(timeouts.dial_timeout),
        response_header_timeout: std_duration(timeouts.response_header_timeout),
        idle_timeout: idle(&timeouts),
        max_idle: share(config.max_idle_conns_per_host, input.workers),
        disable_http2: config.disable_http2,
        read_idle_timeout: std_duration(timeouts.read_idle_timeout),
        ping_timeout: std_duration(timeouts.ping_timeout),
        tells_servers: input.tells_servers,
        ..Settings::default()
    };
    let made = read.tls.clone().and_then(|tls| {
        settings.tls = tls;
        Transport::new(&settings).map_err(|error| error.to_string())
    });
    match made {
        Ok(transport) => (transport, None),
        Err(why) => (Transport::without_tls(&settings, why.clone()), Some(why)),
    }
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

impl Read {
    /// Reads what `config` names. What only makes servers refuse us is left out when it cannot be read, as in Traefik;
    /// what decides which servers are trusted is not.
    fn new(config: &ServersTransport) -> Self {
        let mut left_out = Vec::new();
        let tls = tls(config, &mut left_out);
        Self { tls, left_out }
    }
}

fn tls(config: &ServersTransport, left_out: &mut Vec<String>) -> Result<TlsSettings, String> {
    if config.spiffe.is_some() {
        return Err("SPIFFE is enabled for this transport, but not supported: no workload API is asked for identities. Name the server's identity in peerCertSANs and the authorities in rootCAs".to_owned());
    }
    let max_version = version("maxVersion", &config.max_version)?;
    if matches!(config.max_version.as_str(), "VersionTLS10" | "VersionTLS11") {
        return Err(format!(
            "maxVersion {}: TLS before 1.2 is not spoken (RFC 8996)",
            config.max_version
        ));
    }
    let mut settings = TlsSettings {
        insecure_skip_verify: config.insecure_skip_verify,
        server_name: (!config.server_name.is_empty()).then(|| config.server_name.clone()),
        peer_names: peer_names(config)?,
        cipher_suites: config.cipher_suites.clone(),
        min_version: version("minVersion", &config.min_version)?,
        max_version,
        ..TlsSettings::default()
    };
    for file in &config.root_cas {
        let known = settings.root_cas.get_or_insert_default();
        match read("rootCAs", file).and_then(|pem| certificates(&pem)) {
            Ok(found) => known.extend(found),
            Err(error) => left_out.push(error),
        }
    }
    for pair in &config.certificates {
        match identity(pair) {
            Ok(identity) => settings.identities.push(identity),
            Err(error) => left_out.push(error),
        }
    }
    Ok(settings)
}

fn peer_names(config: &ServersTransport) -> Result<Vec<PeerName>, String> {
    let mut names = Vec::new();
    if !config.peer_cert_uri.is_empty() {
        names.push(PeerName::UriOfAnyHost(config.peer_cert_uri.clone()));
    }
    for PeerCertSan { kind, value } in &config.peer_cert_sans {
        names.push(match kind.as_str() {
            "DNSName" => PeerName::Dns(value.clone()),
            "URI" => PeerName::Uri(value.clone()),
            other => {
                return Err(format!(
                    "peerCertSANs: type {other:?} is not known; write DNSName or URI"
                ));
            }
        });
    }
    Ok(names)
}

fn identity(pair: &Certificate) -> Result<Identity, String> {
    let chain = certificates(&read("certificates.certFile", &pair.cert_file)?)?;
    let key = PrivateKeyDer::from_pem_slice(&read("certificates.keyFile", &pair.key_file)?)
        .map_err(|error| format!("certificates.keyFile {:?}: {error}", pair.key_file))?;
    Ok(Identity { chain, key })
}

fn read(what: &str, file: &FileOrContent) -> Result<Vec<u8>, String> {
    file.read_pem()
        .map_err(|error| format!("{what} {file:?}: {error}"))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if found.is_empty() => Err("no certificate in the PEM text".to_owned()),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("no certificate: {error}")),
    }
}

fn version(option: &str, name: &str) -> Result<Option<TlsVersion>, String> {
    match name {
        "" | "VersionTLS10" | "VersionTLS11" => Ok(None),
        "VersionTLS12" => Ok(Some(TlsVersion::Tls12)),
        "VersionTLS13" => Ok(Some(TlsVersion::Tls13)),
        other => Err(format!(
            "{option}: invalid TLS version {other:?}; write VersionTLS12 or VersionTLS13"
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::dynamic::Spiffe;

    fn read_by(change: impl FnOnce(&mut ServersTransport)) -> (Result<TlsSettings, String>, usize) {
        let mut config = ServersTransport::default();
        change(&mut config);
        let read = Read::new(&config);
        (read.tls, read.left_out.len())
    }

    fn san(kind: &str, value: &str) -> PeerCertSan {
        PeerCertSan {
            kind: kind.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn what_decides_whom_to_trust_must_be_met() {
        for (why, refused) in [
            ("SPIFFE", read_by(|it| it.spiffe = Some(Spiffe::default()))),
            ("minVersion", read_by(|it| it.min_version = "TLS13".into())),
            (
                "VersionTLS11",
                read_by(|it| it.max_version = "VersionTLS11".into()),
            ),
            (
                "EMail",
                read_by(|it| it.peer_cert_sans = vec![san("EMail", "a@b.test")]),
            ),
        ] {
            let error = refused.0.unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn files_that_are_not_there_make_less_trusted_and_shown() {
        let gone = || FileOrContent::new("/nowhere/at-all.crt");
        let (tls, left_out) = read_by(|it| {
            it.root_cas = vec![gone()];
            it.certificates = vec![Certificate {
                cert_file: gone(),
                key_file: gone(),
            }];
        });
        let tls = tls.unwrap();
        assert_eq!((tls.root_cas, tls.identities.len()), (Some(Vec::new()), 0));
        assert_eq!(left_out, 2);
    }

    #[test]
    fn one_of_the_names_will_do() {
        let (tls, _) = read_by(|it| {
            it.peer_cert_uri = "spiffe://a.test/x".into();
            it.peer_cert_sans = vec![san("DNSName", "b.test"), san("URI", "spiffe://c.test/y")];
        });
        let names = [
            PeerName::UriOfAnyHost("spiffe://a.test/x".into()),
            PeerName::Dns("b.test".into()),
            PeerName::Uri("spiffe://c.test/y".into()),
        ];
        assert_eq!(tls.unwrap().peer_names, names);
    }

    #[test]
    fn workers_share_idle_connections() {
        for (configured, workers, each) in [(0, 2, 100), (5, 2, 3), (-1, 2, 0), (7, 0, 7)] {
            assert_eq!(share(configured, workers), each, "{configured}/{workers}");
        }
    }
}
