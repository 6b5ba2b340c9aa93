//! HTTP services: load balancers and the services that are made of other services.

use std::collections::BTreeMap;

use crate::config::decode::Presence;
use crate::config::object::object;
use crate::types::Duration;

object! {
    /// A service; exactly one of its types is to be set.
    pub struct Service {
        /// Middlewares that run for every router that uses the service.
        middlewares: Vec<String> => "middlewares",
        /// Servers of one kind.
        load_balancer: Option<LoadBalancer> => "loadBalancer",
        /// Services chosen by a hash of the client's address.
        highest_random_weight: Option<HighestRandomWeight> => "highestRandomWeight" [no_label],
        /// Services chosen in turn, by weight.
        weighted: Option<Weighted> => "weighted" [no_label],
        /// One service, and others that get copies of the requests.
        mirroring: Option<Mirroring> => "mirroring" [no_label],
        /// One service, and another for when it fails.
        failover: Option<Failover> => "failover" [no_label],
    }

    /// Servers that requests are distributed to.
    pub struct LoadBalancer {
        /// Keeps a client with a server.
        sticky: Option<Sticky> => "sticky" [empty],
        /// The servers.
        servers: Vec<Server> => "servers" [server],
        /// `wrr`, `p2c`, `hrw` or `leasttime`.
        strategy: String => "strategy" = "wrr".to_owned(),
        /// Probes the servers.
        health_check: Option<ServerHealthCheck> => "healthCheck",
        /// Watches the answers of the servers.
        passive_health_check: Option<PassiveHealthCheck> => "passiveHealthCheck",
        /// Whether servers see the client's Host header; else that of their URL.
        pass_host_header: Option<bool> => "passHostHeader" [always] = Some(true),
        /// How answers are passed on. Accepted and without effect: nothing is held back.
        response_forwarding: Option<ResponseForwarding> => "responseForwarding" = Some(Default::default()),
        /// Name of the transport; empty means `default`.
        servers_transport: String => "serversTransport",
        /// The time in which a server that has just come, or come back, grows to its whole share. Traefik does not have it.
        slow_start: Option<Duration> => "slowStart",
        /// How long the head of an answer may take, retries of this service's middlewares included. Traefik does not have it.
        timeout: Option<Duration> => "timeout",
    }

    /// One server.
    pub struct Server {
        /// `http://`, `https://` or `h2c://` with host and port.
        url: String => "url",
        /// Its share; unset means 1.
        weight: Option<i64> => "weight",
        /// Puts the path of the URL before that of the request.
        preserve_path: bool => "preservePath",
        /// Scheme of the URL made from a container's address; labels only.
        scheme: String => "scheme" [hidden no_file],
        /// Port of the URL made from a container's address; labels only.
        port: String => "port" [hidden no_file],
    }

    /// How answers are passed on.
    pub struct ResponseForwarding {
        /// How long body bytes may wait before they are sent on; negative means not at all. Accepted and without effect.
        flush_interval: Duration => "flushInterval" = Duration::from_millis(100),
    }

    /// Keeps a client with a server.
    pub struct Sticky {
        /// By a cookie.
        cookie: Option<Cookie> => "cookie" [empty],
    }

    /// The cookie of a sticky session.
    pub struct Cookie {
        /// Its name; empty means one made from the service's name.
        name: String => "name",
        /// Only over TLS.
        secure: bool => "secure",
        /// Not for scripts.
        http_only: bool => "httpOnly",
        /// `none`, `lax`, `strict` or empty.
        same_site: String => "sameSite",
        /// Seconds it lives; negative means it ends at once, 0 with the session.
        max_age: i64 => "maxAge",
        /// Paths it is sent to.
        path: Option<String> => "path" = Some("/".to_owned()),
        /// Host it is sent to.
        domain: String => "domain",
    }

