//! How servers are talked to: TLS towards them, pools and timeouts.

use super::Certificate;
use crate::config::object::object;
use crate::types::{Duration, FileOrContent};

object! {
    /// How the servers of a load balancer are talked to.
    pub struct ServersTransport {
        /// Name for SNI and for the check of the certificate, in place of the URL's host.
        server_name: String => "serverName",
        /// Accepts any certificate.
        insecure_skip_verify: bool => "insecureSkipVerify",
        /// CA certificates that servers are checked against, in place of the system's.
        root_cas: Vec<FileOrContent> => "rootCAs",
        /// Client certificates.
        certificates: Vec<Certificate> => "certificates",
        /// Cipher suites by Go's names.
        cipher_suites: Vec<String> => "cipherSuites",
        /// Lowest TLS version, for example `VersionTLS12`.
        min_version: String => "minVersion",
        /// Highest TLS version.
        max_version: String => "maxVersion",
        /// Idle connections kept for each server; 0 means the default (200), negative none.
        max_idle_conns_per_host: i64 => "maxIdleConnsPerHost",
        /// Timeouts.
        forwarding_timeouts: Option<ForwardingTimeouts> => "forwardingTimeouts",
        /// No HTTP/2 towards the servers.
        disable_http2: bool => "disableHTTP2",
        /// Deprecated: URI that the server's certificate must have.
        peer_cert_uri: String => "peerCertURI",
        /// Names of which the server's certificate must have one.
        peer_cert_sans: Vec<PeerCertSan> => "peerCertSANs",
        /// SPIFFE identities.
        spiffe: Option<Spiffe> => "spiffe" [empty],
    }

    /// A name that the server's certificate may have.
    pub struct PeerCertSan {
        /// `DNSName` or `URI`.
        kind: String => "type",
        /// The name.
        value: String => "value",
    }

    /// SPIFFE identities of the servers.
    pub struct Spiffe {
        /// Identities that are allowed; they count before the trust domain.
        ids: Vec<String> => "ids",
        /// The trust domain that is allowed.
        trust_domain: String => "trustDomain",
    }

    /// Timeouts of requests to servers; zero means none.
    pub struct ForwardingTimeouts {
        /// For the connection.
        dial_timeout: Duration => "dialTimeout" = Duration::from_secs(30),
        /// From the end of the request to the headers of the answer.
        response_header_timeout: Duration => "responseHeaderTimeout",
        /// How long an idle connection is kept.
        idle_conn_timeout: Duration => "idleConnTimeout" = Duration::from_secs(90),
        /// HTTP/2: silence after which a ping is sent.
        read_idle_timeout: Duration => "readIdleTimeout",
        /// HTTP/2: how long the ping's answer may take.
        ping_timeout: Duration => "pingTimeout" = Duration::from_secs(15),
    }
}
