//! TLS options (Traefik's `tls.options`) as a `rustls` configuration.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::CertificateStore;
use super::store::Resolver;

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
    /// They must.
    Require,
}

/// What a client may negotiate.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    /// Lowest version.
    pub min: Version,
    /// Highest version.
    pub max: Version,
    /// IANA names; empty means all.
    pub cipher_suites: Vec<String>,
    /// ALPN protocols by preference.
    pub alpn: Vec<String>,
    /// Nothing for clients whose server name has no certificate.
    pub sni_strict: bool,
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
            alpn: vec!["h2".to_owned(), "http/1.1".to_owned()],
            sni_strict: false,
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
    /// A CA file without a certificate.
    #[error("clientAuth.caFiles: {0}")]
    ClientCa(String),
    /// What rustls said.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl TlsOptions {
    /// The configuration that shows certificates of `store`.
    pub fn build(&self, store: &Arc<CertificateStore>) -> Result<ServerConfig, OptionsError> {
        let mut provider = aws_lc_rs::default_provider();
        if !self.cipher_suites.is_empty() {
            provider.cipher_suites.retain(|suite| {
                suite.tls13().is_some()
                    || self
                        .cipher_suites
                        .iter()
                        .any(|name| suite.suite().as_str() == Some(name.as_str()))
            });
            if !provider
                .cipher_suites
                .iter()
                .any(|suite| suite.tls13().is_none())
                && self.max == Version::V12
            {
                return Err(OptionsError::CipherSuites(self.cipher_suites.join(", ")));
            }
        }
        let provider = Arc::new(provider);
        let verifier = self.verifier(&provider)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions()?)?;
        let builder = match verifier {
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
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(config)
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

    fn verifier(
        &self,
        provider: &Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, OptionsError> {
        if self.client_auth == ClientAuth::None {
            return Ok(None);
        }
        let bad = |error: &dyn std::fmt::Display| OptionsError::ClientCa(error.to_string());
        let mut roots = RootCertStore::empty();
        for pem in &self.client_cas {
            let mut found = false;
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate.map_err(|error| bad(&error))?)?;
                found = true;
            }
            if !found {
                return Err(bad(&"a file holds no certificate"));
            }
        }
        let builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let builder = match self.client_auth {
            ClientAuth::Require => builder,
            _ => builder.allow_unauthenticated(),
        };
        builder.build().map(Some).map_err(|error| bad(&error))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::net::tls::self_signed;
    use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConnection};

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
        let build = || Arc::new(TlsOptions::default().build(&store).unwrap());
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
