//! `/api/overview`: how many objects there are, how many are wrong, and what is switched on.

use serde::Serialize;

use crate::config::install::Install;
use crate::runtime::{Report, Section, Status};

#[derive(Serialize)]
struct Count {
    total: usize,
    warnings: usize,
    errors: usize,
}

#[derive(Serialize)]
struct Scheme {
    routers: Count,
    services: Count,
    #[serde(skip_serializing_if = "Option::is_none")]
    middlewares: Option<Count>,
}

#[derive(Serialize)]
struct Features {
    tracing: &'static str,
    metrics: &'static str,
    #[serde(rename = "accessLog")]
    access_log: bool,
}

/// See the module.
#[derive(Serialize)]
pub(super) struct Overview {
    http: Scheme,
    tcp: Scheme,
    udp: Scheme,
    certificates: Count,
    features: Features,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    providers: Vec<&'static str>,
}

impl Overview {
    pub(super) fn new(report: &Report, install: &Install, now: i64) -> Self {
        let status = |wanted| {
            let certificates = report.certificates.iter();
            certificates
                .filter(|certificate| super::certificates::status(certificate, now) == wanted)
                .count()
        };
        Self {
            http: Scheme {
                routers: count(&report.routers),
                services: count(&report.services),
                middlewares: Some(count(&report.middlewares)),
            },
            tcp: Scheme {
                routers: count(&report.tcp_routers),
                services: count(&report.tcp_services),
                middlewares: Some(count(&report.tcp_middlewares)),
            },
            udp: Scheme {
                routers: count(&report.udp_routers),
                services: count(&report.udp_services),
                middlewares: None,
            },
            certificates: Count {
                total: report.certificates.len(),
                warnings: status("warning"),
                errors: status("expired"),
            },
            features: features(install),
            providers: providers(install),
        }
    }
}

fn count<T>(section: &Section<T>) -> Count {
    let with = |status| {
        let objects = section.values();
        objects
            .filter(|object| object.state.status == status)
            .count()
    };
    Count {
        total: section.len(),
        warnings: with(Status::Warning),
        errors: with(Status::Disabled),
    }
}

/// Traefik's names of the kinds, in its order; the first that is switched on is shown.
fn features(install: &Install) -> Features {
    let metrics = install.metrics.as_ref().map_or("", |metrics| {
        let kinds = [
            (metrics.prometheus.is_some(), "Prometheus"),
            (metrics.datadog.is_some(), "Datadog"),
            (metrics.statsd.is_some(), "StatsD"),
            (metrics.influxdb2.is_some(), "InfluxDB2"),
            (metrics.otlp.is_some(), "OTLP"),
        ];
        let on = kinds.iter().find(|(on, _)| *on);
        on.map_or("", |(_, name)| name)
    });
    let tracing =
        install.tracing.as_ref().map_or(
            "",
            |tracing| {
                if tracing.otlp.is_some() { "OTLP" } else { "" }
            },
        );
    Features {
        tracing,
        metrics,
        access_log: install.access_log.is_some(),
    }
}

fn providers(install: &Install) -> Vec<&'static str> {
    let providers = &install.providers;
    [
        (providers.docker.is_some(), "Docker"),
        (providers.swarm.is_some(), "Swarm"),
        (providers.file.is_some(), "File"),
        (providers.rest.is_some(), "Rest"),
        (providers.redis.is_some(), "Redis"),
        (providers.http.is_some(), "HTTP"),
    ]
    .into_iter()
    .filter_map(|(on, name)| on.then_some(name))
    .collect()
}
