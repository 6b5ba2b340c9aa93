//! The routing configuration: routers, services, middlewares, transports and TLS, in Traefik v3's words.
//!
//! The structs serialize to the JSON that Traefik's API shows: its key names, its order, empty values left out.

mod http;
mod middleware;
mod middleware_auth;
mod middleware_headers;
mod parse;
mod service;
mod tcp;
mod tls;
mod transport;
mod udp;

pub use http::{Http, Model, Router, RouterObservability, RouterTls};
pub use middleware::{
    AddPrefix, Buffering, Chain, CircuitBreaker, Compress, ContentType, EncodedCharacters,
    ErrorPage, GrpcWeb, HttpCache, HttpCacheMemory, HttpCacheStore, InFlightReq, IpAllowList,
    IpStrategyOptions, IpWhiteList, Middleware, PassTlsClientCert, RateLimit, RateLimitRedis,
    RedirectRegex, RedirectScheme, ReplacePath, ReplacePathRegex, Retry, SourceCriterion,
    StripPrefix, StripPrefixRegex, TlsClientCertificateDn, TlsClientCertificateInfo, WebSocket,
};
pub use middleware_auth::{
    ApiKey, ApiKeyEntry, ApiKeySource, BasicAuth, DigestAuth, ForwardAuth, ForwardAuthTls, Hmac,
    HmacKey, Jwt, JwtClient,
};
pub use middleware_headers::Headers;
pub use parse::{Parsed, examine, from_tree, parse_file, parse_text};
pub use service::{
    Cookie, Failover, FailoverErrors, HighestRandomWeight, LoadBalancer, MirrorService, Mirroring,
    PassiveHealthCheck, ResponseForwarding, Server, ServerHealthCheck, Service, Sticky, Weighted,
    WeightedService,
};
pub use tcp::{
    Tcp, TcpHealthCheck, TcpInFlightConn, TcpIpList, TcpLoadBalancer, TcpMiddleware,
    TcpProxyProtocol, TcpRouter, TcpRouterTls, TcpServer, TcpServersTransport, TcpService,
    TcpTlsClient, TcpWeighted, TcpWeightedService,
};
pub use tls::{
    Certificate, CertificateAndStores, ClientAuth, ClientTls, Domain, GeneratedCert, Tls,
    TlsOptions, TlsStore,
};
pub use transport::{ForwardingTimeouts, PeerCertSan, ServersTransport, Spiffe};
pub use udp::{
    Udp, UdpLoadBalancer, UdpRouter, UdpServer, UdpService, UdpWeighted, UdpWeightedService,
};

use crate::config::decode::Section as _;
use crate::config::object::object;

object! {
    /// The routing configuration of one provider, or of all of them merged.
    pub struct Dynamic {
        /// HTTP routers, services and middlewares.
        http: Option<Http> => "http",
        /// TCP routers, services and middlewares.
        tcp: Option<Tcp> => "tcp" [idle],
        /// UDP routers and services.
        udp: Option<Udp> => "udp" [idle],
        /// Certificates, TLS options and stores.
        tls: Option<Tls> => "tls",
    }
}

/// The type of a service or middleware: the one key below its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    None,
    One(&'static str),
    /// Several types in one object, which Traefik refuses.
    Several,
}

impl Type {
    fn of(keys: &[&'static str]) -> Self {
        match keys {
            [] => Self::None,
            [key] => Self::One(key),
            _ => Self::Several,
        }
    }
}

impl Middleware {
    /// Which middleware it is, for example `addPrefix`.
    pub fn type_of(&self) -> Type {
        Type::of(&self.present())
    }
}

impl Service {
    /// Which service it is, for example `loadBalancer`.
    pub fn type_of(&self) -> Type {
        let keys = self.present();
        Type::of(keys.strip_prefix(&["middlewares"]).unwrap_or(&keys))
    }
}

impl TcpService {
    /// Which service it is, for example `loadBalancer`.
    pub fn type_of(&self) -> Type {
        Type::of(&self.present())
    }
}

impl TcpMiddleware {
    /// Which middleware it is, for example `inFlightConn`.
    pub fn type_of(&self) -> Type {
        Type::of(&self.present())
    }
}

impl UdpService {
    /// Which service it is, for example `loadBalancer`.
    pub fn type_of(&self) -> Type {
        Type::of(&self.present())
    }
}
