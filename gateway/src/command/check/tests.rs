//! What `check` finds, on whole configurations.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use super::*;

/// Checks `files`, of which `traefik.yml` is the install configuration; `%` in them is their folder.
fn checked(files: &[(&str, &str)]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    for (name, text) in files {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text.replace('%', &path)).unwrap();
    }
    let args = [format!("--configFile={path}/traefik.yml")];
    match gather(&args) {
        Asked::Configuration(gathered) => {
            let mut outcome = check(&gathered);
            for finding in &mut outcome.findings {
                let file = Path::new(&finding.file);
                let inside = file.strip_prefix(folder.path()).unwrap_or(file);
                finding.file = inside.display().to_string();
            }
            outcome
        }
        _ => panic!("unreadable"),
    }
}

const INSTALL: &str = "\
entryPoints: {web: {address: ':80'}, websecure: {address: ':443'}}
providers: {file: {filename: '%/routes.yml'}}
";

/// The findings about one routing file.
fn routes(text: &str) -> Vec<String> {
    let outcome = checked(&[("traefik.yml", INSTALL), ("routes.yml", text)]);
    outcome.findings.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_is_wrong() {
    let text = "\
http:
  routers: {r: {rule: 'Host(`a`)', service: s, middlewares: [m]}}
  services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}}
  middlewares: {m: {addPrefix: {prefix: /x}}}
";
    assert_eq!(routes(text), [""; 0]);
}

#[test]
fn every_mistake_of_an_object_with_its_place_and_a_way_out() {
    let text = "\
http:
  routers:
    r:
      rule: Host(`a`,`b`)
      service: ap
      entryPoints: [web, websecur]
      middlewares: [strip, auht]
  services:
    app: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}
  middlewares:
    strip: {stripPrefix: {prefixes: [/x]}}
    auth: {basicAuth: {users: ['a:b']}}
";
    let found = routes(text);
    for expected in [
        "routes.yml:4:13: error: router r@file: the rule cannot be used: error while adding rule Host: \
         unexpected number of parameters; got 2, expected one of [1] (column 1 of the rule)\
         \n    disables: router r@file\
         \n    suggestion: this is v2 syntax; in v3 write: Host(`a`) || Host(`b`), or set `ruleSyntax: v2` on the router",
        "routes.yml:5:16: error: router r@file: the service \"ap@file\" does not exist\
         \n    disables: router r@file\n    suggestion: did you mean `app`?",
        "routes.yml:6:26: error: router r@file: entryPoint \"websecur\" doesn't exist\
         \n    disables: router r@file\n    suggestion: did you mean `websecure`?",
        "routes.yml:7:28: error: router r@file: middleware \"auht@file\" does not exist\
         \n    disables: router r@file\n    suggestion: did you mean `auth`?",
        "routes.yml:9:5: warning: service app@file: nothing uses it",
        "routes.yml:12:5: warning: middleware auth@file: nothing uses it",
    ] {
        assert!(
            found.iter().any(|found| found == expected),
            "{expected}\n{found:#?}"
        );
    }
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[test]
fn a_mistake_below_is_said_once_with_all_that_hangs_on_it() {
    let text = "\
http:
  routers:
    one: {rule: 'Path(`/1`)', service: w}
    two: {rule: 'Path(`/2`)', service: m}
  services:
    m: {mirroring: {service: w}}
    w:
      weighted:
        services:
          - name: gone
";
    let found = routes(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    for part in [
        "routes.yml:10:19: error: service w@file:",
        "the service \"gone@file\" does not exist",
        "router one@file",
        "service w@file",
    ] {
        assert!(found[0].contains(part), "{part}: {}", found[0]);
    }
}

#[test]
fn templates_that_count_as_text_and_old_names_are_warnings() {
    let text = "\
http:
  routers:
    r: {rule: 'PathPrefix(`/{id:[0-9]+}`)', service: s, middlewares: [m]}
  services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}}
  middlewares: {m: {ipWhiteList: {sourceRange: [10.0.0.0/8]}}}
";
    let outcome = checked(&[("traefik.yml", INSTALL), ("routes.yml", text)]);
    let found: Vec<_> = outcome.findings.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].contains("in v3 write: PathRegexp(`^/[0-9]+`)"),
        "{}",
        found[0]
    );
    assert!(
        found[1].contains("it is called ipAllowList now"),
        "{}",
        found[1]
    );
    let severe = outcome
        .findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    assert!(!severe, "{found:#?}");
}

