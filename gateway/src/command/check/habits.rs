//! What works and should be written otherwise: deprecated options, and templates of v2 rules that count as plain text.

use super::finding::{Finding, Severity};
use super::places::Index;
use super::references::Kind;
use super::rules;
use crate::app::trial::Trial;
use crate::command::gather::Gathered;
use crate::config::places::place;
use crate::config::tree::{Node, Position};

/// Deprecated keys: the section they are in (`*` is any name), the key, and what to write.
const DEPRECATED: [(&str, &str, &str); 9] = [
    (
        "http.middlewares.*",
        "ipWhiteList",
        "it is called ipAllowList now",
    ),
    (
        "tcp.middlewares.*",
        "ipWhiteList",
        "it is called ipAllowList now",
    ),
    (
        "http.middlewares.*.stripPrefix",
        "forceSlash",
        "remove it; an empty path gets its slash anyway",
    ),
    (
        "http.middlewares.*.contentType",
        "autoDetect",
        "remove it; the middleware itself switches detection on",
    ),
    (
        "http.routers.*",
        "ruleSyntax",
        "write the rule in v3 syntax; `gateway check` without this line says how",
    ),
    ("core", "defaultRuleSyntax", "write the rules in v3 syntax"),
    (
        "tls.options.*",
        "preferServerCipherSuites",
        "remove it; it has no effect",
    ),
    (
        "tcp.services.*.loadBalancer",
        "terminationDelay",
        "set it in a tcp.serversTransport",
    ),
    (
        "http.serversTransports.*",
        "peerCertURI",
        "use peerCertSANs",
    ),
];

pub(super) fn findings(gathered: &Gathered, index: &Index<'_>, trial: &Trial) -> Vec<Finding> {
    let mut found = Vec::new();
    for (section, key, advice) in DEPRECATED {
        let path: Vec<&str> = section.split('.').collect();
        for tree in gathered.files.trees.iter().chain([&gathered.tree]) {
            below(tree, &path, &mut Vec::new(), &mut |node, names| {
                let entry = node
                    .entries()
                    .find(|entry| entry.key.eq_ignore_ascii_case(key));
                if let Some(entry) = entry {
                    let object = [names, &[key.to_owned()]].concat().join(".");
                    let finding = Finding::new(
                        Severity::Warning,
                        place(entry),
                        object,
                        "deprecated; Traefik will remove it",
                    );
                    found.push(finding.suggesting(Some(advice.to_owned())));
                }
            });
        }
    }
    for (name, router) in &trial.merged.routers {
        if let Some((value, suggestion)) = rules::taken_literally(router) {
            let at = index
                .key(Kind::Router, name, "rule")
                .unwrap_or_else(|| Position::named("install configuration"));
            let message = format!("v3 takes `{value}` literally, braces and all");
            let finding = Finding::new(
                Severity::Warning,
                &at,
                format!("router {}", index.written(Kind::Router, name)),
                message,
            );
            found.push(finding.suggesting(suggestion));
        }
    }
    found
}

/// Calls `each` with every section at `path`, and the names on the way.
fn below(
    node: &Node,
    path: &[&str],
    names: &mut Vec<String>,
    each: &mut impl FnMut(&Node, &[String]),
) {
    let Some((part, rest)) = path.split_first() else {
        each(node, names);
        return;
    };
    for entry in node.entries() {
        if *part == "*" || entry.key.eq_ignore_ascii_case(part) {
            names.push(entry.key.clone());
            below(&entry.node, rest, names, each);
            names.pop();
        }
    }
}
