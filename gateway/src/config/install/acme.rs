//! Certificate resolvers: where certificates come from that are in no file.

use crate::config::decode::Presence;
use crate::config::object::object;
use crate::types::{Duration, FileOrContent, Secret};

object! {
    /// A source of certificates.
    pub struct CertificateResolver {
        /// Enables ACME (Let's Encrypt) automatic SSL.
        acme: Option<Acme> => "acme",
        /// Enables Tailscale certificate resolution.
        tailscale: Option<Presence> => "tailscale" [empty],
    }

    /// Certificates by ACME (RFC 8555).
    pub struct Acme {
        /// Email address used for registration.
        email: String => "email",
        /// CA server to use.
        ca_server: String => "caServer" = "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
        /// Preferred chain to use.
        preferred_chain: String => "preferredChain",
        /// Certificate profile to use.
        profile: String => "profile",
        /// CSR email addresses to use.
        email_addresses: Vec<String> => "emailAddresses",
        /// Disable the common name in the CSR.
        disable_common_name: bool => "disableCommonName",
        /// Storage to use.
        storage: String => "storage" = "acme.json".to_owned(),
        /// KeyType used for generating certificate private key. Allow value 'EC256', 'EC384', 'RSA2048', 'RSA4096', 'RSA8192'.
        key_type: String => "keyType" = "RSA4096".to_owned(),
        /// External Account Binding to use.
        eab: Option<ExternalAccountBinding> => "eab",
        /// Certificates' duration in hours.
        certificates_duration: i64 => "certificatesDuration" = 2160,
        /// Timeout for a complete HTTP transaction with the ACME server.
        client_timeout: Duration => "clientTimeout" [empty] = Duration::from_secs(120),
        /// Timeout for receiving the response headers when communicating with the ACME server.
        client_response_header_timeout: Duration => "clientResponseHeaderTimeout" [empty] = Duration::from_secs(30),
        /// Timeout for obtaining the certificate during the finalization request.
        certificate_timeout: Duration => "certificateTimeout" [empty] = Duration::from_secs(30),
        /// Specify the paths to PEM encoded CA Certificates that can be used to authenticate an ACME server with an HTTPS certificate not issued by a CA in the system-wide trusted root list.
        ca_certificates: Vec<FileOrContent> => "caCertificates",
        /// Define if the certificates pool must use a copy of the system cert pool.
        ca_system_cert_pool: bool => "caSystemCertPool",
        /// Specify the CA server name that can be used to authenticate an ACME server with an HTTPS certificate not issued by a CA in the system-wide trusted root list.
        ca_server_name: String => "caServerName",
        /// Activate DNS-01 Challenge.
        dns_challenge: Option<DnsChallenge> => "dnsChallenge" [empty],
        /// Activate HTTP-01 Challenge.
        http_challenge: Option<HttpChallenge> => "httpChallenge" [empty],
        /// Activate TLS-ALPN-01 Challenge.
        tls_challenge: Option<TlsChallenge> => "tlsChallenge" [empty],
    }

    /// External account binding (RFC 8555, 7.3.4).
    pub struct ExternalAccountBinding {
        /// Key identifier from External CA.
        kid: String => "kid",
        /// Base64 encoded HMAC key from External CA.
        hmac_encoded: Secret => "hmacEncoded",
    }

    /// DNS-01.
    pub struct DnsChallenge {
        /// Use a DNS-01 based challenge provider rather than HTTPS.
        provider: String => "provider",
        /// Use following DNS servers to resolve the FQDN authority.
        resolvers: Vec<String> => "resolvers",
        /// DNS propagation checks configuration
        propagation: Option<DnsPropagation> => "propagation" [empty],
        /// (Deprecated) Assume DNS propagates after a delay in seconds rather than finding and querying nameservers.
        delay_before_check: Duration => "delayBeforeCheck",
        /// (Deprecated) Disable the DNS propagation checks before notifying ACME that the DNS challenge is ready. [not recommended]
        disable_propagation_check: bool => "disablePropagationCheck",
    }

    /// How DNS propagation is checked.
    pub struct DnsPropagation {
        /// Disables the challenge TXT record propagation checks (not recommended).
        disable_checks: bool => "disableChecks",
        /// Disables the challenge TXT record propagation checks against authoritative nameservers.
        disable_ans_checks: bool => "disableANSChecks",
        /// Requires the challenge TXT record to be propagated to all recursive nameservers.
        require_all_rns: bool => "requireAllRNS",
        /// Defines the delay before checking the challenge TXT record propagation.
        delay_before_checks: Duration => "delayBeforeChecks",
    }

    /// HTTP-01.
    pub struct HttpChallenge {
        /// HTTP challenge EntryPoint
        entry_point: String => "entryPoint",
        /// Delay between the creation of the challenge and the validation.
        delay: Duration => "delay",
    }

    /// TLS-ALPN-01.
    pub struct TlsChallenge {
        /// Delay between the creation of the challenge and the validation.
        delay: Duration => "delay",
    }
}