    /// Probes the servers of a load balancer.
    pub struct ServerHealthCheck {
        /// Scheme in place of the server's.
        scheme: String => "scheme",
        /// `http` or `grpc`.
        mode: String => "mode" = "http".to_owned(),
        /// Path that is asked for.
        path: String => "path",
        /// Method; empty means GET.
        method: String => "method",
        /// Status that counts as healthy; 0 means any of 200 to 399.
        status: i64 => "status",
        /// Port in place of the server's; 0 means the server's.
        port: i64 => "port",
        /// Between two probes of a healthy server.
        interval: Duration => "interval" = Duration::from_secs(30),
        /// Between two probes of an unhealthy server; unset means `interval`.
        unhealthy_interval: Option<Duration> => "unhealthyInterval",
        /// How long an answer may take.
        timeout: Duration => "timeout" = Duration::from_secs(5),
        /// Host header of the probe.
        hostname: String => "hostname",
        /// Whether a redirection is followed.
        follow_redirects: Option<bool> => "followRedirects" = Some(true),
        /// Headers of the probe.
        headers: BTreeMap<String, String> => "headers",
        /// Probes in a row that must succeed before a server counts as up again. Traefik does not have it.
        healthy_threshold: Option<i64> => "healthyThreshold",
        /// Probes in a row that must fail before a server counts as down. Traefik does not have it.
        unhealthy_threshold: Option<i64> => "unhealthyThreshold",
        /// What a server is taken for until its first probe: `UP`, or `DOWN`, and then it is probed at once. Traefik does not
        /// have it.
        initial_status: String => "initialStatus",
    }

    /// Takes a server out when its answers fail.
    pub struct PassiveHealthCheck {
        /// The time in which failures count, and for which the server stays out.
        failure_window: Duration => "failureWindow" = Duration::from_secs(10),
        /// Failures in that time that take it out.
        max_failed_attempts: i64 => "maxFailedAttempts" = 1,
    }

    /// Services chosen in turn, by weight.
    pub struct Weighted {
        /// The services.
        services: Vec<WeightedService> => "services",
        /// Keeps a client with a service.
        sticky: Option<Sticky> => "sticky",
        /// Passes health on.
        health_check: Option<Presence> => "healthCheck" [empty],
    }

    /// A service and its share.
    pub struct WeightedService {
        /// Its name.
        name: String => "name",
        /// Its share.
        weight: Option<i64> => "weight" = Some(1),
    }

    /// Services chosen by a hash of the client's address.
    pub struct HighestRandomWeight {
        /// The services.
        services: Vec<WeightedService> => "services",
        /// Passes health on.
        health_check: Option<Presence> => "healthCheck" [empty],
    }

    /// One service, and others that get copies of the requests.
    pub struct Mirroring {
        /// The service that answers.
        service: String => "service",
        /// Whether bodies are copied.
        mirror_body: Option<bool> => "mirrorBody" = Some(true),
        /// Longest body that is copied, in bytes; -1 means any.
        max_body_size: Option<i64> => "maxBodySize" = Some(-1),
        /// Who gets copies.
        mirrors: Vec<MirrorService> => "mirrors",
        /// Passes health on.
        health_check: Option<Presence> => "healthCheck" [empty],
    }

    /// A service that gets copies.
    pub struct MirrorService {
        /// Its name.
        name: String => "name",
        /// Of the requests, in percent.
        percent: i64 => "percent",
    }

    /// One service, and another for when it fails.
    pub struct Failover {
        /// The service.
        service: String => "service",
        /// The other one.
        fallback: String => "fallback",
        /// Passes health on.
        health_check: Option<Presence> => "healthCheck" [empty],
        /// Answers that count as failure.
        errors: Option<FailoverErrors> => "errors",
    }

    /// Answers that make a failover.
    pub struct FailoverErrors {
        /// Longest request body that is kept for the second service, in bytes; -1 means any.
        max_request_body_bytes: Option<i64> => "maxRequestBodyBytes" = Some(-1),
        /// Status codes and ranges, for example `500-599`.
        status: Vec<String> => "status",
    }
}
