//! Whether a server is who it should be.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use url::Url;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::{TlsError, TlsSettings, roots, server_name};
use crate::net::tls::verify_short_rsa;

/// A name that a server's certificate may have to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerName {
    /// A DNS name; one with a wildcard may stand for it.
    Dns(String),
    /// A URI, to the letter.
    Uri(String),
    /// `peerCertURI`: its first URI is this one, whatever host it names. Service meshes have their trust domain there.
    UriOfAnyHost(String),
}

/// What verifies servers by `settings`.
pub(super) fn verifier(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let algorithms = provider.signature_verification_algorithms;
    let named = !settings.peer_names.is_empty();
    if settings.insecure_skip_verify && !named {
        return Ok(Arc::new(Checks {
            chain: Chain::Any,
            own: Arc::default(),
            names: Vec::new(),
            algorithms,
        }));
    }
    let roots = roots::roots(settings.root_cas.as_deref());
    let usual = || {
        let built = WebPkiServerVerifier::builder_with_provider(
            Arc::clone(&roots.store),
            Arc::clone(provider),
        );
        built
            .build()
            .map_err(|error| Error::General(format!("rootCAs: {error}")))
    };
    let names = settings.peer_names.iter().map(check);
    Ok(Arc::new(Checks {
        names: names.collect::<Result<_, _>>()?,
        chain: match settings.insecure_skip_verify {
            true => Chain::Unnamed(Arc::clone(&roots.store)),
            false => Chain::Usual(usual()?),
        },
        own: roots.certificates,
        algorithms,
    }))
}

/// How the chain is checked.
#[derive(Debug)]
enum Chain {
    /// It is not. Still, whoever shows a certificate must hold its key.
    Any,
    /// It is, but not whether it names the server.
    Unnamed(Arc<RootCertStore>),
    /// It is, and the server's name.
    Usual(Arc<WebPkiServerVerifier>),
}

/// A name to look for, ready to be compared.
#[derive(Debug)]
enum Name {
    Dns(ServerName<'static>),
    Uri(String),
    UriOfAnyHost(Box<Url>),
}

fn check(name: &PeerName) -> Result<Name, TlsError> {
    Ok(match name {
        PeerName::Dns(name) => Name::Dns(server_name(name)?),
        PeerName::Uri(uri) => Name::Uri(uri.clone()),
        PeerName::UriOfAnyHost(uri) => {
            let bad = |error| Error::General(format!("peerCertURI {uri:?} is no URI: {error}"));
            Name::UriOfAnyHost(Box::new(Url::parse(uri).map_err(bad)?))
        }
    })
}

#[derive(Debug)]
struct Checks {
    chain: Chain,
    /// Certificates that are trusted although nobody else signed them.
    own: Arc<[CertificateDer<'static>]>,
    /// One of them must be there; none is asked for where this is empty.
    names: Vec<Name>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Checks {
    /// Of a short RSA key, where the user trusts the certificate itself, or any.
    fn verify_short(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Option<Result<HandshakeSignatureValid, Error>> {
        let trusted = matches!(self.chain, Chain::Any) || self.own.contains(certificate);
        trusted
            .then(|| verify_short_rsa(certificate, message, signed))
            .flatten()
    }

    fn check_names(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        if self.names.is_empty() {
            return Ok(());
        }
        let uris = uris(certificate);
        let parsed = ParsedCertificate::try_from(certificate)?;
        let found = self.names.iter().any(|name| match name {
            Name::Dns(name) => verify_server_name(&parsed, name).is_ok(),
            Name::Uri(uri) => uris.contains(uri),
            Name::UriOfAnyHost(uri) => uris.first().is_some_and(|first| same_but_host(first, uri)),
        });
        if found {
            return Ok(());
        }
        let why =
            format!("the server's certificate has none of the names asked for; its URIs: {uris:?}");
        let why = OtherError(Arc::new(std::io::Error::other(why)));
        Err(Error::InvalidCertificate(CertificateError::Other(why)))
    }
}

fn check_dates(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let wrong = if now < parsed.validity().not_before.timestamp() {
        CertificateError::NotValidYet
    } else if now > parsed.validity().not_after.timestamp() {
        CertificateError::Expired
    } else {
        return Ok(());
    };
    Err(Error::InvalidCertificate(wrong))
}

fn uris(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let Ok(Some(names)) = parsed.subject_alternative_name() else {
        return Vec::new();
    };
    let uris = names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some((*uri).to_owned()),
            _ => None,
        });
    uris.collect()
}

fn same_but_host(found: &str, wanted: &Url) -> bool {
    let Ok(found) = Url::parse(found) else {
        return false;
    };
    let parts = |url: &Url| {
        let rest = url.as_str().get(url.scheme().len()..).unwrap_or_default();
        let host = url.host_str().unwrap_or_default();
        let rest = rest.replacen(host, "", usize::from(!host.is_empty()));
        [url.scheme(), &rest].concat().to_ascii_lowercase()
    };
    parts(&found) == parts(wanted)
}

impl ServerCertVerifier for Checks {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let own = self.own.contains(end_entity);
        match &self.chain {
            Chain::Any => {}
            Chain::Unnamed(_) if own => check_dates(end_entity, now)?,
            Chain::Usual(_) if own => {
                check_dates(end_entity, now)?;
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            Chain::Unnamed(roots) => verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                roots,
                intermediates,
                now,
                self.algorithms.all,
            )?,
            Chain::Usual(usual) => {
                usual.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                )?;
            }
        }
        self.check_names(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if let Some(verified) = self.verify_short(message, cert, signature) {
            return verified;
        }
        rustls::crypto::verify_tls12_signature(message, cert, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if let Some(verified) = self.verify_short(message, cert, signature) {
            return verified;
        }
        rustls::crypto::verify_tls13_signature(message, cert, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
