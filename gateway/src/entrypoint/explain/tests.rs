//! That explaining and serving agree, for whole configurations and seeded random requests.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use super::request::ask;
use super::*;
use crate::app::trial;
use crate::compile::Compiled;
use crate::config::decode::Dialect;
use crate::config::dynamic::{Dynamic, parse_text};
use crate::config::install;
use crate::config::source::Format;
use crate::rule::testing::{Rng, random_expr};

/// What would serve: the entry point `web`, and the compiled configuration.
struct Ready {
    entry: Arc<EntryPoint>,
    compiled: Compiled,
}

const INSTALL: &str = "\
entryPoints:
  web:
    address: ':80'
    http:
      underscoreHeadersStrategy: reject
      encodedCharacters: {allowEncodedNullCharacter: false}
";

fn compiled(config: Dynamic) -> Ready {
    let tree = Format::Yaml.parse("traefik.yml", INSTALL).unwrap();
    let install = Arc::new(install::from_tree(&tree, Dialect::File).unwrap().config);
    let providers = [("file".to_owned(), config)].into();
    let trial = trial::compiled(&install, &providers, |_| {}).unwrap();
    Ready {
        entry: trial.settings(&install).unwrap().remove(0),
        compiled: trial.compiled,
    }
}

impl Ready {
    fn explain(&self, question: &Question, live: bool) -> Explained {
        let Compiled {
            snapshot, report, ..
        } = &self.compiled;
        explain(&self.entry, snapshot, report, question, live).unwrap()
    }
}

fn question(method: &str, url: &str, headers: &[(&str, &str)]) -> Question {
    Question {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        client_ip: None,
        tls: false,
        entry_point: None,
    }
}

/// Routers whose rules are of the same generator as those that the rule language is tested with.
fn random_configuration(rng: &mut Rng) -> Dynamic {
    let mut text = String::from(
        "http:\n  services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}}\n  routers:\n",
    );
    for number in 0..1 + rng.below(30) {
        let rule = serde_json::to_string(&random_expr(rng, 2).to_string()).unwrap();
        let priority = rng.below(4);
        let tls = rng.pick(&["", ", tls: {}"]);
        text.push_str(&format!(
            "    r{number}: {{entryPoints: [web], rule: {rule}, priority: {priority}, service: s{tls}}}\n"
        ));
    }
    parse_text("d.yml", &text, Format::Yaml).unwrap().config
}

fn random_question(rng: &mut Rng) -> Question {
    let host = rng.pick(&[
        "a.test",
        "A.test",
        "x.a.test",
        "b.test:81",
        "y.test",
        "a.test.",
    ]);
    let path = rng.pick(&[
        "",
        "/a",
        "/a/",
        "/a/b",
        "//a/../a/b/c",
        "/%61",
        "/ab",
        "/%C3%A9",
        "/a%00",
        "/b#",
    ]);
    let query = rng.pick(&["", "?q=1", "?q=a+b&x", "?x;q=2"]);
    let scheme = rng.pick(&["http", "https"]);
    let mut question = question(
        rng.pick(&["GET", "POST", "get", "CONNECT"]),
        &format!("{scheme}://{host}{path}{query}"),
        &[],
    );
    for _ in 0..rng.below(3) {
        let name = rng.pick(&["X-A", "x-b", "X_A", "Accept"]).to_owned();
        question
            .headers
            .push((name, rng.pick(&["1", "2", "a b"]).to_owned()));
    }
    let ip = rng.pick(&["127.0.0.1", "10.1.2.3", "::1"]).parse();
    question.client_ip = ip.ok();
    question
}

#[test]
fn they_agree() {
    let mut rng = Rng::new(11);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..60 {
        let ready = compiled(random_configuration(&mut rng));
        for _ in 0..60 {
            let question = random_question(&mut rng);
            let explained = ready.explain(&question, true);
            // What `dispatch` does.
            let tables = &ready.compiled.snapshot.entry_points[0];
            let Asked {
                mut cx, incoming, ..
            } = ask(&ready.entry, Some(tables), &question).unwrap();
            let Ok(request) = prepare(&ready.entry, &mut cx, incoming) else {
                assert!(
                    explained.refused.is_some() && explained.chosen.is_empty(),
                    "{question:?}"
                );
                refused += 1;
                continue;
            };
            let table = match cx.connection.tls {
                Some(_) => &tables.tls,
                None => &tables.plain,
            };
            let served = find(table, &cx, &request).map(|route| route.name.to_string());
            let chosen = explained.chosen.first().map(|chosen| chosen.router.clone());
            assert_eq!(served, chosen, "{question:?}");
            let first = explained.routers.iter().find(|tried| tried.matched);
            assert_eq!(first.map(|tried| tried.name.clone()), served);
            // Who does not match says why; who matches has nothing to say.
            let reasons = |tried: &Tried| tried.matched == tried.failed.is_empty();
            assert!(explained.routers.iter().all(reasons), "{explained:#?}");
            taken += usize::from(served.is_some());
        }
    }
    assert!(taken > 300 && refused > 300, "{taken} {refused}");
}

