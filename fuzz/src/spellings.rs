//! Configuration as users and containers write it: whatever it is, it is read or refused; and one setting is one value in
//! every spelling.

use gateway::config::decode::Dialect;
use gateway::config::source::{Format, env, flags, kv, labels};
use gateway::config::{dynamic, install};

/// Longer inputs say nothing new.
const LONGEST: usize = 4096;

/// Reads the bytes as lines of `name=value` in each flat spelling, and as a document in each format.
pub fn spellings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if text.len() > LONGEST {
        return;
    }
    documents(text);
    let pairs: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    flat(&pairs);
    let arguments: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Ok(flags) = flags::parse(&arguments, &install::options()) {
        let _ = install::from_tree(&flags.tree, Dialect::Flat);
    }
    let variables = pairs
        .iter()
        .map(|(name, value)| (format!("TRAEFIK_{name}"), (*value).to_owned()));
    if let Ok(Some(tree)) = env::parse(variables, &["entrypoints", "providers", "log", "api"]) {
        let _ = install::from_tree(&tree, Dialect::Flat);
    }
}

fn documents(text: &str) {
    for format in [Format::Yaml, Format::Toml, Format::Json] {
        if let Ok(tree) = format.parse("input", text) {
            let _ = dynamic::from_tree(&tree, Dialect::File);
            let _ = install::from_tree(&tree, Dialect::File);
        }
    }
}

/// Labels and pairs of a store say the same.
fn flat(pairs: &[(&str, &str)]) {
    let roots = ["http", "tcp", "udp", "tls"];
    let routing = |name: &str| {
        let section = name.split('.').next().unwrap_or_default();
        // A slash divides in one of the spellings only.
        !name.contains('/') && roots.contains(&section)
    };
    let pairs: Vec<(String, &str)> = pairs
        .iter()
        .filter(|(name, _)| routing(name))
        .map(|(name, value)| ((*name).to_owned(), *value))
        .collect();
    let labelled: Vec<(String, &str)> = pairs
        .iter()
        .map(|(name, value)| (format!("traefik.{name}"), *value))
        .collect();
    let stored: Vec<(String, &str)> = pairs
        .iter()
        .map(|(name, value)| (format!("traefik/{}", name.replace('.', "/")), *value))
        .collect();
    let by_label = labels::parse(
        "input",
        labelled.iter().map(|(name, value)| (name.as_str(), *value)),
    );
    let by_key = kv::parse(
        "input",
        "traefik",
        stored.iter().map(|(name, value)| (name.as_str(), *value)),
    );
    let decoded = |tree| dynamic::from_tree(tree, Dialect::Flat).map(|parsed| parsed.config);
    if let (Ok(by_label), Ok(by_key)) = (&by_label, &by_key) {
        match (decoded(by_label), decoded(by_key)) {
            (Ok(one), Ok(two)) => assert_eq!(one, two, "{pairs:?}"),
            (Err(_), Err(_)) => {}
            (one, two) => panic!("{pairs:?}: labels {}, keys {}", one.is_ok(), two.is_ok()),
        }
    }
}