#[test]
fn one_file_that_cannot_be_decoded_hides_no_other() {
    let outcome = checked(&[
        (
            "traefik.yml",
            "entryPoints: {web: {address: ':80', adress: x}}\nproviders: {file: {directory: '%/d'}, nomad: {}}\nacme: {}\n",
        ),
        (
            "d/a.yml",
            "http: {routers: {a: {rul: x}, b: {rule: 'Hst(`x`)', service: s}}}\n",
        ),
        (
            "d/b.yml",
            "http: {services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}}}\n",
        ),
    ]);
    let found: Vec<_> = outcome.findings.iter().map(ToString::to_string).collect();
    for expected in [
        "d/a.yml:1:22: error: http.routers.a: unknown key `rul`",
        "d/a.yml:1:41: error: router b@file: the rule cannot be used: unsupported function: Hst",
        "traefik.yml:1:37: error: entryPoints.web: unknown key `adress`",
        ": warning: providers.nomad: not supported",
        "traefik.yml:3:1: warning: unknown section `acme` is ignored; in v3 it is certificatesResolvers",
    ] {
        assert!(
            found.iter().any(|found| found.contains(expected)),
            "{expected}\n{found:#?}"
        );
    }
    assert_eq!(found.len(), 5, "{found:#?}");
    assert!(!outcome.unreadable);
}

#[test]
fn a_file_that_is_no_yaml_makes_no_false_alarms() {
    let outcome = checked(&[
        (
            "traefik.yml",
            "entryPoints: {web: {address: ':80'}}\nproviders: {file: {directory: '%/d'}}\n",
        ),
        (
            "d/a.yml",
            "http: {routers: {a: {rule: 'Path(`/`)', service: s}}}\n",
        ),
        ("d/b.yml", "http: {services: {s: \n"),
    ]);
    let found: Vec<_> = outcome.findings.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("d/b.yml:") && found[0].contains("not valid YAML"));
    assert!(found[1].contains("was not checked"), "{}", found[1]);
    let broken = checked(&[("traefik.yml", INSTALL), ("routes.yml", "http: [")]);
    assert!(broken.unreadable);
}

#[test]
fn certificates_options_and_resolvers() {
    let names = vec!["a.test".to_owned()];
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    let text = "\
http:
  routers: {r: {rule: 'Host(`a.test`)', service: s, tls: {options: strct, certResolver: le}}}
  services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}}
tls:
  options: {strict: {minVersion: VersionTLS14}}
  certificates:
    - {certFile: '%/a.crt', keyFile: '%/a.key'}
    - {certFile: '/no/such.crt', keyFile: '%/a.key'}
";
    let outcome = checked(&[
        ("traefik.yml", INSTALL),
        ("routes.yml", text),
        ("a.crt", &made.pem()),
        ("a.key", &key.serialize_pem()),
    ]);
    let found: Vec<_> = outcome.findings.iter().map(ToString::to_string).collect();
    for (place, part) in [
        (
            "routes.yml:2:68: error: router r@file",
            "did you mean `strict`?",
        ),
        (
            "routes.yml:2:89: error: router r@file",
            "no certificate resolver \"le\"",
        ),
        (
            "routes.yml:5:34: error: TLS options strict@file",
            "invalid TLS version",
        ),
        (
            "routes.yml:7:18: warning: certificate of a.test",
            "it ran out",
        ),
        (
            "routes.yml:8:18: error: certificate",
            "there is no such file",
        ),
    ] {
        let fits = |found: &&String| found.starts_with(place) && found.contains(part);
        assert!(
            found.iter().any(|text| fits(&text)),
            "{place} {part}\n{found:#?}"
        );
    }
}

#[test]
fn what_other_providers_may_have_is_no_error() {
    let outcome = checked(&[
        (
            "traefik.yml",
            "entryPoints: {web: {address: ':80'}}\nproviders: {file: {filename: '%/routes.yml'}, redis: {}}\n",
        ),
        (
            "routes.yml",
            "http: {routers: {a: {rule: 'Path(`/`)', service: s@redis}, b: {rule: 'Path(`/`)', service: s@docker}}}\n",
        ),
    ]);
    let of = |object: &str| {
        let found = outcome
            .findings
            .iter()
            .find(|finding| finding.object == object);
        found.map(|finding| {
            (
                finding.severity,
                finding.suggestion.clone().unwrap_or_default(),
            )
        })
    };
    assert_eq!(
        of("router a@file"),
        Some((Severity::Warning, String::new()))
    );
    let (severity, suggestion) = of("router b@file").unwrap();
    assert_eq!(severity, Severity::Error);
    assert!(
        suggestion.contains("`docker` is not configured"),
        "{suggestion}"
    );
}