const TEXT: &str = "\
http:
  routers:
    long: {entryPoints: [web], rule: 'Host(`a.test`) && Header(`X-A`, `1`)', service: s}
    short: {entryPoints: [web], rule: 'Host(`a.test`)', service: w, middlewares: [both]}
    first: {entryPoints: [web], rule: 'Path(`/never`) || Query(`token`, `1`)', priority: 900, service: s}
    broken: {entryPoints: [web], rule: 'Host(`a.test`)', service: gone}
    secure: {entryPoints: [web], rule: 'Host(`s.test`)', service: s, tls: {}}
    strict: {entryPoints: [web], rule: 'Host(`t.test`)', service: s, tls: {options: strict}}
    parent: {entryPoints: [web], rule: 'Host(`p.test`)', priority: 1, middlewares: [one]}
    child: {parentRefs: [parent], rule: 'Path(`/c`)', service: s}
  services:
    s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}, {url: 'http://127.0.0.1:2', weight: 3}]}}
    w: {weighted: {services: [{name: s, weight: 5}]}}
  middlewares:
    one: {addPrefix: {prefix: /x}}
    both: {chain: {middlewares: [one]}}
tls:
  options: {strict: {minVersion: VersionTLS13}}
";

fn answer(question: &Question, live: bool) -> Explained {
    let config = parse_text("d.yml", TEXT, Format::Yaml).unwrap().config;
    compiled(config).explain(question, live)
}

#[test]
fn order_reasons_and_what_is_behind() {
    let mut asked = question("GET", "http://a.test/?token=abc&q=1", &[("X-A", "2")]);
    asked
        .headers
        .push(("Authorization".to_owned(), "Basic abc".to_owned()));
    let explained = answer(&asked, true);
    let names: Vec<_> = explained
        .routers
        .iter()
        .map(|tried| tried.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["first@file", "long@file", "short@file", "parent@file"]
    );
    let [first, long, short, parent] = explained.routers.as_slice() else {
        panic!("{names:?}");
    };
    assert_eq!(
        first.priority,
        Priority {
            value: 900,
            from: PriorityFrom::Set
        }
    );
    assert_eq!(
        short.priority,
        Priority {
            value: 14,
            from: PriorityFrom::RuleLength
        }
    );
    assert_eq!(long.failed[0].matcher, "Header(`X-A`, `1`)");
    assert_eq!(long.failed[0].saw, "x-a: 2");
    assert_eq!(first.failed[1].saw, "token=(not shown)");
    assert!(short.matched && short.reached && !parent.reached);
    let [chosen] = explained.chosen.as_slice() else {
        panic!("{:?}", explained.chosen);
    };
    assert_eq!(chosen.router, "short@file");
    assert_eq!(chosen.middlewares[0].members[0].name, "one@file");
    let service = chosen.service.as_ref().unwrap();
    assert_eq!(
        (service.kind.as_str(), service.services[0].role.as_str()),
        ("weighted", "weight 5")
    );
    let servers = &service.services[0].service.servers;
    assert_eq!((servers[1].weight, servers[1].status), (3, Some("UP")));
    let disabled = &explained.disabled[0];
    assert_eq!(
        (disabled.name.as_str(), disabled.matches),
        ("broken@file", Some(true))
    );
    let json = serde_json::to_string(&explained).unwrap();
    assert!(!json.contains("abc"), "{json}");
}

#[test]
fn children_tls_and_refusals() {
    let explained = answer(&question("GET", "http://p.test/c", &[]), false);
    let routers: Vec<_> = explained
        .chosen
        .iter()
        .map(|chosen| chosen.router.as_str())
        .collect();
    assert_eq!(routers, ["parent@file", "child@file"]);
    let servers = &explained.chosen[1].service.as_ref().unwrap().servers;
    assert_eq!(
        servers[0].status, None,
        "nobody knows without a gateway that runs"
    );

    let explained = answer(&question("GET", "http://s.test/", &[]), true);
    assert_eq!(
        explained.notes,
        ["over TLS the router secure@file would take it"]
    );
    let explained = answer(&question("GET", "https://s.test/", &[]), true);
    assert_eq!(explained.chosen[0].router, "secure@file");
    assert_eq!(explained.tls.unwrap().options.as_deref(), Some("default"));

    let explained = answer(&question("GET", "https://t.test/", &[]), true);
    assert_eq!(explained.refused, None);
    assert_eq!(
        explained.tls.unwrap().options.as_deref(),
        Some("strict@file")
    );
    // A connection for one host that asks for another one, whose options are stricter.
    let asked = question("GET", "https://s.test/", &[("Host", "t.test")]);
    let explained = answer(&asked, true);
    assert!(explained.refused.unwrap_or_default().starts_with("421 "));
    assert_eq!(explained.chosen[0].router, "strict@file");

    for (method, url, headers, why) in [
        ("CONNECT", "http://a.test/", &[][..], "501"),
        ("GET", "http://a.test/%zz", &[], "invalid percent escape"),
        (
            "GET",
            "http://a.test/",
            &[("X_A", "1")],
            "underscoreHeadersStrategy",
        ),
        ("GET", "http://a.test/%00", &[], "encodedCharacters"),
    ] {
        let explained = answer(&question(method, url, headers), true);
        let refused = explained.refused.unwrap_or_default();
        assert!(refused.contains(why), "{url}: {refused}");
    }
}
