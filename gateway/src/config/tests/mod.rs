//! Whole-model tests: every listed option decodes, and all sources give the same value.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod options;
mod reading;
mod shown;

use std::fmt::Write as _;
use std::path::PathBuf;

use super::decode::{Dialect, Kind, Section as _};
use super::describe::OptionLine;
use super::dynamic::{self, Dynamic};
use super::install;
use super::source::{Format, env, flags, flat::Builder, kv, labels};
use super::tree::{Node, Position, Value};

/// A reference file, or `None` with a word about it where there is none.
fn reference(name: &str) -> Option<String> {
    let shared = std::env::var_os("SLUICE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let path = shared.join("reference").join(name);
    let text = std::fs::read_to_string(&path);
    if text.is_err() {
        eprintln!(
            "SKIPPED: {} is not there; set SLUICE_SHARED to the folder of the reference lists",
            path.display()
        );
    }
    text.ok()
}

fn dynamic_options() -> Vec<OptionLine> {
    let mut lines = Vec::new();
    Dynamic::default().describe_fields("", &mut lines);
    lines
}

fn find<'a>(options: &'a [OptionLine], name: &str) -> Option<&'a OptionLine> {
    options
        .iter()
        .find(|option| option.name.eq_ignore_ascii_case(name))
}

/// The path of one value below an option: names and positions filled in.
fn path_of(option: &OptionLine) -> String {
    let path = option.name.replace("<name>", "x").replace("[n]", "[0]");
    if option.kind == Kind::Map {
        format!("{path}.x")
    } else {
        path
    }
}

fn tree(pairs: &[(String, String)]) -> Node {
    let mut builder = Builder::new("test");
    for (path, value) in pairs {
        builder.add(path, '.', &Position::named(path.as_str()), value);
    }
    builder.finish().unwrap()
}

/// A small generator of numbers; the same seed gives the same configuration.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (limit as u64)).unwrap()
    }
}

/// A random selection of options with values.
fn random_pairs(options: &[OptionLine], dice: &mut Dice) -> Vec<(String, String)> {
    let usable: Vec<_> = options
        .iter()
        .filter(|option| {
            !option.later && !matches!(option.kind, Kind::Section | Kind::Anything | Kind::Map)
        })
        // A list of sections is written by the options below it.
        .filter(|option| {
            !options
                .iter()
                .any(|other| other.name.starts_with(&format!("{}[n]", option.name)))
        })
        .collect();
    let mut pairs: Vec<(String, String)> = Vec::new();
    for _ in 0..1 + dice.below(12) {
        let option = usable[dice.below(usable.len())];
        let value = match option.kind {
            Kind::Switch => ["true", "false"][dice.below(2)].to_owned(),
            Kind::List
                if option.name.to_lowercase().contains("buckets")
                    || option.name.contains("Boundaries") =>
            {
                "0.5,2".to_owned()
            }
            Kind::List => "one,two words,3".to_owned(),
            _ => dice.below(500).to_string(),
        };
        let path = path_of(option).replace(".x", [".x", ".Other-name"][dice.below(2)]);
        if !pairs
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(&path))
        {
            pairs.push((path, value));
        }
    }
    pairs
}

/// The tree as JSON, texts as they are.
fn to_json(node: &Node, options: &[OptionLine], path: &str) -> serde_json::Value {
    match &node.value {
        Value::Scalar(scalar) => {
            let list = find(options, path).is_some_and(|option| option.kind == Kind::List);
            if list {
                scalar.text.split(',').collect()
            } else {
                scalar.text.as_str().into()
            }
        }
        Value::Map(map) if map.entries.iter().all(|entry| entry.key.starts_with('[')) => map
            .entries
            .iter()
            .map(|entry| to_json(&entry.node, options, &format!("{path}[n]")))
            .collect(),
        Value::Map(map) => map
            .entries
            .iter()
            .map(|entry| {
                let below = |key: &str| {
                    if path.is_empty() {
                        key.to_owned()
                    } else {
                        format!("{path}.{key}")
                    }
                };
                let known = find(options, &below(&entry.key)).is_some()
                    || options
                        .iter()
                        .any(|option| option.name.starts_with(&format!("{}.", below(&entry.key))));
                let path = below(if known { &entry.key } else { "<name>" });
                (entry.key.clone(), to_json(&entry.node, options, &path))
            })
            .collect(),
        _ => serde_json::Value::Null,
    }
}

