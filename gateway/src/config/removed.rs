//! Options that are not, or no longer, there: what to write instead, or why they are left out.

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
        ("providers.docker", "swarmmoderefreshseconds") => {
            "removed in v3; use providers.swarm.refreshSeconds"
        }
        ("api", "entrypoint" | "address") => {
            "removed; `insecure: true` serves it on the entry point `traefik`, or route to api@internal"
        }
        ("providers", "marathon" | "rancher") => "this provider was removed in v3",
        (_, "caoptional") => "removed in v3; remove the option",
        ("providers.kubernetesingress", "allowemptyservices") => return None,
        ("providers.consul" | "providers.consulcatalog" | "providers.nomad", "namespace") => {
            "removed in v3; use namespaces"
        }
        (parent, key) => return named(parent, key),
    };
    Some(hint)
}

/// The same for sections below a free name.
fn named(parent: &str, key: &str) -> Option<&'static str> {
    let (entry_point, middleware) = (
        is_below("entrypoints", parent),
        is_below("http.middlewares", parent),
    );
    let hint = match key {
        // Traefik v1.
        "redirect" if entry_point => "use http.redirections.entryPoint with `to` and `scheme`",
        "tls" if entry_point => "use http.tls, and tls.certificates of the routing configuration",
        "compress" if entry_point => "use a compress middleware, and name it in http.middlewares",
        "whitelist" if entry_point => {
            "use an ipAllowList middleware, and name it in http.middlewares"
        }
        "auth" if entry_point => "use a basicAuth middleware, and name it in http.middlewares",
        "middlewares" | "redirections" | "encodequerysemicolons" | "sanitizepath"
            if entry_point =>
        {
            "it belongs one level deeper, below `http`"
        }
        "lifecycle" | "respondingtimeouts" | "keepalivemaxtime" | "keepalivemaxrequests"
            if entry_point =>
        {
            "it belongs one level deeper, below `transport`"
        }
        "trustedips" | "insecure" if entry_point => {
            "it belongs one level deeper, below `forwardedHeaders` or `proxyProtocol`"
        }
        "sslredirect" | "ssltemporaryredirect" | "sslhost" | "sslforcehost" => {
            "removed in v3; use a redirectScheme middleware or redirections of the entry point"
        }
        "featurepolicy" => "removed in v3; use permissionsPolicy",
        "certresolver" | "options" | "domains" if is_below("http.routers", parent) => {
            "it belongs one level deeper, below `tls`"
        }
        "tls" if parent == "http" => "`tls` is a section of its own, beside `http`",
        "ipwhitelist" if !middleware => "renamed; use ipAllowList",
        "whitelist" => "renamed; use ipAllowList",
        "digest" if middleware => "use digestAuth",
        "basic" if middleware => "use basicAuth",
        "forward" if middleware => "use forwardAuth",
        "redirect" if middleware => "use redirectScheme or redirectRegex",
        _ => return None,
    };
    Some(hint)
}

/// Whether `path` is `section` and one name.
fn is_below(section: &str, path: &str) -> bool {
    path.strip_prefix(section)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|name| !name.is_empty() && !name.contains('.'))
}

/// Where a top-level section of Traefik v1 went.
pub(super) fn moved(section: &str) -> Option<&'static str> {
    let now = match section.to_ascii_lowercase().as_str() {
        "backends" => "http.services",
        "frontends" => "http.routers",
        "acme" => "certificatesResolvers.<name>.acme",
        "docker" | "file" | "rest" | "consul" | "etcd" | "redis" | "kubernetes" | "ecs" => {
            "a section of `providers`"
        }
        "web" => "api, ping and metrics",
        "loglevel" | "traefiklog" | "debug" => "log.level",
        "traefiklogsfile" => "log.filePath",
        "accesslogsfile" => "accessLog.filePath",
        "defaultentrypoints" => "entryPoints.<name>.asDefault",
        "checknewversion" | "sendanonymoususage" => "a key of `global`",
        "insecureskipverify" | "rootcas" | "maxidleconnsperhost" | "forwardingtimeouts" => {
            "a key of `serversTransport`"
        }
        "respondingtimeouts" | "lifecycle" | "gracetimeout" => {
            "a key of entryPoints.<name>.transport"
        }
        "providersthrottleduration" => "providers.providersThrottleDuration",
        "middlewares" | "routers" | "services" | "serverstransports" => "a section of `http`",
        "certificates" => "tls.certificates",
        "options" | "stores" => "a section of `tls`",
        _ => return None,
    };
    Some(now)
}

/// Why a known option is not supported.
pub(super) fn unsupported(path: &str) -> &'static str {
    let path = path.to_ascii_lowercase();
    match path.split('.').collect::<Vec<_>>().as_slice() {
        ["providers", "plugin", ..] | ["experimental", "plugins" | "localplugins", ..] => {
            "plugins are Go programs, and this gateway runs none"
        }
        ["experimental", "abortonpluginfailure"] => {
            "plugins are Go programs, and this gateway runs none"
        }
        ["providers", ..] | ["experimental", ..] => {
            "this gateway does not have the provider; the others are served"
        }
        ["spiffe", ..] => "this gateway asks no SPIFFE workload API for identities",
        _ => "this gateway does not have it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_below_free_names() {
        let said = |parent, key| hint(parent, key).unwrap_or_default();
        assert!(said("entryPoints.web", "redirect").contains("redirections"));
        assert!(said("entryPoints.web", "middlewares").contains("below `http`"));
        assert!(said("http.middlewares.m.headers", "sslRedirect").contains("redirectScheme"));
        assert_eq!(hint("entryPoints.web.http", "middlewares"), None);
        assert_eq!(hint("http.routers.r", "rule"), None);
    }
}
