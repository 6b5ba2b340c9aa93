//! Certificates of clients: who must show one, and which are taken (Traefik's `clientAuth`).

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{ClientAuth, OptionsError};

/// The verifier of a kind; `None` where clients are not asked.
pub(super) fn verifier(
    kind: ClientAuth,
    authorities: &[Vec<u8>],
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, OptionsError> {
    let any = |mandatory| {
        let provider = Arc::clone(provider);
        Ok(Some(Arc::new(AnyCertificate {
            mandatory,
            provider,
        }) as Arc<dyn ClientCertVerifier>))
    };
    let bad = |error: &dyn std::fmt::Display| OptionsError::ClientCa(error.to_string());
    let optional = match kind {
        ClientAuth::None => return Ok(None),
        ClientAuth::Request => return any(false),
        ClientAuth::RequireAny => return any(true),
        ClientAuth::VerifyIfGiven => true,
        ClientAuth::Require => false,
    };
    let roots = Arc::new(roots(authorities)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
    let builder = if optional {
        builder.allow_unauthenticated()
    } else {
        builder
    };
    builder.build().map(Some).map_err(|error| bad(&error))
}

fn roots(authorities: &[Vec<u8>]) -> Result<RootCertStore, OptionsError> {
    let mut roots = RootCertStore::empty();
    for pem in authorities {
        let mut found = false;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate =
                certificate.map_err(|error| OptionsError::ClientCa(error.to_string()))?;
            roots.add(certificate)?;
            found = true;
        }
        if !found {
            let error = "a file holds no certificate".to_owned();
            return Err(OptionsError::ClientCa(error));
        }
    }
    Ok(roots)
}

/// Takes every certificate whose private key the client has. Who signed it is for the servers to judge, which are told it
/// by `passTLSClientCert`.
#[derive(Debug)]
struct AnyCertificate {
    mandatory: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