/// Block-style YAML.
fn to_yaml(value: &serde_json::Value, indent: usize, out: &mut String) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                write!(out, "\n{}{key}:", "  ".repeat(indent)).unwrap();
                to_yaml(value, indent + 1, out);
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                write!(out, "\n{}-", "  ".repeat(indent)).unwrap();
                match item {
                    serde_json::Value::Object(_) => to_yaml(item, indent + 1, out),
                    _ => write!(out, " {}", item.as_str().unwrap()).unwrap(),
                }
            }
        }
        _ => write!(out, " {}", value.as_str().unwrap()).unwrap(),
    }
}

/// TOML: tables by headers, lists inline.
fn to_toml(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(map) => {
            let keys: Vec<_> = map
                .iter()
                .map(|(key, value)| format!("{key} = {}", to_toml(value)))
                .collect();
            format!("{{ {} }}", keys.join(", "))
        }
        serde_json::Value::Array(items) => format!(
            "[{}]",
            items.iter().map(to_toml).collect::<Vec<_>>().join(", ")
        ),
        _ => format!("{:?}", value.as_str().unwrap()),
    }
}

fn toml_document(value: &serde_json::Value) -> String {
    value
        .as_object()
        .unwrap()
        .iter()
        .fold(String::new(), |text, (key, value)| {
            format!("{text}{key} = {}\n", to_toml(value))
        })
}

/// The same configuration in the file formats.
fn files(pairs: &[(String, String)], options: &[OptionLine]) -> [(Format, String); 3] {
    let json = to_json(&tree(pairs), options, "");
    let mut yaml = String::new();
    to_yaml(&json, 0, &mut yaml);
    [
        (Format::Json, json.to_string()),
        (Format::Yaml, yaml),
        (Format::Toml, toml_document(&json)),
    ]
}

#[test]
fn routing_configuration_is_the_same_from_every_source() {
    let options = dynamic_options();
    for seed in 1..150 {
        let pairs = random_pairs(&options, &mut Dice(seed * 7_919));
        let expected = dynamic::from_tree(&tree(&pairs), Dialect::Flat)
            .unwrap()
            .config;
        // What only containers need (`port`, `scheme` of servers) has no effect in files, and the opposite.
        let container =
            |path: &str| path.contains("servers[0].port") || path.contains("servers[0].scheme");
        if !pairs.iter().any(|(path, _)| container(path)) {
            let pairs: Vec<_> = pairs
                .iter()
                .filter(|(path, _)| !path.ends_with("defaultRuleSyntax"))
                .cloned()
                .collect();
            if pairs.is_empty() {
                continue;
            }
            let expected = dynamic::from_tree(&tree(&pairs), Dialect::Flat)
                .unwrap()
                .config;
            for (format, text) in files(&pairs, &options) {
                let parsed = dynamic::parse_text("test", &text, format);
                assert_eq!(
                    parsed
                        .unwrap_or_else(|error| panic!("{text}\n{error}"))
                        .config,
                    expected,
                    "{text}"
                );
            }
        }
        let keys: Vec<_> = pairs
            .iter()
            .map(|(path, value)| {
                (
                    format!("traefik/{}", path.replace("[0]", "/0").replace('.', "/")),
                    value.clone(),
                )
            })
            .collect();
        let keys = keys
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let node = kv::parse("redis", "traefik", keys).unwrap();
        assert_eq!(
            dynamic::from_tree(&node, Dialect::Flat).unwrap().config,
            expected
        );
        labels_agree(&pairs);
    }
}

/// Labels say the same, but for options that they do not have.
fn labels_agree(pairs: &[(String, String)]) {
    let label = |(path, value): &(String, String)| {
        // A container is one server.
        let path = path.replace("servers[0]", "server");
        (format!("traefik.{path}"), value.clone())
    };
    let decoded = |labels: &[(String, String)]| {
        let labels = labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let node = labels::parse("container", labels).unwrap();
        dynamic::from_tree(&node, Dialect::Label).unwrap()
    };
    let has = |pair: &&(String, String)| {
        let warnings = decoded(&[label(pair)]).warnings;
        !warnings
            .iter()
            .any(|warning| warning.message.contains("has no effect here"))
    };
    let pairs: Vec<_> = pairs.iter().filter(has).cloned().collect();
    let labels: Vec<_> = pairs.iter().map(label).collect();
    let expected = dynamic::from_tree(&tree(&pairs), Dialect::Flat).unwrap();
    assert_eq!(decoded(&labels).config, expected.config, "{labels:?}");
}

