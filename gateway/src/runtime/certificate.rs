//! A served certificate as the API and the metrics show it.

use x509_parser::oid_registry::{
    OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_SHA1WITHRSA,
    OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA,
    OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ECDSA_WITH_SHA512,
    OID_SIG_ED25519,
};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate, X509Name};
use x509_parser::public_key::PublicKey;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub common_name: String,
    /// Sorted.
    pub dns_names: Vec<String>,
    pub addresses: Vec<String>,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
    /// Decimal.
    pub serial: String,
    pub issuer_organization: String,
    pub issuer_common_name: String,
    pub issuer_country: String,
    pub organization: String,
    pub country: String,
    /// 1 to 3.
    pub version: u32,
    /// Go's name of the kind: `RSA`, `ECDSA` or `Unknown`.
    pub key_type: &'static str,
    /// Bits; 0 where the kind has none.
    pub key_size: usize,
    /// Go's name, e.g. `ECDSA-SHA256`.
    pub signature_algorithm: String,
    /// SHA-256 of the certificate, lower-case hexadecimal.
    pub fingerprint: String,
    /// SHA-256 of its public key.
    pub key_fingerprint: String,
}

impl Certificate {
    /// Reads a certificate (DER); `None` where it is none.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let (dns_names, addresses) = names(&parsed);
        let (key_type, key_size) = key(&parsed);
        let (subject, issuer) = (parsed.subject(), parsed.issuer());
        Some(Self {
            common_name: first(subject, X509Name::iter_common_name),
            dns_names,
            addresses,
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            serial: parsed.serial.to_string(),
            issuer_organization: first(issuer, X509Name::iter_organization),
            issuer_common_name: first(issuer, X509Name::iter_common_name),
            issuer_country: first(issuer, X509Name::iter_country),
            organization: first(subject, X509Name::iter_organization),
            country: first(subject, X509Name::iter_country),
            version: parsed.version().0 + 1,
            key_type,
            key_size,
            signature_algorithm: algorithm(&parsed),
            fingerprint: sha256(der),
            key_fingerprint: sha256(parsed.public_key().raw),
        })
    }
}

fn names(parsed: &X509Certificate<'_>) -> (Vec<String>, Vec<String>) {
    let (mut dns, mut addresses) = (Vec::new(), Vec::new());
    if let Ok(Some(alternative)) = parsed.subject_alternative_name() {
        for name in &alternative.value.general_names {
            match name {
                GeneralName::DNSName(name) => dns.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => {
                    if let Ok(v4) = <[u8; 4]>::try_from(*bytes) {
                        addresses.push(std::net::Ipv4Addr::from(v4).to_string());
                    } else if let Ok(v6) = <[u8; 16]>::try_from(*bytes) {
                        addresses.push(std::net::Ipv6Addr::from(v6).to_string());
                    }
                }
                _ => {}
            }
        }
    }
    dns.sort();
    addresses.sort();
    (dns, addresses)
}

fn first<'n, I>(name: &'n X509Name<'n>, part: impl FnOnce(&'n X509Name<'n>) -> I) -> String
where
    I: Iterator<Item = &'n x509_parser::x509::AttributeTypeAndValue<'n>>,
{
    let value = part(name).next();
    value
        .and_then(|value| value.as_str().ok())
        .unwrap_or_default()
        .to_owned()
}

fn key(parsed: &X509Certificate<'_>) -> (&'static str, usize) {
    match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => ("RSA", key.key_size()),
        Ok(PublicKey::EC(_)) => {
            let parameters = parsed.public_key().algorithm.parameters.as_ref();
            let curve = parameters.and_then(|curve| curve.as_oid().ok());
            let bits = match curve {
                Some(curve) if curve == OID_EC_P256 => 256,
                Some(curve) if curve == OID_NIST_EC_P384 => 384,
                Some(curve) if curve == OID_NIST_EC_P521 => 521,
                _ => 0,
            };
            ("ECDSA", bits)
        }
        _ => ("Unknown", 0),
    }
}

fn algorithm(parsed: &X509Certificate<'_>) -> String {
    let used = &parsed.signature_algorithm.algorithm;
    let known = [
        (OID_SIG_ECDSA_WITH_SHA256, "ECDSA-SHA256"),
        (OID_SIG_ECDSA_WITH_SHA384, "ECDSA-SHA384"),
        (OID_SIG_ECDSA_WITH_SHA512, "ECDSA-SHA512"),
        (OID_PKCS1_SHA1WITHRSA, "SHA1-RSA"),
        (OID_PKCS1_SHA256WITHRSA, "SHA256-RSA"),
        (OID_PKCS1_SHA384WITHRSA, "SHA384-RSA"),
        (OID_PKCS1_SHA512WITHRSA, "SHA512-RSA"),
        (OID_SIG_ED25519, "Ed25519"),
    ];
    let name = known.iter().find(|(id, _)| id == used);
    name.map_or_else(|| used.to_id_string(), |(_, name)| (*name).to_owned())
}

fn sha256(bytes: &[u8]) -> String {
    let provider = rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let hash = match provider {
        rustls::SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider.hash(bytes),
        rustls::SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider.hash(bytes),
    };
    hash.as_ref().iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_certificate_is_described() {
        let names = vec![
            "b.test".to_owned(),
            "a.test".to_owned(),
            "127.0.0.1".to_owned(),
        ];
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "b.test");
        let key = rcgen::KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        let certificate = Certificate::parse(made.der()).unwrap();
        assert_eq!(certificate.common_name, "b.test");
        assert_eq!(certificate.dns_names, ["a.test", "b.test"]);
        assert_eq!(certificate.addresses, ["127.0.0.1"]);
        assert_eq!((certificate.key_type, certificate.key_size), ("ECDSA", 256));
        assert_eq!(certificate.signature_algorithm, "ECDSA-SHA256");
        assert_eq!(certificate.version, 3);
        assert_eq!(certificate.fingerprint.len(), 64);
        assert_eq!(Certificate::parse(b"no"), None);
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
