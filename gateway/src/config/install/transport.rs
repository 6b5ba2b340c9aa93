//! Transports towards servers that name none of their own.

use crate::config::dynamic::Spiffe;
use crate::config::object::object;
use crate::types::{Duration, FileOrContent};

object! {
    /// HTTP servers.
    pub struct DefaultServersTransport {
        /// Disable SSL certificate verification.
        insecure_skip_verify: bool => "insecureSkipVerify",
        /// Add cert file for self-signed certificate.
        root_cas: Vec<FileOrContent> => "rootCAs",
        /// If non-zero, controls the maximum idle (keep-alive) to keep per-host. If zero, 200 is used. If negative, disables connection reuse.
        max_idle_conns_per_host: i64 => "maxIdleConnsPerHost" = 200,
        /// Timeouts for requests forwarded to the backend servers.
        forwarding_timeouts: Option<DefaultForwardingTimeouts> => "forwardingTimeouts",
        /// Defines the SPIFFE configuration.
        spiffe: Option<Spiffe> => "spiffe" [empty],
    }

    /// Timeouts of requests to servers; zero means none.
    pub struct DefaultForwardingTimeouts {
        /// The amount of time to wait until a connection to a backend server can be established.
        dial_timeout: Duration => "dialTimeout" = Duration::from_secs(30),
        /// The amount of time to wait for a server's response headers after fully writing the request (including its body, if any).
        response_header_timeout: Duration => "responseHeaderTimeout",
        /// The maximum period for which an idle HTTP keep-alive connection will remain open before closing itself
        idle_conn_timeout: Duration => "idleConnTimeout" = Duration::from_secs(90),
    }

    /// TCP servers.
    pub struct DefaultTcpServersTransport {
        /// Defines the interval between keep-alive probes for an active network connection. If negative, keep-alive probes are disabled.
        dial_keep_alive: Duration => "dialKeepAlive" = Duration::from_secs(15),
        /// Defines the amount of time to wait until a connection to a backend server can be established. If zero, no timeout exists.
        dial_timeout: Duration => "dialTimeout" = Duration::from_secs(30),
        /// Defines the delay to wait before fully terminating the connection, after one connected peer has closed its writing capability.
        termination_delay: Duration => "terminationDelay",
        /// Defines the TLS configuration.
        tls: Option<DefaultTcpTls> => "tls" [empty],
    }

    /// TLS towards TCP servers.
    pub struct DefaultTcpTls {
        /// Disables SSL certificate verification.
        insecure_skip_verify: bool => "insecureSkipVerify",
        /// Defines a list of CA secret used to validate self-signed certificate
        root_cas: Vec<FileOrContent> => "rootCAs",
        /// Defines the SPIFFE TLS configuration.
        spiffe: Option<Spiffe> => "spiffe" [empty],
    }
}
