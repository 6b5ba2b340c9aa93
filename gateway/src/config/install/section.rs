//! The small sections: global, api, ping, core, host resolver, OCSP, experimental.

use std::collections::BTreeMap;

use crate::config::decode::Anything;
use crate::config::object::object;

object! {
    /// Global options.
    pub struct Global {
        /// Periodically check if a new version has been released. Accepted and without effect.
        check_new_version: bool => "checkNewVersion" [empty] = true,
        /// Periodically send anonymous usage statistics. Accepted and without effect.
        send_anonymous_usage: bool => "sendAnonymousUsage" [empty],
        /// Disable appending RemoteAddr to X-Forwarded-For header.
        not_append_x_forwarded_for: bool => "notAppendXForwardedFor" [empty],
    }

    /// The API and the dashboard.
    pub struct Api {
        /// Defines the base path where the API and Dashboard will be exposed.
        base_path: String => "basePath" = "/".to_owned(),
        /// Activate API directly on the entryPoint named traefik.
        insecure: bool => "insecure",
        /// Activate dashboard.
        dashboard: bool => "dashboard" = true,
        /// Enable additional endpoints for debugging and profiling.
        debug: bool => "debug",
        /// Disable ad in the dashboard. Accepted and without effect.
        disable_dashboard_ad: bool => "disableDashboardAd",
        /// Custom name for the dashboard.
        dashboard_name: String => "dashboardName",
    }

    /// The health page of the gateway itself.
    pub struct Ping {
        /// EntryPoint
        entry_point: String => "entryPoint" = super::INTERNAL_ENTRY_POINT.to_owned(),
        /// Manual routing
        manual_routing: bool => "manualRouting",
        /// Terminating status code
        terminating_status_code: i64 => "terminatingStatusCode" = 503,
    }

    /// Core controls.
    pub struct Core {
        /// Defines the rule parser default syntax (v2 or v3)
        default_rule_syntax: String => "defaultRuleSyntax" = "v3".to_owned(),
    }

    /// SPIFFE workload API.
    pub struct SpiffeClient {
        /// Defines the workload API address.
        workload_api_addr: String => "workloadAPIAddr",
    }

    /// CNAME flattening of hosts in rules.
    pub struct HostResolver {
        /// A flag to enable/disable CNAME flattening
        cname_flattening: bool => "cnameFlattening",
        /// resolv.conf used for DNS resolving
        resolv_config: String => "resolvConfig" = "/etc/resolv.conf".to_owned(),
        /// The maximal depth of DNS recursive resolving
        resolv_depth: i64 => "resolvDepth" = 5,
    }

    /// OCSP stapling.
    pub struct Ocsp {
        /// Defines a map of OCSP responders to replace for querying OCSP servers.
        responder_overrides: BTreeMap<String, String> => "responderOverrides",
    }

    /// Experimental features.
    pub struct Experimental {
        /// Plugins configuration.
        plugins: BTreeMap<String, Anything> => "plugins" [later],
        /// Local plugins configuration.
        local_plugins: BTreeMap<String, Anything> => "localPlugins" [later],
        /// Defines whether all plugins must be loaded successfully to start.
        abort_on_plugin_failure: bool => "abortOnPluginFailure" [later],
        /// Enables the FastProxy implementation. Accepted: there is one implementation, and it is fast.
        fast_proxy: Option<FastProxy> => "fastProxy" [empty],
        /// Enables the OpenTelemetry logs integration.
        otlp_logs: bool => "otlplogs" [idle],
        /// Allow the Knative provider usage.
        knative: bool => "knative" [later],
        /// Allow the Kubernetes Ingress NGINX provider usage.
        kubernetes_ingress_nginx: bool => "kubernetesIngressNGINX" [later],
        /// Allow the Kubernetes gateway api provider usage.
        kubernetes_gateway: bool => "kubernetesGateway" [later],
    }

    /// The fast proxy.
    pub struct FastProxy {
        /// Enable debug mode for the FastProxy implementation: tells servers by a header which implementation was used.
        debug: bool => "debug",
    }
}
