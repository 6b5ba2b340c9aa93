//! TLS towards clients: certificates by server name, options by host, one `rustls` configuration each.

mod certificate;
mod client_auth;
mod options;
mod short_rsa;
mod store;
mod table;
mod version1;

pub use certificate::{CertificateError, Pair, load_pair, self_signed};
pub use options::{ClientAuth, OptionsError, TlsOptions, Version};
pub use short_rsa::verify as verify_short_rsa;
pub use store::CertificateStore;
pub use table::{Chosen, TlsTable};

/// A server name as certificates and options are looked up by it: lower-case, without a dot at its end.
pub fn canonical_name(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The version as Traefik's logs write it.
pub fn version_name(version: Option<rustls::ProtocolVersion>) -> &'static str {
    match version {
        Some(rustls::ProtocolVersion::TLSv1_3) => "1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "1.2",
        _ => "",
    }
}

/// The cipher suite by its IANA name.
pub fn cipher_name(suite: Option<rustls::SupportedCipherSuite>) -> &'static str {
    use rustls::CipherSuite as C;
    match suite.map(|suite| suite.suite()) {
        Some(C::TLS13_AES_128_GCM_SHA256) => "TLS_AES_128_GCM_SHA256",
        Some(C::TLS13_AES_256_GCM_SHA384) => "TLS_AES_256_GCM_SHA384",
        Some(C::TLS13_CHACHA20_POLY1305_SHA256) => "TLS_CHACHA20_POLY1305_SHA256",
        Some(other) => other.as_str().unwrap_or_default(),
        None => "",
    }
}
