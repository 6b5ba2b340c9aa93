//! The routing configuration that follows from the install configuration: API, ping, metrics, redirections of entry
//! points (Traefik's provider `internal`).

use crate::config::dynamic::{
    Dynamic, ForwardingTimeouts, Http, Middleware, RedirectRegex, RedirectScheme, Router,
    ServersTransport, Service, StripPrefix,
};
use crate::config::install::{INTERNAL_ENTRY_POINT, Install, RedirectEntryPoint};

/// The configuration of the provider `internal`.
pub fn configuration(install: &Install) -> Dynamic {
    let mut http = Http::default();
    http.services.insert("noop".to_owned(), Service::default());
    api(install, &mut http);
    ping(install, &mut http);
    prometheus(install, &mut http);
    for (name, entry) in &install.entry_points {
        let redirection = entry.http.redirections.as_ref();
        if let Some(redirection) =
            redirection.and_then(|redirections| redirections.entry_point.as_ref())
        {
            redirect(install, &mut http, name, redirection);
        }
    }
    http.servers_transports
        .insert("default".to_owned(), transport(install));
    Dynamic {
        http: Some(http),
        ..Dynamic::default()
    }
}

/// A router of ours. They are tried before all others.
fn router(rule: &str, service: &str, priority: i64) -> Router {
    Router {
        entry_points: vec![INTERNAL_ENTRY_POINT.to_owned()],
        service: format!("{service}@internal"),
        rule: rule.to_owned(),
        rule_syntax: "default".to_owned(),
        priority,
        ..Router::default()
    }
}

fn api(install: &Install, http: &mut Http) {
    let Some(api) = &install.api else { return };
    http.services.insert("api".to_owned(), Service::default());
    let base = api.base_path.trim_end_matches('/');
    if api.insecure {
        let rule = format!("PathPrefix(`{base}/api`)");
        http.routers
            .insert("api".to_owned(), router(&rule, "api", i64::MAX - 1));
        if api.debug {
            let rule = format!("PathPrefix(`{base}/debug`)");
            http.routers
                .insert("debug".to_owned(), router(&rule, "api", i64::MAX - 1));
        }
    }
    if !api.dashboard {
        return;
    }
    http.services
        .insert("dashboard".to_owned(), Service::default());
    if !api.insecure {
        return;
    }
    let mut dashboard = router(
        &format!("PathPrefix(`{}/`)", base),
        "dashboard",
        i64::MAX - 2,
    );
    dashboard.middlewares = vec![
        "dashboard_redirect@internal".to_owned(),
        "dashboard_stripprefix@internal".to_owned(),
    ];
    http.routers.insert("dashboard".to_owned(), dashboard);
    let redirect = RedirectRegex {
        regex: r"^(http:\/\/(\[[\w:.]+\]|[\w\._-]+)(:\d+)?)\/$".to_owned(),
        replacement: "${1}/dashboard/".to_owned(),
        permanent: true,
    };
    let middleware = Middleware {
        redirect_regex: Some(redirect),
        ..Middleware::default()
    };
    http.middlewares
        .insert("dashboard_redirect".to_owned(), middleware);
    let strip = StripPrefix {
        prefixes: vec!["/dashboard/".to_owned(), "/dashboard".to_owned()],
        ..StripPrefix::default()
    };
    let middleware = Middleware {
        strip_prefix: Some(strip),
        ..Middleware::default()
    };
    http.middlewares
        .insert("dashboard_stripprefix".to_owned(), middleware);
}

fn ping(install: &Install, http: &mut Http) {
    let Some(ping) = &install.ping else { return };
    http.services.insert("ping".to_owned(), Service::default());
    if !ping.manual_routing {
        let mut router = router("PathPrefix(`/ping`)", "ping", i64::MAX);
        router.entry_points = vec![ping.entry_point.clone()];
        http.routers.insert("ping".to_owned(), router);
    }
}

fn prometheus(install: &Install, http: &mut Http) {
    let Some(prometheus) = install
        .metrics
        .as_ref()
        .and_then(|metrics| metrics.prometheus.as_ref())
    else {
        return;
    };
    http.services
        .insert("prometheus".to_owned(), Service::default());
    if !prometheus.manual_routing {
        let mut router = router("PathPrefix(`/metrics`)", "prometheus", i64::MAX);
        router.entry_points = vec![prometheus.entry_point.clone()];
        http.routers.insert("prometheus".to_owned(), router);
    }
}

/// Everything on one entry point is sent to another; nothing where it cannot be said where to.
fn redirect(install: &Install, http: &mut Http, from: &str, to: &RedirectEntryPoint) {
    // One that leads nowhere is left out, and was named when the install configuration was checked.
    let Some(port) = install.redirection_port(to) else {
        return;
    };
    let label = to.to.trim_start_matches(':');
    let name = format!("redirect-{from}-to-{label}");
    let scheme = RedirectScheme {
        scheme: to.scheme.clone(),
        port,
        permanent: to.permanent,
    };
    let middleware = Middleware {
        redirect_scheme: Some(scheme),
        ..Middleware::default()
    };
    let middleware_name = format!("redirect-{}", name.trim_start_matches("redirect-"));
    http.middlewares.insert(middleware_name.clone(), middleware);
    // Custom routers answer the challenges of authorities, which ask over plain HTTP.
    let spares_challenges = install
        .entry_points
        .get(from)
        .is_some_and(|entry| entry.allow_acme_by_pass);
    let rule = if spares_challenges {
        "HostRegexp(`^.+$`) && !PathPrefix(`/.well-known/acme-challenge/`)"
    } else {
        "HostRegexp(`^.+$`)"
    };
    let mut router = router(rule, "noop", to.priority);
    router.entry_points = vec![from.to_owned()];
    router.middlewares = vec![format!("{middleware_name}@internal")];
    http.routers.insert(format!("{from}-to-{label}"), router);
}

fn transport(install: &Install) -> ServersTransport {
    let Some(config) = &install.servers_transport else {
        return ServersTransport::default();
    };
    ServersTransport {
        insecure_skip_verify: config.insecure_skip_verify,
        root_cas: config.root_cas.clone(),
        max_idle_conns_per_host: config.max_idle_conns_per_host,
        forwarding_timeouts: config.forwarding_timeouts.as_ref().map(|timeouts| {
            ForwardingTimeouts {
                dial_timeout: timeouts.dial_timeout,
                response_header_timeout: timeouts.response_header_timeout,
                idle_conn_timeout: timeouts.idle_conn_timeout,
                ..ForwardingTimeouts::default()
            }
        }),
        spiffe: config.spiffe.clone(),
        ..ServersTransport::default()
    }
}
