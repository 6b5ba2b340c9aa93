//! RSA keys of 1024 to 2047 bits. They are too short for the open internet, and aws-lc-rs signs with none of them; but Go
//! does, and so there are installations of Traefik whose internal certificates have one. They are served, with a warning.

use std::fmt;
use std::sync::Arc;

use rsa::pkcs1::{DecodeRsaPrivateKey as _, DecodeRsaPublicKey as _};
use rsa::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{PrivateKey, PublicKey};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::sign::{Signer, SigningKey};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use sha2::{Sha256, Sha384};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// From which length on aws-lc-rs signs.
const USUAL: usize = 2048;

/// How such a key signs, by preference. SHA-512 does not fit into 1024 bits (RFC 8017, section 9.1.1), and PKCS #1 v1.5 is
/// left to old clients, who should not meet short keys as well.
const SCHEMES: [SignatureScheme; 2] = [
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
];

#[derive(Clone)]
struct ShortRsa(Arc<PrivateKey>);

/// The key, if it is a short one. The library refuses those below 1024 bits.
pub(super) fn read(key: &PrivateKeyDer<'_>) -> Option<Arc<dyn SigningKey>> {
    let key = match key {
        PrivateKeyDer::Pkcs1(der) => PrivateKey::from_pkcs1_der(der.secret_pkcs1_der()).ok()?,
        PrivateKeyDer::Pkcs8(der) => PrivateKey::from_pkcs8_der(der.secret_pkcs8_der()).ok()?,
        _ => return None,
    };
    let bits = key.size() * 8;
    if bits >= USUAL {
        return None;
    }
    tracing::warn!(
        bits,
        "a certificate has a short RSA key, which can be broken; make one of at least {USUAL} bits, or an ECDSA key"
    );
    Some(Arc::new(ShortRsa(Arc::new(key))))
}

impl SigningKey for ShortRsa {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let mut schemes = SCHEMES.into_iter();
        let scheme = schemes.find(|scheme| offered.contains(scheme))?;
        Some(Box::new(Chosen {
            key: self.clone(),
            scheme,
        }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        let der = self.0.to_public_key().to_public_key_der().ok()?;
        Some(SubjectPublicKeyInfoDer::from(der.into_vec()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

/// Whether the owner of a certificate with a short key signed a message of a handshake; `None` if the key is no short one. For
/// certificates that the user trusts by themselves: an authority's word is no good for such a key.
pub fn verify(
    certificate: &CertificateDer<'_>,
    message: &[u8],
    signed: &DigitallySignedStruct,
) -> Option<Result<HandshakeSignatureValid, Error>> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let key = &certificate.public_key().subject_public_key.data;
    let key = PublicKey::from_pkcs1_der(key).ok()?;
    if key.size() * 8 >= USUAL {
        return None;
    }
    let signature = signed.signature();
    let verified = match signed.scheme {
        SignatureScheme::RSA_PSS_SHA256 => key.pss_verify::<Sha256>(message, signature),
        SignatureScheme::RSA_PSS_SHA384 => key.pss_verify::<Sha384>(message, signature),
        _ => return None,
    };
    Some(match verified {
        Ok(()) => Ok(HandshakeSignatureValid::assertion()),
        Err(_) => Err(CertificateError::BadSignature.into()),
    })
}

/// A key that will sign in one way.
#[derive(Debug)]
struct Chosen {
    key: ShortRsa,
    scheme: SignatureScheme,
}

impl Signer for Chosen {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let key = &self.key.0;
        let signed = match self.scheme {
            SignatureScheme::RSA_PSS_SHA256 => key.pss_sign::<Sha256>(message),
            _ => key.pss_sign::<Sha384>(message),
        };
        signed.map_err(|error| Error::General(format!("signing failed: {error}")))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl fmt::Debug for ShortRsa {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ShortRsa")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rsa::pkcs8::EncodePrivateKey as _;
    use rsa::rand_core::{TryCryptoRng, TryRng};
    use std::convert::Infallible;

    /// Numbers enough like chance for a key that nobody will use.
    struct Numbers(u64);

    impl TryRng for Numbers {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(u32::try_from(self.try_next_u64()? >> 32).unwrap())
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            Ok(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d))
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            for chunk in bytes.chunks_mut(8) {
                let number = self.try_next_u64()?.to_le_bytes();
                chunk.copy_from_slice(&number[..chunk.len()]);
            }
            Ok(())
        }
    }

    impl TryCryptoRng for Numbers {}

    #[test]
    fn a_short_key_signs_so_that_its_public_key_verifies() {
        let key = PrivateKey::new(&mut Numbers(42), 1024).unwrap();
        let der = key.to_pkcs8_der().unwrap();
        let der = PrivateKeyDer::try_from(der.as_bytes().to_vec()).unwrap();
        let signing = read(&der).unwrap();
        let offered = [
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::RSA_PSS_SHA256,
        ];
        let signer = signing.choose_scheme(&offered).unwrap();
        assert_eq!(signer.scheme(), SignatureScheme::RSA_PSS_SHA256);
        let signature = signer.sign(b"message").unwrap();
        let public = key.to_public_key();
        assert!(public.pss_verify::<Sha256>(b"message", &signature).is_ok());
        assert!(public.pss_verify::<Sha256>(b"another", &signature).is_err());
        let old = [SignatureScheme::RSA_PKCS1_SHA256];
        assert!(signing.choose_scheme(&old).is_none());
    }
}
