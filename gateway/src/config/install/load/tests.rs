//! The install configuration from files, flags and environment.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::types::Duration;

fn args(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

fn run(flags: &[&str], env: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let env = env
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    match load(&args(flags), env)? {
        Outcome::Run(loaded) => Ok(*loaded),
        Outcome::Help(_) => panic!("help"),
    }
}

fn yaml(text: &str) -> Result<Loaded, ConfigErrors> {
    let tree = source::Format::Yaml.parse("traefik.yml", text).unwrap();
    from_tree(&tree, Dialect::File)
}

fn refused(result: Result<Loaded, ConfigErrors>, expected: &str) {
    let message = result
        .err()
        .map_or_else(|| "accepted".to_owned(), |error| error.to_string());
    assert!(message.contains(expected), "{message}\nlacks {expected}");
}

/// Every way to write a flag that Traefik takes.
const FLAGS: &[&str] = &[
    "--entryPoints.web.address=:81",
    "--ENTRYPOINTS.web.FORWARDEDHEADERS.TRUSTEDIPS=10.0.0.0/8,127.0.0.1/32",
    "-entrypoints.other.address",
    ":82",
    "--entrypoints.web.transport.respondingtimeouts.readtimeout=42",
    "--entrypoints.web.transport.respondingTimeouts.idleTimeout=1m30s",
    "--entrypoints.web.http.tls.domains[0].main=a.test",
    "--entrypoints.web.http.tls.domains[0].sans=b.test,c.test",
    "--api.insecure",
    "--api.dashboard=false",
    "--metrics.prometheus.buckets=0.1,0.3",
    "--metrics.prometheus.buckets=1.2",
    "--ping",
    "true",
    "--log.level=DEBUG",
];

#[test]
fn flags_in_every_spelling() {
    let loaded = run(FLAGS, &[("TRAEFIK_ACCESSLOG", "true")]).unwrap();
    let config = &loaded.config;
    assert_eq!(loaded.source, Source::Flags);
    let web = &config.entry_points["web"];
    assert_eq!(
        web.forwarded_headers.trusted_ips,
        ["10.0.0.0/8", "127.0.0.1/32"]
    );
    assert_eq!(
        web.transport.responding_timeouts.read_timeout,
        Duration::from_secs(42)
    );
    assert_eq!(
        web.transport.responding_timeouts.idle_timeout,
        Duration::from_secs(90)
    );
    let tls = web.http.tls.as_ref().unwrap();
    assert_eq!(
        (tls.domains[0].main.as_str(), tls.domains[0].sans.len()),
        ("a.test", 2)
    );
    assert_eq!(config.entry_points["other"].address, ":82");
    assert_eq!(config.entry_points["traefik"].address, ":8080");
    assert!(config.ping.is_some() && config.access_log.is_none());
    assert!(
        config
            .api
            .as_ref()
            .is_some_and(|api| api.insecure && !api.dashboard)
    );
    // `--ping true` ends the flags, so the level that follows does not count; this is said.
    assert!(config.log.is_none());
    assert_eq!(
        config
            .metrics
            .as_ref()
            .unwrap()
            .prometheus
            .as_ref()
            .unwrap()
            .buckets,
        [0.1, 0.3, 1.2]
    );
    assert_eq!(loaded.warnings.len(), 1);
}

#[test]
fn environment_if_there_are_no_flags() {
    let env = [
        ("TRAEFIK_ENTRYPOINTS_web_ADDRESS", ":81"),
        (
            "TRAEFIK_ENTRYPOINTS_WEB_FORWARDEDHEADERS_TRUSTEDIPS",
            "10.0.0.0/8",
        ),
        ("TRAEFIK_ENTRYPOINTS_WEB_HTTP_TLS_DOMAINS_0_MAIN", "a.test"),
        ("TRAEFIK_API", "true"),
        ("TRAEFIK_API_INSECURE", "true"),
        ("TRAEFIK_CONFIGFILE", "/nowhere.yml"),
        ("TRAEFIK_PORT_80_TCP", "tcp://10.0.0.1:80"),
    ];
    let loaded = run(&[], &env).unwrap();
    assert_eq!(loaded.source, Source::Environment);
    let web = &loaded.config.entry_points["web"];
    assert_eq!(
        (
            web.address.as_str(),
            web.forwarded_headers.trusted_ips.len()
        ),
        (":81", 1)
    );
    assert_eq!(web.http.tls.as_ref().unwrap().domains[0].main, "a.test");
    refused(
        run(&[], &[("TRAEFIK_API_INSECUR", "true")]),
        "variable TRAEFIK_API_INSECUR: api: unknown key",
    );
}

#[test]
fn nothing_given() {
    let loaded = run(&[], &[]).unwrap();
    assert_eq!(loaded.source, Source::Defaults);
    assert_eq!(loaded.config.entry_points["http"].address, ":80");
}

#[test]
fn a_file_counts_alone_and_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home/.config");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(
        home.join("traefik.yml"),
        "entryPoints: { home: { address: ':81' } }",
    )
    .unwrap();
    let named = dir.path().join("my.toml");
    std::fs::write(&named, "[entryPoints.named]\naddress = ':82'").unwrap();
    let env = [("HOME", dir.path().join("home").to_str().unwrap().to_owned())];
    let env: Vec<(&str, &str)> = env
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();

    let flag = format!("--configfile={}", named.display());
    let loaded = run(&[&flag, "--api.insecure"], &env).unwrap();
    assert_eq!(loaded.source, Source::File(named));
    assert!(loaded.config.api.is_none() && loaded.config.entry_points.contains_key("named"));
    assert_eq!(loaded.warnings.len(), 1);

    let loaded = run(&["--configFile=/absent.yml", "--api.insecure"], &env).unwrap();
    assert!(loaded.config.entry_points.contains_key("home"));

    let loaded = run(&["--configFile=/absent.yml", "--api.insecure"], &[]).unwrap();
    assert_eq!(loaded.source, Source::Flags);
}

