//! What the terminal says once everything listens.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use backend::app::Addresses;

use super::ca::DevCertificates;
use super::trust;
use crate::config::install::Install;

/// URLs, and how to trust the certificates.
pub(super) fn text(
    install: &Install,
    entries: &[(String, SocketAddr)],
    manager: Addresses,
    certificates: &DevCertificates,
) -> String {
    let at = |name: &str| {
        let found = entries.iter().find(|(entry, _)| entry == name);
        found.map(|(_, address)| format!("localhost:{}", address.port()))
    };
    let mut lines: Vec<(&str, String)> = Vec::new();
    if let Some(at) = at("websecure") {
        lines.push(("Test page", format!("https://{at}/test")));
        lines.push(("Stream", format!("wss://{at}/api/stream/ws?target=state")));
    }
    if let Some(at) = at("web") {
        lines.push(("Without TLS", format!("http://{at}/test")));
    }
    if let Some(at) = at("traefik") {
        internal(install, &at, &mut lines);
    }
    lines.push((
        "Stream manager",
        format!("http://{}/stream/status", manager.api),
    ));
    lines.push(("", format!("ws://{}/api/stream/ws", manager.ws)));
    lines.push(("", format!("http://{}/metrics", manager.metrics)));
    lines.push(("", format!("http://{}/health", manager.health)));

    let mut text = String::from("\n");
    for (name, url) in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<15} {url}");
    }
    text.push('\n');
    text.push_str(&certificates_text(certificates));
    text.push_str("\nCtrl-C ends it.\n");
    text
}

/// What the entry point `traefik` answers.
fn internal(install: &Install, at: &str, lines: &mut Vec<(&'static str, String)>) {
    if let Some(api) = install.api.as_ref().filter(|api| api.insecure) {
        if api.dashboard {
            lines.push(("Dashboard", format!("http://{at}/dashboard/")));
        }
        lines.push(("API", format!("http://{at}/api/rawdata")));
    }
    let prometheus = install
        .metrics
        .as_ref()
        .is_some_and(|metrics| metrics.prometheus.is_some());
    if prometheus {
        lines.push(("Metrics", format!("http://{at}/metrics")));
    }
    if install.ping.is_some() {
        lines.push(("Ping", format!("http://{at}/ping")));
    }
}

fn certificates_text(certificates: &DevCertificates) -> String {
    let ca = &certificates.ca_certificate;
    let shown = |path: &Path| path.display().to_string();
    let state = match (certificates.made_ca, certificates.made_certificates) {
        (true, _) => "A local certificate authority was made",
        (false, true) => "The certificates were made anew by the local certificate authority",
        (false, false) => "The local certificate authority is the one of before",
    };
    format!("{state}: {}\n{}", shown(ca), trust::instructions(ca))
}

#[cfg(test)]
mod tests {
    use super::super::ca::Pair;
    use super::*;
    use crate::config::install::{Api, Ping};

    #[test]
    fn names_every_address_by_its_port() {
        let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let manager = Addresses {
            api: address(1),
            ws: address(2),
            metrics: address(3),
            health: address(4),
        };
        let pair = Pair {
            certificate: "certs/x.crt".into(),
            key: "certs/x.key".into(),
        };
        let certificates = DevCertificates {
            ca_certificate: "certs/dev-ca.crt".into(),
            localhost: pair.clone(),
            wildcard: pair,
            made_ca: true,
            made_certificates: true,
        };
        let install = Install {
            api: Some(Api {
                insecure: true,
                ..Api::default()
            }),
            ping: Some(Ping::default()),
            ..Install::default()
        };
        let entries = [
            ("websecure".to_owned(), address(8)),
            ("traefik".to_owned(), address(9)),
        ];
        let text = text(&install, &entries, manager, &certificates);
        for expected in [
            "https://localhost:8/test",
            "wss://localhost:8/api/stream/ws?target=state",
            "http://localhost:9/dashboard/",
            "http://localhost:9/ping",
            "http://127.0.0.1:1/stream/status",
            "certs/dev-ca.crt",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert!(
            !text.contains("Without TLS") && !text.contains("localhost:9/metrics"),
            "{text}"
        );
    }
}
