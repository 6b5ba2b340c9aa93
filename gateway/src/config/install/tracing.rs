//! Traces.

use std::collections::BTreeMap;

use super::{OtlpGrpc, OtlpHttp};
use crate::config::object::object;

object! {
    /// Traces by OpenTelemetry.
    pub struct Tracing {
        /// Defines the service name resource attribute.
        service_name: String => "serviceName" = "traefik".to_owned(),
        /// Defines additional resource attributes (key:value).
        resource_attributes: BTreeMap<String, String> => "resourceAttributes",
        /// Request headers to add as attributes for server and client spans.
        captured_request_headers: Vec<String> => "capturedRequestHeaders",
        /// Response headers to add as attributes for server and client spans.
        captured_response_headers: Vec<String> => "capturedResponseHeaders",
        /// Query params to not redact.
        safe_query_params: Vec<String> => "safeQueryParams",
        /// Sets the rate between 0.0 and 1.0 of requests to trace.
        sample_rate: f64 => "sampleRate" = 1.0,
        /// Enables tracing for internal services (ping, dashboard, etc...).
        add_internals: bool => "addInternals",
        /// Settings for OpenTelemetry.
        otlp: Option<OtlpTracing> => "otlp" [empty] = Some(Default::default()),
        /// Deprecated: use resourceAttributes instead.
        global_attributes: BTreeMap<String, String> => "globalAttributes",
    }

    /// The collector of traces.
    pub struct OtlpTracing {
        /// gRPC configuration for the OpenTelemetry collector.
        grpc: Option<OtlpGrpc> => "grpc" [empty],
        /// HTTP configuration for the OpenTelemetry collector.
        http: Option<OtlpHttp> => "http" [empty] = Some(Default::default()),
    }
}
