//! TLS options (Traefik's `tls.options`) as a `rustls` configuration.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::store::Resolver;
use super::{CertificateStore, Chosen, client_auth};

/// A version of TLS. Those before 1.2 are not spoken: they are broken (RFC 8996).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2.
    V12,
    /// TLS 1.3.
    V13,
}

/// Whether clients show certificates (Traefik's `clientAuthType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    None,
    /// They may, and what they show must verify.
    VerifyIfGiven,
    /// They may, and nobody asks who signed it; servers are told by `passTLSClientCert` and decide.
    Request,
    /// They must, and nobody asks who signed it.
    RequireAny,
    /// They must.
    Require,
}

/// What a client may negotiate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// Lowest version.
    pub min: Version,
    /// Highest version.
    pub max: Version,
    /// IANA names; empty means all.
    pub cipher_suites: Vec<String>,
    /// Groups for the key exchange by Go's names, by preference; empty means all.
    pub curves: Vec<String>,
    /// ALPN protocols by preference.
    pub alpn: Vec<String>,
    /// Nothing for clients whose server name has no certificate.
    pub sni_strict: bool,
    /// Whether sessions can be resumed.
    pub session_tickets: bool,
    /// Client certificates.
    pub client_auth: ClientAuth,
    /// PEM of the authorities that sign them.
    pub client_cas: Vec<Vec<u8>>,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            min: Version::V12,
            max: Version::V13,
            cipher_suites: Vec::new(),
            curves: Vec::new(),
            alpn: vec!["h2".to_owned(), "http/1.1".to_owned()],
            sni_strict: false,
            session_tickets: true,
            client_auth: ClientAuth::None,
            client_cas: Vec::new(),
        }
    }
}

/// Why options cannot be used. The host that names them must not be served then: fail closed.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Versions the wrong way round.
    #[error("minVersion is above maxVersion")]
    Versions,
    /// No cipher suite that we know is left.
    #[error("none of the cipher suites is supported: {0}")]
    CipherSuites(String),
    /// No curve that we know is left.
    #[error("none of the curves is supported: {0}; write X25519, CurveP256 or CurveP384")]
    Curves(String),
    /// Not a name that Go has.
    #[error("invalid CurveID in curvePreferences: {0}")]
    UnknownCurve(String),
    /// A CA file without a certificate.
    #[error("clientAuth.caFiles: {0}")]
    ClientCa(String),
    /// What rustls said.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl TlsOptions {
    /// Ready to shake hands with, showing certificates of `store`. `name` is that of the options.
    pub fn build(&self, name: &str, store: &Arc<CertificateStore>) -> Result<Chosen, OptionsError> {
        let config = self.config(store)?;
        let only_h2 = self.alpn.iter().any(|protocol| protocol == "h2")
            && !self.alpn.iter().any(|protocol| protocol == "http/1.1");
        let without_alpn = only_h2.then(|| {
            let mut config = config.clone();
            config.alpn_protocols.clear();
            Arc::new(config)
        });
        Ok(Chosen {
            config: Arc::new(config),
            without_alpn,
            certificates: Arc::clone(store),
            options: name.into(),
        })
    }

    fn config(&self, store: &Arc<CertificateStore>) -> Result<ServerConfig, OptionsError> {
        let provider = Arc::new(self.provider()?);
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions()?)?;
        let builder = match client_auth::verifier(self.client_auth, &self.client_cas, &provider)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let resolver = Resolver {
            store: Arc::clone(store),
            strict: self.sni_strict,
        };
        let mut config = builder.with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = self
            .alpn
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        if self.session_tickets {
            config.ticketer = aws_lc_rs::Ticketer::new()?;
        } else {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }

    /// The cipher suites and groups that are allowed.
    fn provider(&self) -> Result<CryptoProvider, OptionsError> {
        let mut provider = aws_lc_rs::default_provider();
        if !self.cipher_suites.is_empty() {
            // Those of TLS 1.3 cannot be chosen, as in Go.
            provider.cipher_suites.retain(|suite| {
                suite.tls13().is_some()
                    || self
                        .cipher_suites
                        .iter()
                        .any(|name| suite.suite().as_str() == Some(full_name(name)))
            });
            let none_of_12 = provider
                .cipher_suites
                .iter()
                .all(|suite| suite.tls13().is_some());
            if none_of_12 && self.max == Version::V12 {
                return Err(OptionsError::CipherSuites(self.cipher_suites.join(", ")));
            }
        }
        if !self.curves.is_empty() {
            let mut groups = Vec::new();
            for name in &self.curves {
                groups.extend(curve(name)?);
            }
            if groups.is_empty() {
                return Err(OptionsError::Curves(self.curves.join(", ")));
            }
            provider.kx_groups = groups;
        }
        Ok(provider)
    }

    fn versions(&self) -> Result<&'static [&'static SupportedProtocolVersion], OptionsError> {
        static BOTH: [&SupportedProtocolVersion; 2] =
            [&rustls::version::TLS13, &rustls::version::TLS12];
        match (self.min, self.max) {
            (Version::V12, Version::V13) => Ok(&BOTH),
            (Version::V13, Version::V13) => Ok(&BOTH[..1]),
            (Version::V12, Version::V12) => Ok(&BOTH[1..]),
            (Version::V13, Version::V12) => Err(OptionsError::Versions),
        }
    }
}

