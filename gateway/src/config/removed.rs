//! Options of Traefik v2 that v3 removed, with what to write instead.

/// What to do about a key that existed in v2; `parent` is the dotted path of the section it was found in.
pub(super) fn hint(parent: &str, key: &str) -> Option<&'static str> {
    let parent = parent.to_ascii_lowercase();
    let key = key.to_ascii_lowercase();
    let hint = match (parent.as_str(), key.as_str()) {
        ("", "pilot") => "Pilot was removed in v3; remove the section",
        ("experimental", "http3") => {
            "HTTP/3 is no longer experimental; use entryPoints.<name>.http3 alone"
        }
        ("experimental", "hub") => "Hub was removed from experimental; remove the option",
        ("metrics", "influxdb") => "InfluxDB v1 was removed in v3; use metrics.influxDB2",
        (
            "tracing",
            "jaeger" | "zipkin" | "datadog" | "instana" | "haystack" | "elastic" | "opentelemetry",
        ) => "v3 speaks OpenTelemetry only; use tracing.otlp",
        ("tracing", "spannamelimit") => "removed in v3; remove the option",
        ("providers.docker", "swarmmode") => "removed in v3; use providers.swarm",
        ("providers", "marathon" | "rancher") => "this provider was removed in v3",
        (_, "caoptional") => "removed in v3; remove the option",
        ("providers.kubernetesingress", "allowemptyservices") => return None,
        ("providers.consul" | "providers.consulcatalog" | "providers.nomad", "namespace") => {
            "removed in v3; use namespaces"
        }
        _ => return None,
    };
    Some(hint)
}
