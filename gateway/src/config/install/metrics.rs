//! Metrics exporters.

use std::collections::BTreeMap;

use super::{OtlpGrpc, OtlpHttp};
use crate::config::object::object;
use crate::types::{Duration, FileOrContent};

object! {
    /// Metrics exporters.
    pub struct Metrics {
        /// Enables metrics for internal services (ping, dashboard, etc...).
        add_internals: bool => "addInternals",
        /// Prometheus metrics exporter type.
        prometheus: Option<Prometheus> => "prometheus" [empty],
        /// Datadog metrics exporter type.
        datadog: Option<Datadog> => "datadog" [empty idle],
        /// StatsD metrics exporter type.
        statsd: Option<StatsD> => "statsD" [empty idle],
        /// InfluxDB v2 metrics exporter type.
        influxdb2: Option<InfluxDb2> => "influxDB2" [empty idle],
        /// OpenTelemetry metrics exporter type.
        otlp: Option<OtlpMetrics> => "otlp" [empty idle],
    }

    /// Metrics that Prometheus fetches.
    pub struct Prometheus {
        /// Buckets for latency metrics.
        buckets: Vec<f64> => "buckets" = vec![0.1, 0.3, 1.2, 5.0],
        /// Enable metrics on entry points.
        add_entry_points_labels: bool => "addEntryPointsLabels" = true,
        /// Enable metrics on routers.
        add_routers_labels: bool => "addRoutersLabels",
        /// Enable metrics on services.
        add_services_labels: bool => "addServicesLabels" = true,
        /// EntryPoint
        entry_point: String => "entryPoint" = super::INTERNAL_ENTRY_POINT.to_owned(),
        /// Manual routing
        manual_routing: bool => "manualRouting",
        /// Defines the extra labels for the requests_total metrics, and for each of them, the request header containing the value for this label.
        header_labels: BTreeMap<String, String> => "headerLabels",
    }

    /// Metrics sent to Datadog.
    pub struct Datadog {
        /// Datadog's address.
        address: String => "address" = "localhost:8125".to_owned(),
        /// Datadog push interval.
        push_interval: Duration => "pushInterval" = Duration::from_secs(10),
        /// Enable metrics on entry points.
        add_entry_points_labels: bool => "addEntryPointsLabels" = true,
        /// Enable metrics on routers.
        add_routers_labels: bool => "addRoutersLabels",
        /// Enable metrics on services.
        add_services_labels: bool => "addServicesLabels" = true,
        /// Prefix to use for metrics collection.
        prefix: String => "prefix" = "traefik".to_owned(),
    }

    /// Metrics sent to StatsD.
    pub struct StatsD {
        /// StatsD address.
        address: String => "address" = "localhost:8125".to_owned(),
        /// StatsD push interval.
        push_interval: Duration => "pushInterval" = Duration::from_secs(10),
        /// Enable metrics on entry points.
        add_entry_points_labels: bool => "addEntryPointsLabels" = true,
        /// Enable metrics on routers.
        add_routers_labels: bool => "addRoutersLabels",
        /// Enable metrics on services.
        add_services_labels: bool => "addServicesLabels" = true,
        /// Prefix to use for metrics collection.
        prefix: String => "prefix" = "traefik".to_owned(),
    }

    /// Metrics sent to InfluxDB v2.
    pub struct InfluxDb2 {
        /// InfluxDB v2 address.
        address: String => "address" = "http://localhost:8086".to_owned(),
        /// InfluxDB v2 access token.
        token: FileOrContent => "token" [hidden],
        /// InfluxDB v2 push interval.
        push_interval: Duration => "pushInterval" = Duration::from_secs(10),
        /// InfluxDB v2 org ID.
        org: String => "org",
        /// InfluxDB v2 bucket ID.
        bucket: String => "bucket",
        /// Enable metrics on entry points.
        add_entry_points_labels: bool => "addEntryPointsLabels" = true,
        /// Enable metrics on routers.
        add_routers_labels: bool => "addRoutersLabels",
        /// Enable metrics on services.
        add_services_labels: bool => "addServicesLabels" = true,
        /// Additional labels (influxdb tags) on all metrics
        additional_labels: BTreeMap<String, String> => "additionalLabels",
    }

    /// Metrics sent by OpenTelemetry.
    pub struct OtlpMetrics {
        /// gRPC configuration for the OpenTelemetry collector.
        grpc: Option<OtlpGrpc> => "grpc" [empty],
        /// HTTP configuration for the OpenTelemetry collector.
        http: Option<OtlpHttp> => "http" [empty] = Some(Default::default()),
        /// Enable metrics on entry points.
        add_entry_points_labels: bool => "addEntryPointsLabels" = true,
        /// Enable metrics on routers.
        add_routers_labels: bool => "addRoutersLabels",
        /// Enable metrics on services.
        add_services_labels: bool => "addServicesLabels" = true,
        /// Boundaries for latency metrics.
        explicit_boundaries: Vec<f64> => "explicitBoundaries"
            = vec![0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
        /// Period between calls to collect a checkpoint.
        push_interval: Duration => "pushInterval" = Duration::from_secs(10),
        /// Defines the service name resource attribute.
        service_name: String => "serviceName" = "traefik".to_owned(),
        /// Defines additional resource attributes (key:value).
        resource_attributes: BTreeMap<String, String> => "resourceAttributes",
    }
}
