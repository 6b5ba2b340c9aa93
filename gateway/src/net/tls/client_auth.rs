//! Certificates of clients: who must show one, and which are taken (Traefik's `clientAuth`).

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{ClientAuth, OptionsError, version1};

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
    let authorities = read(authorities)?;
    let mut roots = RootCertStore::empty();
    for authority in &authorities {
        roots.add(authority.clone())?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if optional {
        builder.allow_unauthenticated()
    } else {
        builder
    };
    let webpki = builder.build().map_err(|error| bad(&error))?;
    Ok(Some(Arc::new(Verified {
        webpki,
        authorities,
        provider: Arc::clone(provider),
    })))
}

fn read(files: &[Vec<u8>]) -> Result<Vec<CertificateDer<'static>>, OptionsError> {
    let mut authorities = Vec::new();
    for pem in files {
        let before = authorities.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate =
                certificate.map_err(|error| OptionsError::ClientCa(error.to_string()))?;
            authorities.push(certificate);
        }
        if authorities.len() == before {
            let error = "a file holds no certificate".to_owned();
            return Err(OptionsError::ClientCa(error));
        }
    }
    Ok(authorities)
}

/// Takes certificates that an authority signed: by webpki's rules, and those of version 1 by ours.
#[derive(Debug)]
struct Verified {
    webpki: Arc<dyn ClientCertVerifier>,
    authorities: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Verified {
    fn offer_client_auth(&self) -> bool {
        self.webpki.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.webpki.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.webpki.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match version1::read(end_entity) {
            Some(certificate) => {
                version1::verify(&certificate, &self.authorities, now)?;
                Ok(ClientCertVerified::assertion())
            }
            None => self
                .webpki
                .verify_client_cert(end_entity, intermediates, now),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        version1::tls12_signature(&self.provider, message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        version1::tls13_signature(&self.provider, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
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
        version1::tls12_signature(&self.provider, message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        version1::tls13_signature(&self.provider, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
