//! The OpenTelemetry collectors that logs, metrics and traces are sent to.

use std::collections::BTreeMap;

use crate::config::dynamic::ClientTls;
use crate::config::object::object;

object! {
    /// A collector by gRPC.
    pub struct OtlpGrpc {
        /// Sets the gRPC endpoint (host:port) of the collector.
        endpoint: String => "endpoint" = "localhost:4317".to_owned(),
        /// Disables client transport security for the exporter.
        insecure: bool => "insecure",
        /// Defines client transport security parameters.
        tls: Option<ClientTls> => "tls",
        /// Headers sent with payload.
        headers: BTreeMap<String, String> => "headers",
    }

    /// A collector by HTTP.
    pub struct OtlpHttp {
        /// Sets the HTTP endpoint (scheme://host:port/path) of the collector.
        endpoint: String => "endpoint" = "https://localhost:4318".to_owned(),
        /// Defines client transport security parameters.
        tls: Option<ClientTls> => "tls",
        /// Headers sent with payload.
        headers: BTreeMap<String, String> => "headers",
    }

    /// A log by OpenTelemetry.
    pub struct OtlpLog {
        /// Defines the service name resource attribute.
        service_name: String => "serviceName" = "traefik".to_owned(),
        /// Defines additional resource attributes (key:value).
        resource_attributes: BTreeMap<String, String> => "resourceAttributes",
        /// gRPC configuration for the OpenTelemetry collector.
        grpc: Option<OtlpGrpc> => "grpc" [empty],
        /// HTTP configuration for the OpenTelemetry collector.
        http: Option<OtlpHttp> => "http" [empty] = Some(Default::default()),
    }
}