/// Go has two names for suites with ChaCha20; the short ones are the older.
fn full_name(name: &str) -> &str {
    match name {
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305" => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305" => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        name => name,
    }
}

/// A group by Go's name; `None` for one that Go has and rustls does not, which others on the list can stand in for.
fn curve(name: &str) -> Result<Option<&'static dyn SupportedKxGroup>, OptionsError> {
    Ok(Some(match name {
        "CurveP256" => kx_group::SECP256R1,
        "CurveP384" => kx_group::SECP384R1,
        "X25519" => kx_group::X25519,
        "X25519MLKEM768" => kx_group::X25519MLKEM768,
        "SecP256r1MLKEM768" => kx_group::SECP256R1MLKEM768,
        "CurveP521" | "SecP384r1MLKEM1024" => return Ok(None),
        unknown => return Err(OptionsError::UnknownCurve(unknown.to_owned())),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::net::tls::self_signed;
    use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConnection};
    use rustls_pki_types::CertificateDer;

    /// Shakes hands in memory; the ticket behind it is taken, too.
    fn shake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> HandshakeKind {
        let name = rustls_pki_types::ServerName::try_from("a.test").unwrap();
        let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
        let mut wire = Vec::new();
        while client.wants_write() || server.wants_write() {
            wire.clear();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut wire.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            wire.clear();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut wire.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        server.handshake_kind().unwrap()
    }

    #[test]
    fn a_ticket_is_of_no_use_with_other_options() {
        let pair = self_signed().unwrap();
        let store = Arc::new(CertificateStore::new(&[], Some(&pair)));
        let build = || TlsOptions::default().build("x", &store).unwrap().config;
        let (first, second) = (build(), build());
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            let provider = Arc::new(aws_lc_rs::default_provider());
            let client = ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(&[version])
                .unwrap()
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anything))
                .with_no_client_auth();
            let client = Arc::new(client);
            assert_eq!(shake(&client, &first), HandshakeKind::Full);
            assert_eq!(shake(&client, &first), HandshakeKind::Resumed);
            // Of other options, even such as ask for the same: whoever comes back is asked anew.
            assert_eq!(shake(&client, &second), HandshakeKind::Full);
        }
    }

    /// The test is about the client's side of the bargain.
    #[derive(Debug)]
    struct Anything;

    impl rustls::client::danger::ServerCertVerifier for Anything {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &rustls_pki_types::ServerName<'_>,
            _: &[u8],
            _: rustls_pki_types::UnixTime,
        ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
            Ok(rustls::client::danger::ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            aws_lc_rs::default_provider()
                .signature_verification_algorithms
                .supported_schemes()
        }
    }
}
