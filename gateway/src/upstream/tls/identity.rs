//! Certificates that are shown to servers that ask for one.

use std::fmt;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{TlsError, TlsSettings};

/// A chain, leaf first, and the key of the leaf.
#[derive(PartialEq, Eq)]
pub struct Identity {
    /// The chain.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key.
    pub key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} certificates)", self.chain.len())
    }
}

/// Shows the first that the server's list of authorities and its signature schemes allow, and else none, as Go does.
pub(super) fn resolver(
    settings: &TlsSettings,
    provider: &CryptoProvider,
) -> Result<Arc<dyn ResolvesClientCert>, TlsError> {
    let mut ready = Vec::new();
    for identity in &settings.identities {
        let key = identity.key.clone_key();
        ready.push(Ready {
            issuers: issuers(&identity.chain),
            key: Arc::new(CertifiedKey::from_der(
                identity.chain.clone(),
                key,
                provider,
            )?),
        });
    }
    Ok(Arc::new(Resolver(ready)))
}

#[derive(Debug)]
struct Ready {
    key: Arc<CertifiedKey>,
    /// Names (DER) of those who signed the chain.
    issuers: Vec<Vec<u8>>,
}

fn issuers(chain: &[CertificateDer<'_>]) -> Vec<Vec<u8>> {
    let issuer = |certificate: &CertificateDer<'_>| {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        Some(parsed.issuer().as_raw().to_vec())
    };
    chain.iter().filter_map(issuer).collect()
}

#[derive(Debug)]
struct Resolver(Vec<Ready>);

impl ResolvesClientCert for Resolver {
    fn resolve(
        &self,
        authorities: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let accepted = |ready: &&Ready| {
            let known = |issuer: &Vec<u8>| authorities.contains(&issuer.as_slice());
            (authorities.is_empty() || ready.issuers.iter().any(known))
                && ready.key.key.choose_scheme(schemes).is_some()
        };
        let found = self.0.iter().find(accepted)?;
        Some(Arc::clone(&found.key))
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}
