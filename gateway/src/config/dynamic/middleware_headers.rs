//! The `headers` middleware: own headers, CORS, security headers.

use std::collections::BTreeMap;

use crate::config::object::object;

object! {
    /// Adds and removes headers.
    pub struct Headers {
        /// Request headers; an empty value removes.
        custom_request_headers: BTreeMap<String, String> => "customRequestHeaders",
        /// Response headers; an empty value removes.
        custom_response_headers: BTreeMap<String, String> => "customResponseHeaders",
        /// CORS: credentials.
        access_control_allow_credentials: bool => "accessControlAllowCredentials",
        /// CORS: headers of requests.
        access_control_allow_headers: Vec<String> => "accessControlAllowHeaders",
        /// CORS: methods.
        access_control_allow_methods: Vec<String> => "accessControlAllowMethods",
        /// CORS: origins.
        access_control_allow_origin_list: Vec<String> => "accessControlAllowOriginList",
        /// CORS: origins by expressions.
        access_control_allow_origin_list_regex: Vec<String> => "accessControlAllowOriginListRegex",
        /// CORS: headers of answers that scripts may see.
        access_control_expose_headers: Vec<String> => "accessControlExposeHeaders",
        /// CORS: seconds a preflight answer holds.
        access_control_max_age: Option<i64> => "accessControlMaxAge",
        /// Adds `Vary: Origin`.
        add_vary_header: bool => "addVaryHeader",
        /// Hosts that may be asked for; others get 400.
        allowed_hosts: Vec<String> => "allowedHosts",
        /// Headers that may hold the host.
        hosts_proxy_headers: Vec<String> => "hostsProxyHeaders",
        /// Header values that mean TLS.
        ssl_proxy_headers: BTreeMap<String, String> => "sslProxyHeaders",
        /// `max-age` of Strict-Transport-Security; 0 removes it.
        sts_seconds: Option<i64> => "stsSeconds",
        /// `includeSubDomains` of it.
        sts_include_subdomains: bool => "stsIncludeSubdomains",
        /// `preload` of it.
        sts_preload: bool => "stsPreload",
        /// Also without TLS.
        force_sts_header: bool => "forceSTSHeader",
        /// `X-Frame-Options: DENY`.
        frame_deny: bool => "frameDeny",
        /// Value of X-Frame-Options.
        custom_frame_options_value: String => "customFrameOptionsValue",
        /// `X-Content-Type-Options: nosniff`.
        content_type_nosniff: bool => "contentTypeNosniff",
        /// `X-XSS-Protection: 1; mode=block`.
        browser_xss_filter: bool => "browserXssFilter",
        /// Value of X-XSS-Protection.
        custom_browser_xss_value: String => "customBrowserXSSValue",
        /// Content-Security-Policy.
        content_security_policy: String => "contentSecurityPolicy",
        /// Content-Security-Policy-Report-Only.
        content_security_policy_report_only: String => "contentSecurityPolicyReportOnly",
        /// Public-Key-Pins.
        public_key: String => "publicKey",
        /// Referrer-Policy.
        referrer_policy: String => "referrerPolicy",
        /// Permissions-Policy.
        permissions_policy: String => "permissionsPolicy",
        /// Leaves out what hinders development: allowed hosts, TLS, STS.
        is_development: bool => "isDevelopment",
        /// Deprecated: use `permissionsPolicy`.
        feature_policy: Option<String> => "featurePolicy",
        /// Deprecated: use the `redirectScheme` middleware or redirections of entry points.
        ssl_redirect: Option<bool> => "sslRedirect",
        /// Deprecated: use the `redirectScheme` middleware.
        ssl_temporary_redirect: Option<bool> => "sslTemporaryRedirect",
        /// Deprecated: use the `redirectRegex` middleware.
        ssl_host: Option<String> => "sslHost",
        /// Deprecated: use the `redirectRegex` middleware.
        ssl_force_host: Option<bool> => "sslForceHost",
    }
}
