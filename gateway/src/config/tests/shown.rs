//! The JSON of routing objects, as Traefik's API shows it.

use crate::config::dynamic::{self, Type};
use crate::config::source::Format;

const TEXT: &str = r#"
http:
  routers:
    r: { rule: "Path(`/s`)", service: a, tls: {}, observability: { metrics: false } }
  services:
    a: { loadBalancer: { servers: [ { url: "http://x" }, { url: "http://y", weight: 2 } ], passHostHeader: false } }
    w: { weighted: { services: [ { name: a }, { name: m, weight: 3 } ], sticky: { cookie: { name: c } } } }
    m: { mirroring: { service: a, mirrors: [ { name: a, percent: 10 } ] } }
    f: { failover: { service: a, fallback: m, healthCheck: {} } }
  middlewares:
    unused: { compress: {} }
    limit: { rateLimit: { average: 5, redis: { password: hunter2 } } }
    empty: {}
tcp:
  routers: { t: { rule: "HostSNI(`t`)", service: ta, tls: {} } }
  services: { ta: { loadBalancer: { servers: [ { address: "x:1" } ] } } }
"#;

#[test]
fn shown_as_the_api_shows_it() {
    let config = dynamic::parse_text("d.yml", TEXT, Format::Yaml)
        .unwrap()
        .config;
    let (http, tcp) = (config.http.unwrap(), config.tcp.unwrap());
    let shown = |value: &dyn erased::Json| value.json();
    for (value, expected) in [
        (
            shown(&http.routers["r"]),
            r#"{"service":"a","rule":"Path(`/s`)","tls":{},"observability":{"metrics":false,"traceVerbosity":"minimal"}}"#,
        ),
        (
            shown(&http.services["a"]),
            r#"{"loadBalancer":{"servers":[{"url":"http://x"},{"url":"http://y","weight":2}],"strategy":"wrr","passHostHeader":false,"responseForwarding":{"flushInterval":"100ms"}}}"#,
        ),
        (
            shown(&http.services["w"]),
            r#"{"weighted":{"services":[{"name":"a","weight":1},{"name":"m","weight":3}],"sticky":{"cookie":{"name":"c","path":"/"}}}}"#,
        ),
        (
            shown(&http.services["m"]),
            r#"{"mirroring":{"service":"a","mirrorBody":true,"maxBodySize":-1,"mirrors":[{"name":"a","percent":10}]}}"#,
        ),
        (
            shown(&http.services["f"]),
            r#"{"failover":{"service":"a","fallback":"m","healthCheck":{}}}"#,
        ),
        (
            shown(&http.middlewares["unused"]),
            r#"{"compress":{"encodings":["gzip","br","zstd"]}}"#,
        ),
        (
            shown(&http.middlewares["limit"]),
            r#"{"rateLimit":{"average":5,"period":"1s","burst":1,"redis":{"endpoints":["localhost:6379"],"password":"xxxx","readTimeout":"3s","writeTimeout":"3s","dialTimeout":"5s"}}}"#,
        ),
        (shown(&http.middlewares["empty"]), "{}"),
        (
            shown(&tcp.routers["t"]),
            r#"{"service":"ta","rule":"HostSNI(`t`)","tls":{"passthrough":false}}"#,
        ),
        (
            shown(&tcp.services["ta"]),
            r#"{"loadBalancer":{"servers":[{"address":"x:1"}]}}"#,
        ),
    ] {
        assert_eq!(value, expected);
    }
}

#[test]
fn types_are_told_apart() {
    let config = dynamic::parse_text("d.yml", TEXT, Format::Yaml)
        .unwrap()
        .config;
    let http = config.http.unwrap();
    assert_eq!(http.middlewares["empty"].type_of(), Type::None);
    assert_eq!(http.middlewares["unused"].type_of(), Type::One("compress"));
    assert_eq!(http.services["w"].type_of(), Type::One("weighted"));
}

mod erased {
    //! Objects of different types in one table of expectations.
    pub(super) trait Json {
        fn json(&self) -> String;
    }

    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> String {
            serde_json::to_string(self).unwrap()
        }
    }
}
