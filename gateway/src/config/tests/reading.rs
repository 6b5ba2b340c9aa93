//! What is read leniently, what is refused, and how it is said.

use super::Dice;
use crate::config::decode::Dialect;
use crate::config::dynamic;
use crate::config::install;
use crate::config::source::Format;

#[test]
fn all_errors_at_once_with_places_and_hints() {
    let text = "http:\n  routers:\n    r:\n      rul: x\n      priority: high\n  services:\n    s: { loadBalancer: {} }\n  nothing: {}\ntsl: {}\n";
    let errors = dynamic::parse_text("d.yml", text, Format::Yaml).unwrap_err();
    let lines: Vec<_> = errors.to_string().lines().map(str::to_owned).collect();
    assert_eq!(
        lines,
        [
            "d.yml:4:7: http.routers.r: unknown key `rul` (did you mean `rule`?)",
            "d.yml:5:17: http.routers.r.priority: expected a whole number, not \"high\"",
            "d.yml:7:24: http.services.s.loadBalancer: loadBalancer cannot be a standalone element \
             (give at least one option below it, or remove it)",
            "d.yml:8:3: http: unknown key `nothing` (known here: routers, services, middlewares, models, serversTransports)",
        ]
    );
}

#[test]
fn null_counts_as_absent_and_values_are_weakly_typed() {
    let text = "http:\n  routers:\n    r: { rule: 8080, priority: '7', tls: , middlewares: one }\n    s: { rule: x, tls: true }\n";
    let http = dynamic::parse_text("d.yml", text, Format::Yaml)
        .unwrap()
        .config
        .http
        .unwrap();
    let r = &http.routers["r"];
    assert_eq!(
        (r.rule.as_str(), r.priority, r.tls.is_none()),
        ("8080", 7, true)
    );
    assert_eq!(r.middlewares, ["one"]);
    assert!(http.routers["s"].tls.is_some());
    for (refused, expected) in [
        (
            "http: { routers: { r: { rule: { a: b } } } }",
            "expected a text, not a section",
        ),
        (
            "http: { routers: { r: { priority: 99999999999999999999 } } }",
            "expected a whole number",
        ),
        (
            "http: { routers: { r: { tls: { domains: { main: a } } } } }",
            "expected a list, not a section",
        ),
        (
            "http: { routers: { r: { entryPoints: [ [a] ] } } }",
            "expected a text, not a list",
        ),
        ("http: [1]", "expected a section, not a list"),
        ("http: {}", "cannot be a standalone element"),
        ("http:\n  routers:\n", "cannot be a standalone element"),
    ] {
        let message = dynamic::parse_text("d.yml", refused, Format::Yaml)
            .unwrap_err()
            .to_string();
        assert!(message.contains(expected), "{refused}: {message}");
    }
}

const SAMPLES: [(Format, &str); 3] = [
    (
        Format::Yaml,
        "x: &a { b: 'c', d: \"e\\n\" }\nhttp:\n  routers:\n    r: { <<: *a, rule: Host(`a`), tls: {} }\n  services:\n    - |\n      t\n",
    ),
    (
        Format::Toml,
        "[http.routers.r]\nrule = \"x\"\ntls = { options = 'a' }\n[[tls.certificates]]\ncertFile = \"\"\"a\n\"\"\"\n",
    ),
    (
        Format::Json,
        "{\"http\": {\"routers\": {\"r\": {\"rule\": \"\\u00e9\", \"priority\": -1e3, \"tls\": [true, null]}}}}",
    ),
];

#[test]
fn mangled_files_are_errors_and_never_more() {
    let mut dice = Dice(0x5eed);
    for (format, sample) in SAMPLES {
        for _ in 0..3_000 {
            let mut bytes = sample.as_bytes().to_vec();
            for _ in 0..1 + dice.below(4) {
                let at = dice.below(bytes.len());
                match dice.below(3) {
                    0 => bytes[at] = b"\0\t\n '\"{}[]:,&*<|>-#=.%\\\x80"[dice.below(24)],
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, bytes[dice.below(bytes.len())]),
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            if let Ok(tree) = format.parse("test", &text) {
                let _ = dynamic::from_tree(&tree, Dialect::File);
                let _ = install::from_tree(&tree, Dialect::File);
            }
        }
    }
}
