//! What an install configuration must hold beyond its types. Each finding names the place of the option.

use super::{EntryPoint, Install, OtlpGrpc, OtlpLog, PROVIDER_NAMES};
use crate::config::decode::Decoder;
use crate::config::error::{Problem, nearest};
use crate::config::tree::{Node, Position};
use crate::types::IpSet;

/// Checks everything that Traefik refuses to start with.
pub(super) fn validate(config: &Install, tree: &Node, decoder: &mut Decoder) {
    let mut check = Check { tree, decoder };
    for (name, entry_point) in &config.entry_points {
        check.entry_point(name, entry_point);
        check.redirection(config, name, entry_point);
    }
    check.resolvers(config);
    check.telemetry(config);
    check.rest(config);
}

struct Check<'a> {
    tree: &'a Node,
    decoder: &'a mut Decoder,
}

impl Check<'_> {
    /// Reports a problem of the option at `path`, at the nearest place that was written.
    fn error(&mut self, path: &[&str], message: impl Into<String>) {
        let at = place(self.tree, path);
        let decoder = &mut *self.decoder;
        let message = message.into();
        decoder.within(&path.join("."), |decoder| decoder.error(&at, message));
    }

    /// The same for what is odd, but no reason not to start.
    fn warn(&mut self, path: &[&str], message: String, hint: String) {
        let at = place(self.tree, path);
        self.decoder.warnings.push(Problem {
            at,
            path: path.join("."),
            message,
            hint: Some(hint),
        });
    }

    fn entry_point(&mut self, name: &str, entry_point: &EntryPoint) {
        if let Err(error) = entry_point.parse_address() {
            self.error(&["entryPoints", name, "address"], error.to_string());
        }
        let trusted = &entry_point.forwarded_headers.trusted_ips;
        self.addresses(
            &["entryPoints", name, "forwardedHeaders", "trustedIPs"],
            trusted,
        );
        if let Some(proxy_protocol) = &entry_point.proxy_protocol {
            self.addresses(
                &["entryPoints", name, "proxyProtocol", "trustedIPs"],
                &proxy_protocol.trusted_ips,
            );
        }
        let http2 = &entry_point.http2;
        for (key, value) in [
            ("maxConcurrentStreams", http2.max_concurrent_streams),
            (
                "maxDecoderHeaderTableSize",
                http2.max_decoder_header_table_size,
            ),
            (
                "maxEncoderHeaderTableSize",
                http2.max_encoder_header_table_size,
            ),
        ] {
            if value < 0 {
                let message =
                    format!("{value} is refused; the value must be greater than or equal to zero");
                self.error(&["entryPoints", name, "http2", key], message);
            }
        }
        if entry_point
            .http3
            .as_ref()
            .is_some_and(|http3| http3.advertised_port < 0)
        {
            self.error(
                &["entryPoints", name, "http3", "advertisedPort"],
                "a port cannot be negative",
            );
        }
        let strategy = entry_point.http.underscore_headers_strategy.as_str();
        if !matches!(strategy, "" | "keep" | "delete" | "reject") {
            let message =
                format!("unknown strategy {strategy:?}; known are keep, delete and reject");
            self.error(
                &["entryPoints", name, "http", "underscoreHeadersStrategy"],
                message,
            );
        }
    }

    /// Traefik starts with a redirection to nowhere, and leaves it out.
    fn redirection(&mut self, config: &Install, name: &str, entry_point: &EntryPoint) {
        let redirections = entry_point.http.redirections.as_ref();
        let Some(target) = redirections.and_then(|redirections| redirections.entry_point.as_ref())
        else {
            return;
        };
        if config.redirection_port(target).is_some() {
            return;
        }
        let known = config.entry_points.keys().map(String::as_str);
        let hint = match nearest(&target.to, known) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "name an entry point, or a port as `:443`".to_owned(),
        };
        let path = [
            "entryPoints",
            name,
            "http",
            "redirections",
            "entryPoint",
            "to",
        ];
        let message = format!(
            "there is no entry point {:?}; nobody is redirected",
            target.to
        );
        self.warn(&path, message, hint);
    }

    fn addresses(&mut self, path: &[&str], addresses: &[String]) {
        if let Err(error) = IpSet::parse(addresses) {
            self.error(path, error.to_string());
        }
    }

    fn resolvers(&mut self, config: &Install) {
        for (name, resolver) in &config.certificates_resolvers {
            let path = ["certificatesResolvers", name.as_str()];
            if resolver.acme.is_some() && resolver.tailscale.is_some() {
                self.error(&path, "acme and tailscale are mutually exclusive");
            }
            if resolver
                .acme
                .as_ref()
                .is_some_and(|acme| acme.storage.is_empty())
            {
                let message =
                    "there is no storage location for the certificates; set storage to a file";
                self.error(&["certificatesResolvers", name, "acme", "storage"], message);
            }
        }
    }

    fn telemetry(&mut self, config: &Install) {
        let otlp_logs = config
            .experimental
            .as_ref()
            .is_some_and(|experimental| experimental.otlp_logs);
        let log = config.log.as_ref().and_then(|log| log.otlp.as_ref());
        let access_log = config.access_log.as_ref().and_then(|log| log.otlp.as_ref());
        for (section, otlp) in [("log", log), ("accessLog", access_log)] {
            if otlp.is_some() && !otlp_logs {
                self.error(
                    &[section, "otlp"],
                    "experimental.otlplogs must be true to use OTLP logging",
                );
            }
            self.collector(section, otlp.and_then(|OtlpLog { grpc, .. }| grpc.as_ref()));
        }
        let tracing = config
            .tracing
            .as_ref()
            .and_then(|tracing| tracing.otlp.as_ref());
        self.collector("tracing", tracing.and_then(|otlp| otlp.grpc.as_ref()));
        let metrics = config
            .metrics
            .as_ref()
            .and_then(|metrics| metrics.otlp.as_ref());
        self.collector("metrics", metrics.and_then(|otlp| otlp.grpc.as_ref()));
    }

    fn collector(&mut self, section: &str, grpc: Option<&OtlpGrpc>) {
        if grpc.is_some_and(|grpc| grpc.insecure && grpc.tls.is_some()) {
            self.error(
                &[section, "otlp", "grpc"],
                "tls and insecure are mutually exclusive",
            );
        }
    }

    fn rest(&mut self, config: &Install) {
        if let Some(core) = &config.core
            && !matches!(core.default_rule_syntax.as_str(), "v2" | "v3")
        {
            let message = format!(
                "unsupported default rule syntax configuration: {:?}; known are v3 and v2",
                core.default_rule_syntax
            );
            self.error(&["core", "defaultRuleSyntax"], message);
        }
        for name in config
            .providers
            .precedence
            .iter()
            .filter(|name| !PROVIDER_NAMES.contains(&name.as_str()))
        {
            let known = PROVIDER_NAMES.join(", ");
            let message =
                format!("provider {name:?} is not a valid provider name; known are {known}");
            self.error(&["providers", "precedence"], message);
        }
        if config
            .api
            .as_ref()
            .is_some_and(|api| !is_base_path(&api.base_path))
        {
            let message =
                "API basePath must be a valid absolute URL path, for example \"/traefik\"";
            self.error(&["api", "basePath"], message);
        }
        for (responder, url) in config
            .ocsp
            .iter()
            .flat_map(|ocsp| &ocsp.responder_overrides)
        {
            if url.is_empty() {
                let path = ["ocsp", "responderOverrides", responder.as_str()];
                self.error(&path, "the responder that takes its place cannot be empty");
            }
        }
    }
}

fn is_base_path(path: &str) -> bool {
    path.starts_with('/')
        && path
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/_.:~-".contains(&b))
}

/// Where the deepest part of a path that was written stands.
fn place(tree: &Node, path: &[&str]) -> Position {
    let mut node = tree;
    for key in path {
        match node
            .entries()
            .find(|entry| entry.key.eq_ignore_ascii_case(key))
        {
            Some(entry) => node = &entry.node,
            None => break,
        }
    }
    node.at.clone()
}
