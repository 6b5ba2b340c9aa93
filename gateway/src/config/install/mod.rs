//! The install configuration (Traefik's static configuration): what is fixed from start to end of the process.

mod acme;
mod effective;
mod entrypoint;
mod help;
mod load;
mod log;
mod metrics;
mod otlp;
mod provider;
mod section;
mod tracing;
mod transport;
mod validate;

pub use acme::{
    Acme, CertificateResolver, DnsChallenge, DnsPropagation, ExternalAccountBinding, HttpChallenge,
    TlsChallenge,
};
pub use effective::default_entry_points;
pub use entrypoint::{
    Address, AddressError, AllowedEncodedCharacters, EntryPoint, EntryPointHttp,
    EntryPointObservability, EntryPointTls, EntryPointTransport, ForwardedHeaders, Http2, Http3,
    LifeCycle, Protocol, ProxyProtocol, RedirectEntryPoint, Redirections, RespondingTimeouts,
    UdpTimeouts,
};
pub use help::help;
pub use load::{
    Examined, Found, Loaded, Outcome, Raw, Source, examine, find, from_tree, load, options,
};
pub use log::{
    AccessLog, AccessLogFields, AccessLogFilters, AccessLogHeaders, AccessLogQueryParameters, Log,
};
pub use metrics::{Datadog, InfluxDb2, Metrics, OtlpMetrics, Prometheus, StatsD};
pub use otlp::{OtlpGrpc, OtlpHttp, OtlpLog};
pub use provider::{
    DockerProvider, FileProvider, HttpProvider, PROVIDER_NAMES, Providers, RedisProvider,
    RedisSentinel, RestProvider, SwarmProvider,
};
pub use section::{
    Api, Core, Experimental, FastProxy, Global, HostResolver, Ocsp, Ping, SpiffeClient,
};
pub use tracing::{OtlpTracing, Tracing};
pub use transport::{
    DefaultForwardingTimeouts, DefaultServersTransport, DefaultTcpServersTransport, DefaultTcpTls,
};

use std::collections::BTreeMap;

use crate::config::object::object;

/// The entry point of the API, ping and metrics unless they name another.
pub const INTERNAL_ENTRY_POINT: &str = "traefik";

object! {
    /// The install configuration.
    pub struct Install {
        /// Global configuration options
        global: Option<Global> => "global" = Some(Default::default()),
        /// Servers default transport.
        servers_transport: Option<DefaultServersTransport> => "serversTransport" = Some(Default::default()),
        /// TCP servers default transport.
        tcp_servers_transport: Option<DefaultTcpServersTransport>
            => "tcpServersTransport" [idle] = Some(Default::default()),
        /// Entry points definition.
        entry_points: BTreeMap<String, EntryPoint> => "entryPoints",
        /// Providers configuration.
        providers: Providers => "providers",
        /// Enable api/dashboard.
        api: Option<Api> => "api" [empty],
        /// Enable a metrics exporter.
        metrics: Option<Metrics> => "metrics",
        /// Enable ping.
        ping: Option<Ping> => "ping" [empty],
        /// Log settings.
        log: Option<Log> => "log" [empty],
        /// Access log settings.
        access_log: Option<AccessLog> => "accessLog" [empty],
        /// Tracing configuration.
        tracing: Option<Tracing> => "tracing" [empty idle],
        /// Enable CNAME Flattening.
        host_resolver: Option<HostResolver> => "hostResolver" [empty idle],
        /// Certificates resolvers configuration.
        certificates_resolvers: BTreeMap<String, CertificateResolver> => "certificatesResolvers" [idle],
        /// Experimental features.
        experimental: Option<Experimental> => "experimental",
        /// Core controls.
        core: Option<Core> => "core",
        /// SPIFFE integration configuration.
        spiffe: Option<SpiffeClient> => "spiffe" [later],
        /// OCSP configuration.
        ocsp: Option<Ocsp> => "ocsp" [empty idle],
    }
}
