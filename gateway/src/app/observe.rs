//! Where requests are recorded: metrics and access log as the install configuration wants them.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use http::HeaderName;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::dynamic::LoadBalancer;
use crate::config::install::{AccessLog as LogConfig, Install, Prometheus};
use crate::observe::Observer;
use crate::observe::access::{AccessLog, Fields, Filters, Format, Headers, Options};
use crate::observe::metrics::{CertificateExpiry, Metrics, Options as MetricsOptions, ServerUp};
use crate::runtime::Report;
use crate::types::StatusRanges;

/// Opens what is configured.
pub(super) fn open(install: &Install, workers: usize) -> anyhow::Result<Observer> {
    let metrics = install.metrics.as_ref();
    let prometheus = metrics.and_then(|metrics| metrics.prometheus.as_ref());
    let access_log = match &install.access_log {
        Some(config) => Some(access_log(config, workers)?),
        None => None,
    };
    Ok(Observer {
        metrics: prometheus.map(|config| Arc::new(Metrics::new(options(config), workers))),
        access_log: access_log.map(Arc::new),
        count_internals: metrics.is_some_and(|metrics| metrics.add_internals),
        log_internals: install
            .access_log
            .as_ref()
            .is_some_and(|config| config.add_internals),
        workers,
    })
}

fn options(config: &Prometheus) -> MetricsOptions {
    let header_labels = config.header_labels.iter().filter_map(|(label, header)| {
        match HeaderName::try_from(header.as_str()) {
            Ok(name) => Some((label.clone(), name)),
            Err(_) => {
                tracing::error!(%label, %header, "metrics.prometheus.headerLabels: no header is called that; the label is left out");
                None
            }
        }
    });
    MetricsOptions {
        entry_points: config.add_entry_points_labels,
        routers: config.add_routers_labels,
        services: config.add_services_labels,
        buckets: config.buckets.clone(),
        header_labels: header_labels.collect(),
    }
}

fn access_log(config: &LogConfig, workers: usize) -> anyhow::Result<AccessLog> {
    let format = match config.format.as_str() {
        "common" => Format::Common,
        "genericCLF" => Format::GenericClf,
        "json" => Format::Json,
        other => {
            tracing::error!(
                "Unsupported access log format: {other:?}, defaulting to common format instead."
            );
            Format::Common
        }
    };
    let status_codes = StatusRanges::parse(&config.filters.status_codes).unwrap_or_else(|error| {
        tracing::error!(%error, "accessLog.filters.statusCodes has no effect");
        StatusRanges::default()
    });
    let fields = &config.fields;
    let options = Options {
        path: (!config.file_path.is_empty()).then(|| PathBuf::from(&config.file_path)),
        format,
        fields: Fields::new(&fields.default_mode, &fields.names),
        headers: Headers::new(&fields.headers.default_mode, &fields.headers.names),
        keep_query: fields.query_parameters.default_mode != "drop",
        filters: Filters {
            status_codes,
            retry_attempts: config.filters.retry_attempts,
            min_duration: config.filters.min_duration.limit(),
        },
    };
    AccessLog::open(options, workers)
        .with_context(|| format!("cannot open the access log {:?}", config.file_path))
}

/// Tells the metrics what is in force.
pub(super) fn report(observer: &Observer, report: &Report) {
    let Some(metrics) = &observer.metrics else {
        return;
    };
    metrics.reloaded(
        report.routers.keys().cloned().collect(),
        report.services.keys().cloned().collect(),
    );
    let certificates = report
        .certificates
        .iter()
        .map(|certificate| CertificateExpiry {
            common_name: certificate.common_name.clone(),
            alternative_names: certificate.dns_names.join(","),
            serial: certificate.serial.clone(),
            not_after: certificate.not_after,
        });
    metrics.set_certificates(certificates.collect());
    let mut servers = Vec::new();
    for (name, service) in &report.services {
        let balancer = service.config.load_balancer.as_ref();
        let watched = |balancer: &LoadBalancer| {
            balancer.health_check.is_some() || balancer.passive_health_check.is_some()
        };
        if balancer.is_some_and(watched) {
            servers.extend(service.state.servers.iter().map(|(url, up)| ServerUp {
                service: name.clone(),
                url: url.clone(),
                up: Arc::clone(up),
            }));
        }
    }
    metrics.set_servers(servers);
}

/// Opens the log files again whenever SIGUSR1 comes, after someone moved them away.
pub(super) async fn reopen_on_signal(observer: Observer) {
    let mut asked = match signal(SignalKind::user_defined1()) {
        Ok(asked) => asked,
        Err(error) => {
            tracing::error!(%error, "cannot wait for SIGUSR1; log files are not opened again");
            return;
        }
    };
    while asked.recv().await.is_some() {
        super::log::reopen();
        if let Some(log) = &observer.access_log {
            log.reopen();
        }
        tracing::info!("SIGUSR1: log files opened again");
    }
}
