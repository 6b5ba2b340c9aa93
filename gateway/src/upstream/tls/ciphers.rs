//! `cipherSuites`: Go's names for what rustls has.

use rustls::crypto::CryptoProvider;

use super::{TlsError, TlsSettings, TlsVersion};

/// Names that Go knows and rustls has no suite for: without forward secrecy, or with CBC.
const WEAK: [&str; 17] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    // A signal for servers, and no suite.
    "TLS_FALLBACK_SCSV",
];
/// Go's names of TLS 1.3's suites, which IANA gives the same.
const TLS13: [&str; 3] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

/// Leaves `provider` the suites of TLS 1.2 that `settings` name, if they name any.
pub(super) fn choose(
    provider: &mut CryptoProvider,
    settings: &TlsSettings,
) -> Result<(), TlsError> {
    if settings.cipher_suites.is_empty() {
        return Ok(());
    }
    let mut kept = Vec::new();
    for name in &settings.cipher_suites {
        // Go has older names for these two.
        let full = match name.as_str() {
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305" => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305" => {
                "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
            }
            name => name,
        };
        let known = |suite: &&rustls::SupportedCipherSuite| suite.suite().as_str() == Some(full);
        match provider.cipher_suites.iter().find(known) {
            Some(suite) => kept.push(suite.suite()),
            None if WEAK.contains(&full) || TLS13.contains(&full) => {}
            None => return Err(TlsError::CipherSuites(format!("`{name}` is not known"))),
        }
    }
    let tls13_alone = settings.min_version == Some(TlsVersion::Tls13);
    provider
        .cipher_suites
        .retain(|suite| suite.tls13().is_some() || kept.contains(&suite.suite()));
    let tls12 = provider
        .cipher_suites
        .iter()
        .any(|suite| suite.tls13().is_none());
    if !tls12 && !tls13_alone {
        let all = settings.cipher_suites.join(", ");
        return Err(TlsError::CipherSuites(format!(
            "none of these is safe enough to be spoken: {all}; name one of TLS_ECDHE_* with GCM or CHACHA20"
        )));
    }
    Ok(())
}
