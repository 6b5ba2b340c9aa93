//! TCP routers, services, middlewares and transports.

use std::collections::BTreeMap;

use super::{Certificate, Domain, PeerCertSan, Spiffe};
use crate::config::decode::Presence;
use crate::config::object::object;
use crate::types::{Duration, FileOrContent};

object! {
    /// Everything of the TCP layer.
    pub struct Tcp {
        /// Routers by name.
        routers: BTreeMap<String, TcpRouter> => "routers",
        /// Services by name.
        services: BTreeMap<String, TcpService> => "services",
        /// Middlewares by name.
        middlewares: BTreeMap<String, TcpMiddleware> => "middlewares",
        /// Transports towards servers, by name.
        servers_transports: BTreeMap<String, TcpServersTransport> => "serversTransports" [no_label],
    }

    /// Which connections go to which service.
    pub struct TcpRouter {
        /// Entry points it listens on; empty means the default ones.
        entry_points: Vec<String> => "entryPoints",
        /// Middlewares in their order, by name.
        middlewares: Vec<String> => "middlewares",
        /// The service, by name.
        service: String => "service",
        /// The rule, for example ``HostSNI(`example.com`)``.
        rule: String => "rule",
        /// `v3` or `v2`; deprecated.
        rule_syntax: String => "ruleSyntax",
        /// Higher is tried first; 0 means the length of the rule.
        priority: i64 => "priority",
        /// Answers only TLS connections if present.
        tls: Option<TcpRouterTls> => "tls" [empty],
    }

    /// TLS of a TCP router.
    pub struct TcpRouterTls {
        /// Leaves TLS to the server.
        passthrough: bool => "passthrough" [always],
        /// Name of the TLS options; empty means `default`.
        options: String => "options",
        /// Name of the certificate resolver.
        cert_resolver: String => "certResolver",
        /// Domains the certificate is asked for; empty means those of the rule.
        domains: Vec<Domain> => "domains",
    }

    /// A TCP service; exactly one of its types is to be set.
    pub struct TcpService {
        /// Servers of one kind.
        load_balancer: Option<TcpLoadBalancer> => "loadBalancer",
        /// Services chosen in turn, by weight.
        weighted: Option<TcpWeighted> => "weighted" [no_label],
    }

    /// Servers that connections are distributed to.
    pub struct TcpLoadBalancer {
        /// The servers.
        servers: Vec<TcpServer> => "servers" [server],
        /// Name of the transport; empty means `default`.
        servers_transport: String => "serversTransport",
        /// Deprecated: sends a PROXY header to the servers.
        proxy_protocol: Option<TcpProxyProtocol> => "proxyProtocol" [empty],
        /// Deprecated: milliseconds a half-closed connection may last.
        termination_delay: Option<i64> => "terminationDelay",
        /// Probes the servers.
        health_check: Option<TcpHealthCheck> => "healthCheck" [empty],
    }

    /// One server.
    pub struct TcpServer {
        /// Host and port.
        address: String => "address" [no_label],
        /// Port of a container; labels only.
        port: String => "port" [hidden no_file],
        /// TLS towards the server.
        tls: bool => "tls",
    }

    /// PROXY protocol towards servers.
    pub struct TcpProxyProtocol {
        /// 1 or 2.
        version: i64 => "version" = 2,
    }

    /// Probes of TCP servers.
    pub struct TcpHealthCheck {
        /// Port in place of the server's; 0 means the server's.
        port: i64 => "port",
        /// What is sent.
        send: String => "send",
        /// What must come back.
        expect: String => "expect",
        /// Between two probes of a healthy server.
        interval: Duration => "interval" = Duration::from_secs(30),
        /// Between two probes of an unhealthy server; unset means `interval`.
        unhealthy_interval: Option<Duration> => "unhealthyInterval",
        /// How long a probe may take.
        timeout: Duration => "timeout" = Duration::from_secs(5),
    }

    /// Services chosen in turn, by weight.
    pub struct TcpWeighted {
        /// The services.
        services: Vec<TcpWeightedService> => "services",
        /// Passes health on.
        health_check: Option<Presence> => "healthCheck" [empty],
    }

    /// A service and its share.
    pub struct TcpWeightedService {
        /// Its name.
        name: String => "name",
        /// Its share.
        weight: Option<i64> => "weight" = Some(1),
    }

    /// A TCP middleware; exactly one of its types is to be set.
    pub struct TcpMiddleware {
        /// Limits simultaneous connections of an address.
        in_flight_conn: Option<TcpInFlightConn> => "inFlightConn",
        /// Deprecated name of `ipAllowList`.
        ip_white_list: Option<TcpIpList> => "ipWhiteList",
        /// Lets only some addresses in.
        ip_allow_list: Option<TcpIpList> => "ipAllowList",
    }

    /// Limits simultaneous connections of an address.
    pub struct TcpInFlightConn {
        /// The limit.
        amount: i64 => "amount",
    }

    /// Lets only some addresses in.
    pub struct TcpIpList {
        /// Addresses and CIDR ranges.
        source_range: Vec<String> => "sourceRange",
    }

    /// How TCP servers are talked to.
    pub struct TcpServersTransport {
        /// Between keep-alive probes; zero means the system's default, negative none.
        dial_keep_alive: Duration => "dialKeepAlive" = Duration::from_secs(15),
        /// For the connection; zero means no limit.
        dial_timeout: Duration => "dialTimeout" = Duration::from_secs(30),
        /// Sends a PROXY header.
        proxy_protocol: Option<TcpProxyProtocol> => "proxyProtocol" [empty],
        /// How long a half-closed connection may last.
        termination_delay: Duration => "terminationDelay" = Duration::from_millis(100),
        /// TLS towards the servers.
        tls: Option<TcpTlsClient> => "tls" [empty],
    }

    /// TLS towards TCP servers.
    pub struct TcpTlsClient {
        /// Name for SNI and for the check of the certificate.
        server_name: String => "serverName",
        /// Accepts any certificate.
        insecure_skip_verify: bool => "insecureSkipVerify",
        /// CA certificates that servers are checked against.
        root_cas: Vec<FileOrContent> => "rootCAs",
        /// Client certificates.
        certificates: Vec<Certificate> => "certificates",
        /// Deprecated: URI that the server's certificate must have.
        peer_cert_uri: String => "peerCertURI",
        /// Names of which the server's certificate must have one.
        peer_cert_sans: Vec<PeerCertSan> => "peerCertSANs",
        /// SPIFFE identities.
        spiffe: Option<Spiffe> => "spiffe" [empty],
    }
}