#[test]
fn labels_say_what_files_say() {
    let labels = [
        ("traefik.enable", "true"),
        ("other.http.routers", "x"),
        ("Traefik.HTTP.routers.Web.rule", "Host(`a`, `b`)"),
        ("traefik.http.routers.web.tls", "true"),
        ("traefik.http.routers.web.entrypoints", "one, two"),
        ("traefik.http.routers.plain.tls", "false"),
        ("traefik.http.routers.web.tls.domains[0].main", "a"),
        ("traefik.http.routers.web.tls.domains[0].sans", "b,c"),
        ("traefik.http.services.s.loadbalancer.server.port", "8080"),
        (
            "traefik.http.services.s.loadbalancer.healthcheck.interval",
            "10",
        ),
        ("traefik.http.middlewares.c.compress", "true"),
        ("traefik.tcp.services.t.loadbalancer.server.port", "1"),
    ];
    let node = labels::parse("container web", labels).unwrap();
    let parsed = dynamic::from_tree(&node, Dialect::Label).unwrap();
    let text = "
http:
  routers:
    Web:
      rule: Host(`a`, `b`)
      entryPoints: [one, two]
      tls: { domains: [ { main: a, sans: [b, c] } ] }
    plain: {}
  services: { s: { loadBalancer: { servers: [ {} ], healthCheck: { interval: 10s } } } }
  middlewares: { c: { compress: {} } }
tcp: { services: { t: { loadBalancer: { servers: [ {} ] } } } }
";
    let mut expected = dynamic::parse_text("d.yml", text, Format::Yaml)
        .unwrap()
        .config;
    let service = expected
        .http
        .as_mut()
        .unwrap()
        .services
        .get_mut("s")
        .unwrap();
    service.load_balancer.as_mut().unwrap().servers[0].port = "8080".to_owned();
    let service = expected
        .tcp
        .as_mut()
        .unwrap()
        .services
        .get_mut("t")
        .unwrap();
    service.load_balancer.as_mut().unwrap().servers[0].port = "1".to_owned();
    assert_eq!(parsed.config, expected);
    // What nothing uses yet is named.
    let mut warnings = parsed.warnings.iter();
    assert!(warnings.all(|problem| problem.message.contains("not supported yet")));
}

#[test]
fn install_configuration_is_the_same_from_every_source() {
    let options = install::options();
    let decode = |tree: &Node, dialect| {
        let mut decoder = super::decode::Decoder::new(dialect);
        let mut config = install::Install::default();
        super::decode::fill_section(&mut config, tree, &mut decoder);
        decoder.finish(config).map(|(config, _)| config)
    };
    let sections: Vec<&str> = install::Install::FIELDS
        .iter()
        .map(|field| field.key)
        .collect();
    for seed in 1..150 {
        // Variables have no case and no dashes in names.
        let pairs: Vec<_> = random_pairs(&options, &mut Dice(seed * 104_729))
            .into_iter()
            .map(|(path, value)| (path.replace("Other-name", "other"), value))
            .collect();
        let expected = decode(&tree(&pairs), Dialect::Flat).unwrap();
        for (format, text) in files(&pairs, &options) {
            let node = format.parse("test", &text).unwrap();
            assert_eq!(
                decode(&node, Dialect::File).unwrap_or_else(|error| panic!("{text}\n{error}")),
                expected,
                "{text}"
            );
        }
        let args: Vec<_> = pairs
            .iter()
            .map(|(path, value)| {
                format!(
                    "--{}={value}",
                    path.to_uppercase()
                        .replace("X.", "x.")
                        .replace(".X", ".x")
                        .replace("OTHER", "other")
                )
            })
            .collect();
        let parsed = flags::parse(&args, &options).unwrap();
        assert_eq!(
            decode(&parsed.tree, Dialect::Flat).unwrap(),
            expected,
            "{args:?}"
        );
        let vars = pairs.iter().map(|(path, value)| {
            (
                format!(
                    "TRAEFIK_{}",
                    path.replace("[0]", "_0").replace('.', "_").to_uppercase()
                ),
                value.clone(),
            )
        });
        let node = env::parse(vars, &sections).unwrap().unwrap();
        assert_eq!(decode(&node, Dialect::Flat).unwrap(), expected);
    }
}
