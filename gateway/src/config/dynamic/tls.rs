//! Certificates, TLS options and certificate stores.

use std::collections::BTreeMap;

use crate::config::object::object;
use crate::types::FileOrContent;

object! {
    /// The `tls` section.
    pub struct Tls {
        /// Certificates.
        certificates: Vec<CertificateAndStores> => "certificates" [no_label],
        /// Options by name; `default` is used where none is named.
        options: BTreeMap<String, TlsOptions> => "options" [no_label],
        /// Stores by name; only `default` is used.
        stores: BTreeMap<String, TlsStore> => "stores",
    }

    /// A certificate with its key.
    pub struct Certificate {
        /// The certificate, PEM or its file.
        cert_file: FileOrContent => "certFile",
        /// The private key, PEM or its file.
        key_file: FileOrContent => "keyFile",
    }

    /// A certificate with its key and the stores it belongs to.
    pub struct CertificateAndStores {
        /// The certificate, PEM or its file.
        cert_file: FileOrContent => "certFile",
        /// The private key, PEM or its file.
        key_file: FileOrContent => "keyFile",
        /// Stores by name; empty means `default`.
        stores: Vec<String> => "stores",
    }

    /// Which TLS is spoken with clients. An empty list of cipher suites or protocols means the default one.
    pub struct TlsOptions {
        /// Lowest version, for example `VersionTLS12`, which is the default.
        min_version: String => "minVersion",
        /// Highest version.
        max_version: String => "maxVersion",
        /// Cipher suites by Go's names, for TLS 1.2 and below.
        cipher_suites: Vec<String> => "cipherSuites",
        /// Curves, for example `X25519`.
        curve_preferences: Vec<String> => "curvePreferences",
        /// Client certificates.
        client_auth: ClientAuth => "clientAuth" [always],
        /// Refuses connections whose server name has no certificate.
        sni_strict: bool => "sniStrict",
        /// ALPN protocols in the order of preference.
        alpn_protocols: Vec<String> => "alpnProtocols"
            = ["h2", "http/1.1", "acme-tls/1"].map(str::to_owned).to_vec(),
        /// No session tickets.
        disable_session_tickets: bool => "disableSessionTickets",
        /// Deprecated and without effect.
        prefer_server_cipher_suites: Option<bool> => "preferServerCipherSuites",
    }

    /// Whether clients show a certificate, and who must have signed it.
    pub struct ClientAuth {
        /// CA certificates, PEM or files.
        ca_files: Vec<FileOrContent> => "caFiles",
        /// `NoClientCert`, `RequestClientCert`, `RequireAnyClientCert`, `VerifyClientCertIfGiven` or
        /// `RequireAndVerifyClientCert`.
        client_auth_type: String => "clientAuthType",
    }

    /// A certificate store.
    pub struct TlsStore {
        /// Used where no other certificate fits.
        default_certificate: Option<Certificate> => "defaultCertificate" [no_label],
        /// A default certificate from a resolver.
        default_generated_cert: Option<GeneratedCert> => "defaultGeneratedCert" [idle],
    }

    /// A default certificate from a resolver.
    pub struct GeneratedCert {
        /// Name of the resolver.
        resolver: String => "resolver",
        /// Names of the certificate.
        domain: Option<Domain> => "domain",
    }

    /// Names of a certificate.
    pub struct Domain {
        /// Default subject name.
        main: String => "main",
        /// Subject alternative names.
        sans: Vec<String> => "sans",
    }

    /// TLS of a client towards a server that is no load balancer's (Redis, an OTLP collector, the Docker engine).
    pub struct ClientTls {
        /// TLS CA
        ca: FileOrContent => "ca",
        /// TLS cert
        cert: FileOrContent => "cert",
        /// TLS key
        key: FileOrContent => "key",
        /// TLS insecure skip verify
        insecure_skip_verify: bool => "insecureSkipVerify",
    }
}
