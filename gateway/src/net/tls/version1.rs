//! Client certificates of X.509 version 1: what `openssl x509 -req` makes without an extension file. webpki reads only
//! version 3; Go, and so Traefik, takes both from clients.
//!
//! Such a certificate has no extensions, so it can be nothing but the end of a chain. It is taken if one of the
//! configured authorities signed it itself and both are valid now.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use x509_parser::oid_registry::{OID_PKCS1_SHA1WITHRSA, OID_SHA1_WITH_RSA};
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate, X509Version};

/// The certificate, if it is one of version 1 and nothing follows it.
pub(super) fn read<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) if certificate.version() == X509Version::V1 => Some(certificate),
        _ => None,
    }
}

/// Checks who signed a certificate of version 1, and when it holds.
pub(super) fn verify(
    certificate: &X509Certificate<'_>,
    authorities: &[CertificateDer<'static>],
    now: UnixTime,
) -> Result<(), Error> {
    let now = i64::try_from(now.as_secs())
        .ok()
        .and_then(|now| ASN1Time::from_timestamp(now).ok())
        .ok_or(CertificateError::BadEncoding)?;
    check_time(certificate, now)?;
    let weak = &certificate.signature_algorithm.algorithm;
    if *weak == OID_PKCS1_SHA1WITHRSA || *weak == OID_SHA1_WITH_RSA {
        return Err(CertificateError::BadSignature.into());
    }
    let mut problem = CertificateError::UnknownIssuer;
    for authority in authorities {
        let Ok((_, authority)) = X509Certificate::from_der(authority) else {
            continue;
        };
        if authority.subject().as_raw() != certificate.issuer().as_raw() || !may_sign(&authority) {
            continue;
        }
        match certificate.verify_signature(Some(authority.public_key())) {
            // Two authorities may have one name.
            Err(_) => problem = CertificateError::BadSignature,
            Ok(()) => return check_time(&authority, now),
        }
    }
    Err(problem.into())
}

fn check_time(certificate: &X509Certificate<'_>, now: ASN1Time) -> Result<(), Error> {
    let validity = certificate.validity();
    if now < validity.not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

/// One of version 1 was configured as an authority, which is the only thing that says it is one.
fn may_sign(authority: &X509Certificate<'_>) -> bool {
    if authority.version() == X509Version::V1 {
        return true;
    }
    let constraints = authority.basic_constraints().ok().flatten();
    let usage = authority.key_usage().ok().flatten();
    constraints.is_some_and(|constraints| constraints.value.ca)
        && usage.is_none_or(|usage| usage.value.key_cert_sign())
}

/// Checks that the client has the private key of its certificate, of whichever version (TLS 1.2).
pub(super) fn tls12_signature(
    provider: &CryptoProvider,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let algorithms = &provider.signature_verification_algorithms;
    let Some(old) = read(certificate) else {
        return verify_tls12_signature(message, certificate, signed, algorithms);
    };
    let key = &old.public_key().subject_public_key.data;
    let mut schemes = algorithms.mapping.iter();
    let (_, candidates) = schemes
        .find(|(scheme, _)| *scheme == signed.scheme)
        .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    // Of one scheme there is an algorithm a curve; that of another curve cannot read the key.
    let verified = candidates.iter().any(|algorithm| {
        algorithm
            .verify_signature(key, message, signed.signature())
            .is_ok()
    });
    if verified {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(CertificateError::BadSignature.into())
    }
}

/// The same for TLS 1.3.
pub(super) fn tls13_signature(
    provider: &CryptoProvider,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let algorithms = &provider.signature_verification_algorithms;
    match read(certificate) {
        None => verify_tls13_signature(message, certificate, signed, algorithms),
        Some(old) => {
            let key = SubjectPublicKeyInfoDer::from(old.public_key().raw);
            verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SigningKey};
    use std::time::Duration;

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    fn authority(name: &str, ca: IsCa) -> (Issuer<'static, KeyPair>, CertificateDer<'static>) {
        let mut params = params(name);
        params.is_ca = ca;
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        (Issuer::new(params, key), certificate)
    }

    fn wrapped(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let mut der = vec![tag, 0x82];
        der.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        der.extend(content);
        der
    }

    /// What the authority signed, without version and extensions, signed again.
    fn version1(issuer: &Issuer<'static, KeyPair>) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let made = params("client").signed_by(&key, issuer).unwrap();
        let (_, made) = X509Certificate::from_der(made.der()).unwrap();
        let serial = wrapped(2, &[made.raw_serial()]);
        let algorithm = made.signature_algorithm.algorithm.as_bytes();
        let algorithm = [&[0x06, u8::try_from(algorithm.len()).unwrap()], algorithm].concat();
        let algorithm = wrapped(0x30, &[&algorithm]);
        let time = |time: ASN1Time| {
            let text = time.to_datetime();
            let text = format!(
                "{:04}{:02}{:02}000000Z",
                text.year(),
                u8::from(text.month()),
                text.day()
            );
            wrapped(0x18, &[text.as_bytes()])
        };
        let validity = wrapped(
            0x30,
            &[
                &time(made.validity().not_before),
                &time(made.validity().not_after),
            ],
        );
        let signed = wrapped(
            0x30,
            &[
                &serial,
                &algorithm,
                made.issuer().as_raw(),
                &validity,
                made.subject().as_raw(),
                made.public_key().raw,
            ],
        );
        let signature = issuer.key().sign(&signed).unwrap();
        let signature = wrapped(3, &[&[0], &signature]);
        wrapped(0x30, &[&signed, &algorithm, &signature]).into()
    }

    #[test]
    fn an_authority_of_ours_must_have_signed_it() {
        let ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let (issuer, ours) = authority("ours", ca);
        // The same name, another key.
        let (impostor, _) = authority("ours", ca);
        let (stranger, _) = authority("another", ca);
        // Ours, but no authority.
        let (leaf, leaf_itself) = authority("leaf", IsCa::ExplicitNoCa);
        let authorities = [leaf_itself, ours.clone()];
        let now = UnixTime::now();
        let check = |issuer, now| {
            let der = version1(issuer);
            verify(&read(&der).unwrap(), &authorities, now).map_err(|error| error.to_string())
        };
        assert_eq!(check(&issuer, now), Ok(()));
        assert!(check(&impostor, now).unwrap_err().contains("BadSignature"));
        assert!(check(&stranger, now).unwrap_err().contains("UnknownIssuer"));
        assert!(check(&leaf, now).unwrap_err().contains("UnknownIssuer"));
        let years = Duration::from_secs(5000 * 365 * 24 * 3600);
        let later = UnixTime::since_unix_epoch(years);
        assert!(check(&issuer, later).unwrap_err().contains("Expired"));
        let never = UnixTime::since_unix_epoch(Duration::ZERO);
        assert!(check(&issuer, never).unwrap_err().contains("NotValidYet"));
        // The authority's own certificate is of version 3, and none of our business.
        assert!(read(&ours).is_none());
    }

    #[test]
    fn what_is_no_certificate_is_left_to_webpki() {
        for bytes in [&b""[..], b"\x30\x80", &[0xff; 64]] {
            assert!(read(&bytes.to_vec().into()).is_none());
        }
    }
}