#[test]
fn help_is_asked_for() {
    let Outcome::Help(text) = load(&args(&["--help"]), []).unwrap() else {
        panic!("no help")
    };
    assert!(text.contains("Usage:"));
    assert!(text.contains(
        "--entrypoints.<name>.transport.respondingtimeouts.idletimeout  (Default: \"180\")"
    ));
}

#[test]
fn flags_that_are_refused() {
    let web = "--entrypoints.web.address=127.0.0.1:0";
    for (flag, expected) in [
        ("--api.insecure=maybe", "expected true or false"),
        (
            "--entrypoints.web.transport.respondingtimeouts.readtimeout=soon",
            "is no duration",
        ),
        (
            "--entrypoints.web.http2.maxconcurrentstreams=many",
            "expected a whole number",
        ),
        (
            "--entrypoints.web.http2.maxconcurrentstreams=-1",
            "must be greater than or equal to zero",
        ),
        ("--entrypoints.web.addres=:1", "did you mean `address`?"),
        ("--log.level", "needs a value"),
        ("--providers.providersthrottleduration=-x", "is no duration"),
        ("--nothing.like=this", "unknown key `nothing`"),
        ("--=x", "bad flag syntax"),
        ("--http.routers.r.rule=x", "unknown key `http`"),
    ] {
        refused(run(&[web, flag], &[]), expected);
    }
    for flag in [
        "nonsense",
        "--entrypoints.web.http.tls.domains=a",
        "--api.insecure=1",
    ] {
        assert!(run(&[web, flag], &[]).is_ok(), "{flag}");
    }
}

