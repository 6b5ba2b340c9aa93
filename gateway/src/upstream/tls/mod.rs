//! TLS towards servers: a rustls configuration from a serversTransport's options.

mod ciphers;
mod identity;
mod roots;
#[cfg(test)]
mod tests;
mod verify;

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};

pub use identity::Identity;
pub use verify::PeerName;

/// A version that `minVersion` or `maxVersion` names. Older ones are not spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// TLS options of a serversTransport, read from their files.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// `rootCAs`; `None` trusts those that the system trusts.
    pub root_cas: Option<Vec<CertificateDer<'static>>>,
    /// `insecureSkipVerify`: any certificate will do.
    pub insecure_skip_verify: bool,
    /// `serverName`: asked for and verified instead of the server's host.
    pub server_name: Option<String>,
    /// `peerCertURI` and `peerCertSANs`: names of which a server's certificate must have one, beside what else is checked.
    /// The chain is then checked also where `insecure_skip_verify` says that it need not be, as in Traefik.
    pub peer_names: Vec<PeerName>,
    /// `certificates`: shown to servers that ask, the first that they accept.
    pub identities: Vec<Identity>,
    /// `cipherSuites` for TLS 1.2, by Go's names; empty means all. Those of TLS 1.3 cannot be chosen, as in Go.
    pub cipher_suites: Vec<String>,
    /// Lowest version.
    pub min_version: Option<TlsVersion>,
    /// Highest version.
    pub max_version: Option<TlsVersion>,
}

/// Options that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No version lies between the lowest and the highest.
    #[error("minVersion is above maxVersion: no TLS version is left")]
    Versions,
    /// Not a DNS name or an IP address.
    #[error("`{0}` is neither a DNS name nor an IP address")]
    ServerName(String),
    /// A suite that nobody knows, or none that we have.
    #[error("cipherSuites: {0}")]
    CipherSuites(String),
    /// rustls refuses a certificate or a key.
    #[error("certificate or key not usable: {0}")]
    Rustls(#[from] rustls::Error),
}

/// A name as rustls takes it.
pub fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    let plain = name.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(plain.to_owned()).map_err(|_| TlsError::ServerName(name.to_owned()))
}

/// The configuration for HTTP/1.1 over TLS.
pub fn client_config(settings: &TlsSettings) -> Result<ClientConfig, TlsError> {
    let mut provider = aws_lc_rs::default_provider();
    ciphers::choose(&mut provider, settings)?;
    let provider = Arc::new(provider);
    let versions = versions(settings.min_version, settings.max_version)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)?
        .dangerous()
        .with_custom_certificate_verifier(verify::verifier(settings, &provider)?);
    let mut config = match settings.identities.is_empty() {
        true => builder.with_no_client_auth(),
        false => builder.with_client_cert_resolver(identity::resolver(settings, &provider)?),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn versions(
    min: Option<TlsVersion>,
    max: Option<TlsVersion>,
) -> Result<Vec<&'static rustls::SupportedProtocolVersion>, TlsError> {
    let known = [
        (TlsVersion::Tls13, &rustls::version::TLS13),
        (TlsVersion::Tls12, &rustls::version::TLS12),
    ];
    let versions: Vec<_> = known
        .into_iter()
        .filter(|(version, _)| min.is_none_or(|min| *version >= min))
        .filter(|(version, _)| max.is_none_or(|max| *version <= max))
        .map(|(_, version)| version)
        .collect();
    if versions.is_empty() {
        return Err(TlsError::Versions);
    }
    Ok(versions)
}
