//! HTTP routers and the section that holds everything of the HTTP layer.

use std::collections::BTreeMap;

use super::{Domain, Middleware, ServersTransport, Service};
use crate::config::object::object;
use crate::types::Duration;

object! {
    /// Everything of the HTTP layer.
    pub struct Http {
        /// Routers by name.
        routers: BTreeMap<String, Router> => "routers",
        /// Services by name.
        services: BTreeMap<String, Service> => "services",
        /// Middlewares by name.
        middlewares: BTreeMap<String, Middleware> => "middlewares",
        /// Defaults of entry points, by entry point name. Made from the install configuration.
        models: BTreeMap<String, Model> => "models",
        /// Transports towards servers, by name.
        servers_transports: BTreeMap<String, ServersTransport> => "serversTransports" [no_label],
    }

    /// What an entry point adds to the routers that use it.
    pub struct Model {
        /// Middlewares that run before those of the router.
        middlewares: Vec<String> => "middlewares",
        /// TLS for routers that have none of their own.
        tls: Option<RouterTls> => "tls" [empty],
        /// What of the routers' traffic is recorded, where they do not say it themselves.
        observability: RouterObservability => "observability" [empty] = RouterObservability::unset(),
        /// Rule syntax of routers that name none: `v3` or `v2`.
        default_rule_syntax: String => "defaultRuleSyntax" [hidden no_file no_label],
    }

    /// Which requests go to which service.
    pub struct Router {
        /// Entry points it listens on; empty means the default ones.
        entry_points: Vec<String> => "entryPoints",
        /// Middlewares in their order, by name.
        middlewares: Vec<String> => "middlewares",
        /// The service, by name.
        service: String => "service",
        /// The rule, for example ``Host(`example.com`)``.
        rule: String => "rule",
        /// Parent routers, by name, whose requests this router divides further.
        parent_refs: Vec<String> => "parentRefs" [no_label],
        /// `v3` or `v2`; deprecated.
        rule_syntax: String => "ruleSyntax",
        /// Higher is tried first; 0 means the length of the rule.
        priority: i64 => "priority",
        /// Answers only TLS connections if present.
        tls: Option<RouterTls> => "tls" [empty],
        /// What of its traffic is recorded.
        observability: Option<RouterObservability> => "observability",
        /// How long the head of an answer may take, middlewares included. Traefik does not have it.
        timeout: Option<Duration> => "timeout",
    }

    /// TLS of a router.
    pub struct RouterTls {
        /// Name of the TLS options; empty means `default`.
        options: String => "options",
        /// Name of the certificate resolver.
        cert_resolver: String => "certResolver",
        /// Domains the certificate is asked for; empty means those of the rule.
        domains: Vec<Domain> => "domains",
    }

    /// What of a router's traffic is recorded. Unset values are taken from the entry point.
    pub struct RouterObservability {
        /// Access log.
        access_logs: Option<bool> => "accessLogs",
        /// Metrics.
        metrics: Option<bool> => "metrics",
        /// Traces.
        tracing: Option<bool> => "tracing",
        /// `minimal` or `detailed`.
        trace_verbosity: String => "traceVerbosity" = "minimal".to_owned(),
    }
}

impl RouterObservability {
    /// Nothing said, not even the verbosity.
    pub fn unset() -> Self {
        Self {
            access_logs: None,
            metrics: None,
            tracing: None,
            trace_verbosity: String::new(),
        }
    }
}