/// Files with something wrong in them, and what the error says.
const REFUSED: &[(&str, &str)] = &[
    (
        "entryPoints: { web: { address: '127.0.0.1' } }",
        "traefik.yml:1:32: entryPoints.web.address: address",
    ),
    (
        "entryPoints: { web: { address: ':99999' } }",
        "invalid port",
    ),
    (
        "entryPoints: { web: { address: ':1/sctp' } }",
        "invalid protocol: sctp",
    ),
    ("entryPoints: { web: {} }", "has no address"),
    (
        "entryPoints: { web: { nothing: 1, address: ':1' } }",
        "unknown key `nothing`",
    ),
    (
        "entryPoints: { web: { address: ':1', proxyProtocol: { trustedIPs: [x] } } }",
        "invalid CIDR address",
    ),
    ("api: { basePath: nope }", "valid absolute URL path"),
    (
        "providers: { precedence: [nowhere] }",
        "\"nowhere\" is not a valid provider name",
    ),
    ("experimental: { http3: true }", "no longer experimental"),
    ("metrics: { influxDB: { address: x } }", "influxDB2"),
    ("tracing: { jaeger: {} }", "tracing.otlp"),
    ("pilot: { token: x }", "Pilot was removed"),
    (
        "providers: { docker: { swarmMode: true } }",
        "providers.swarm",
    ),
    (
        "providers: { http: { endpoint: x, tls: { caOptional: true } } }",
        "removed in v3",
    ),
    (
        "core: { defaultRuleSyntax: v1 }",
        "unsupported default rule syntax",
    ),
    (
        "certificatesResolvers: { le: { acme: { storage: '' } } }",
        "no storage",
    ),
    ("log: { otlp: {} }", "experimental.otlplogs"),
    ("metrics: {}", "cannot be a standalone element"),
    ("{}", "no valid configuration found in file"),
    ("nothing: 1", "no valid configuration found in file"),
];

#[test]
fn files_that_are_refused() {
    for (text, expected) in REFUSED {
        refused(yaml(text), expected);
    }
}

#[test]
fn files_that_are_tolerated() {
    for (text, warnings) in [
        ("log: [1, 2]", 1),
        ("log: { level: LOUD }", 0),
        ("log: {}\nnothing: { like: this }", 1),
        ("log: {}\nhttp: { routers: { r: { rule: x } } }", 0),
        ("ping: { entryPoint: nowhere }", 0),
        ("providers: { file: { watch: true } }", 0),
        ("providers: { precedence: [HTTP, file] }", 0),
        (
            "entryPoints: { web: { address: ':1', http: { redirections: { entryPoint: { to: web } } } } }",
            0,
        ),
        (
            "providers: { consul: {}, kubernetesIngress: { endpoint: x } }",
            2,
        ),
        (
            "experimental: { kubernetesGateway: false, plugins: { a: { moduleName: b } } }",
            1,
        ),
        ("api:\nping: {}\nlog: true\naccessLog: false", 0),
    ] {
        let loaded = yaml(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            loaded.warnings.len(),
            warnings,
            "{text}: {:?}",
            loaded.warnings
        );
    }
    let loaded = yaml("api:\nping: {}\nlog: true\naccessLog: false").unwrap();
    let config = loaded.config;
    assert!(
        config.api.is_none()
            && config.ping.is_some()
            && config.log.is_some()
            && config.access_log.is_none()
    );
}

#[test]
fn shown_as_traefik_shows_it() {
    let web =
        "entryPoints: { web: { address: ':1', transport: { lifeCycle: { graceTimeOut: 2s } } } }";
    let shown = serde_json::to_string(&yaml(web).unwrap().config.entry_points["web"]).unwrap();
    let expected = concat!(
        r#"{"address":":1","transport":{"lifeCycle":{"graceTimeOut":"2s"},"#,
        r#""respondingTimeouts":{"readTimeout":"1m0s","idleTimeout":"3m0s"}},"forwardedHeaders":{},"#,
        r#""http":{"sanitizePath":true,"maxHeaderBytes":1048576,"underscoreHeadersStrategy":"keep"},"#,
        r#""http2":{"maxConcurrentStreams":250,"maxDecoderHeaderTableSize":4096,"maxEncoderHeaderTableSize":4096},"#,
        r#""udp":{"timeout":"3s"}}"#
    );
    assert_eq!(shown, expected);
}
