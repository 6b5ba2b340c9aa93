//! Certificates with their keys: from PEM, or made on the spot where none is given.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::short_rsa;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The PEM text holds no certificate, or a broken one.
    #[error(
        "no certificate in the PEM text ({0}); it must hold a line -----BEGIN CERTIFICATE-----"
    )]
    Certificate(String),
    /// The PEM text holds no private key, or a broken one.
    #[error(
        "no private key in the PEM text ({0}); it must hold a line -----BEGIN PRIVATE KEY-----"
    )]
    Key(String),
    /// They do not belong together, or the key is of a kind that TLS does not use.
    #[error("certificate and private key cannot be used together: {0}")]
    Pair(rustls::Error),
    /// The leaf is no X.509 certificate.
    #[error("the certificate cannot be read: {0}")]
    Parse(String),
    /// A default certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// A certificate ready to be shown, with the names it is for.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Chain and key.
    pub key: Arc<CertifiedKey>,
    /// DNS names and addresses, lower-case; wildcards as `*.example.com`.
    pub names: Vec<String>,
    /// When it ends, in Unix seconds.
    pub not_after: i64,
    /// Serial number, as decimal text (Traefik's metric label).
    pub serial: String,
}

/// Reads a pair from PEM texts.
pub fn load_pair(certificate: &[u8], key: &[u8]) -> Result<Pair, CertificateError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| CertificateError::Certificate(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| CertificateError::Key(error.to_string()))?;
    pair(chain, &key)
}

fn pair(
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'_>,
) -> Result<Pair, CertificateError> {
    let leaf = chain
        .first()
        .ok_or_else(|| CertificateError::Certificate("empty".to_owned()))?;
    let (names, not_after, serial) = describe(leaf)?;
    let signing = any_supported_type(key)
        .or_else(|error| short_rsa::read(key).ok_or(error))
        .map_err(CertificateError::Pair)?;
    check_match(leaf, &*signing)?;
    let key = CertifiedKey::new(chain, signing);
    Ok(Pair {
        key: Arc::new(key),
        names,
        not_after,
        serial,
    })
}

/// Not by webpki, which reads no certificates of version 1.
fn check_match(leaf: &CertificateDer<'_>, key: &dyn SigningKey) -> Result<(), CertificateError> {
    let (_, leaf) = X509Certificate::from_der(leaf)
        .map_err(|error| CertificateError::Parse(error.to_string()))?;
    let ours = key.public_key();
    if ours.is_some_and(|ours| ours.as_ref() != leaf.public_key().raw) {
        let error = rustls::InconsistentKeys::KeyMismatch;
        return Err(CertificateError::Pair(error.into()));
    }
    Ok(())
}

fn describe(leaf: &CertificateDer<'_>) -> Result<(Vec<String>, i64, String), CertificateError> {
    let (_, parsed) = X509Certificate::from_der(leaf)
        .map_err(|error| CertificateError::Parse(error.to_string()))?;
    let mut names: Vec<String> = parsed
        .subject()
        .iter_common_name()
        .filter_map(|name| name.as_str().ok())
        .map(str::to_lowercase)
        .collect();
    if let Ok(Some(alternative)) = parsed.subject_alternative_name() {
        for name in &alternative.value.general_names {
            match name {
                GeneralName::DNSName(name) => names.push(name.to_lowercase()),
                GeneralName::IPAddress(bytes) => names.extend(address(bytes)),
                _ => {}
            }
        }
    }
    names.sort();
    names.dedup();
    Ok((
        names,
        parsed.validity().not_after.timestamp(),
        parsed.serial.to_string(),
    ))
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(v4).to_string());
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|v6| std::net::Ipv6Addr::from(v6).to_string())
}

/// A self-signed certificate for clients whose server name has none, as Traefik shows one.
pub fn self_signed() -> Result<Pair, CertificateError> {
    let key = rcgen::KeyPair::generate()?;
    let mut params = rcgen::CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "TRAEFIK DEFAULT CERT");
    let made = params.self_signed(&key)?;
    let der = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| CertificateError::Key(error.to_owned()))?;
    pair(vec![made.der().clone()], &der)
}
