//! Tests of the environment.

use std::path::Path;
use std::time::Duration;

use super::{
    Cidr, Config, ConfigErrors, Environment, LogLevel, PersistMode, Quality, Resolution, Role,
    Secret, StorePath, Warning,
};

fn read(vars: &[(&str, &str)]) -> Result<(Config, Vec<Warning>), ConfigErrors> {
    let vars = vars.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    Config::from_vars(vars)
}

fn good(vars: &[(&str, &str)]) -> Config {
    read(vars).unwrap_or_else(|error| panic!("{error}")).0
}

/// The names that are complained about.
fn wrong(vars: &[(&str, &str)]) -> Vec<&'static str> {
    match read(vars) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.problems().iter().map(|p| p.variable).collect(),
    }
}

fn warned(vars: &[(&str, &str)]) -> Vec<&'static str> {
    let (_, warnings) = read(vars).unwrap_or_else(|error| panic!("{error}"));
    warnings.iter().map(|warning| warning.variable).collect()
}

fn url(vars: &[(&str, &str)]) -> Option<String> {
    good(vars).store.redis.map(|url| url.expose().to_owned())
}

#[test]
fn an_empty_environment_is_the_documented_defaults() {
    let config = good(&[("PORT", ""), ("REDIS_URL", "  ")]);
    let ports = config.ports;
    assert_eq!(
        (ports.api, ports.ws, ports.metrics, ports.health),
        (4200, 4201, 4290, 4291)
    );
    assert_eq!(ports.host.to_string(), "0.0.0.0");
    assert_eq!(config.environment, Environment::Development);
    assert_eq!(
        (config.log.level, config.log.pretty),
        (LogLevel::Info, false)
    );
    assert_eq!(config.store.redis, None);
    assert_eq!(
        config.store.path,
        StorePath::File(Path::new("data/stream-manager.json").into())
    );
    assert_eq!(config.store.persist_mode, PersistMode::Degrade);
    assert!(!config.store.instance_id.is_empty());
    let stream = &config.stream;
    assert_eq!((stream.resolution, stream.target_fps), (Resolution::HD, 30));
    assert_eq!(
        (stream.bitrate.as_str(), stream.quality),
        ("2000k", Quality::High)
    );
    assert_eq!((stream.max_layers, stream.auto_start), (50, false));
    assert_eq!(config.frames.viewport, Resolution::HD);
    assert!(config.frames.drop_frames);
    assert_eq!(
        (config.ws.max_clients, config.ws.max_clients_per_ip),
        (10_000, None)
    );
    assert_eq!(config.ws.timeout, Duration::from_secs(60));
    assert_eq!(config.telemetry.broadcast, Duration::from_secs(1));
    assert_eq!(config.rest.rate_limit_requests, 100);
    assert!(config.auth.mode.is_off());
    assert_eq!(config.shutdown_grace, Duration::from_secs(10));
}

#[test]
fn every_mistake_is_named_at_once_with_value_reason_and_choice() {
    let vars = [
        ("PORT", "80a"),
        ("WS_PORT", "70000"),
        ("NODE_ENV", "prod"),
        ("LOG_LEVEL", "loud"),
        ("TARGET_FPS", "0"),
        ("RENDER_QUALITY", "best"),
        ("STREAM_BITRATE", "fast"),
        ("STATE_PERSIST_MODE", "maybe"),
        ("MAX_LAYERS", "-1"),
        ("HOST", "localhost"),
        ("WS_SEND_QUEUE", "1e3"),
        ("AUTH_MODE", "none"),
        ("ALLOWED_IPS", "10.0.0.0/33"),
    ];
    let mut names = wrong(&vars);
    names.sort_unstable();
    let mut expected: Vec<_> = vars.iter().map(|(name, _)| *name).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    let text = read(&vars).unwrap_err().to_string();
    for line in [
        r#"PORT="80a": is not a whole number; allowed: a whole number from 0 to 65535"#,
        r#"WS_PORT="70000": is out of range; allowed: a whole number from 0 to 65535"#,
        r#"RENDER_QUALITY="best": is not a quality; allowed: low, medium or high"#,
        r#"NODE_ENV="prod": is not an environment; allowed: development, production or test"#,
    ] {
        assert!(text.contains(line), "{line}\nnot in\n{text}");
    }
}

#[test]
fn ports_differ_unless_any_will_do() {
    assert_eq!(wrong(&[("WS_PORT", "4200")]), ["WS_PORT"]);
    assert_eq!(wrong(&[("PORT", "4291")]), ["HEALTH_PORT"]);
    let any = [
        ("PORT", "0"),
        ("WS_PORT", "0"),
        ("METRICS_PORT", "0"),
        ("HEALTH_PORT", "0"),
    ];
    assert_eq!(good(&any).ports.health, 0);
}

#[test]
fn the_redis_url_comes_from_one_variable_or_from_pieces() {
    assert_eq!(
        url(&[("REDIS_URL", "redis://h:1/2")]).as_deref(),
        Some("redis://h:1/2")
    );
    let both = [
        ("REDIS_URL", "redis://:own@h"),
        ("REDIS_PASSWORD", "p"),
        ("REDIS_HOST", "x"),
    ];
    assert_eq!(
        url(&both).as_deref(),
        Some("redis://:own@h"),
        "the URL wins"
    );
    let added = [("REDIS_URL", "redis://h"), ("REDIS_PASSWORD", "p@/s")];
    assert_eq!(url(&added).as_deref(), Some("redis://:p%40%2Fs@h"));
    let pieces = [
        ("REDIS_HOST", "cache"),
        ("REDIS_PORT", "7000"),
        ("REDIS_PASSWORD", "p"),
    ];
    assert_eq!(url(&pieces).as_deref(), Some("redis://:p@cache:7000"));
    assert_eq!(
        url(&[("REDIS_HOST", "::1")]).as_deref(),
        Some("redis://[::1]:6379")
    );
    assert_eq!(
        url(&[("REDIS_PORT", "7000")]).as_deref(),
        Some("redis://redis:7000")
    );
    assert_eq!(
        warned(&[("REDIS_PASSWORD", "p")]),
        ["REDIS_PASSWORD", "AUTH_MODE"]
    );
    for bad in ["http://h", "redis://", "h:6379", "redis://h:port"] {
        assert_eq!(wrong(&[("REDIS_URL", bad)]), ["REDIS_URL"], "{bad}");
    }
    assert_eq!(wrong(&[("REDIS_HOST", "a b")]), ["REDIS_HOST"]);
}

#[test]
fn secrets_are_shown_nowhere() {
    let vars = [
        ("REDIS_URL", "http://:hunter2@h"),
        ("STREAM_API_TOKENS", "a:operator:hunter2,b:hunter2,hunter2"),
        ("AUTH_MODE", "token"),
        ("JWT_SECRET", "hunter2"),
    ];
    let text = format!("{0} {0:?}", read(&vars).unwrap_err());
    assert!(!text.contains("hunter2"), "{text}");
    assert!(
        text.contains("entry 2") && text.contains("entry 3"),
        "{text}"
    );
    let config = good(&[
        ("REDIS_URL", "redis://:hunter2@h"),
        ("JWT_SECRET", "hunter2"),
    ]);
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(Secret::new("x").to_string(), "***");
}

#[test]
fn production_asks_for_a_decision_about_identity() {
    assert_eq!(wrong(&[("NODE_ENV", "production")]), ["AUTH_MODE"]);
    let off = [("NODE_ENV", "production"), ("AUTH_MODE", "off")];
    assert_eq!(warned(&off), ["AUTH_MODE"]);
    assert_eq!(wrong(&[("AUTH_MODE", "token")]), ["STREAM_API_TOKENS"]);
    assert_eq!(wrong(&[("AUTH_MODE", "jwt")]), ["JWT_JWKS_URL"]);
    let both = [
        ("AUTH_MODE", "token,jwt"),
        ("STREAM_API_TOKENS", "ci:operator:a:b, tv:viewer:c"),
        ("JWT_PUBLIC_KEY", "-----BEGIN\\nKEY"),
    ];
    let auth = good(&both).auth;
    assert!(auth.mode.token && auth.mode.jwt);
    assert_eq!(
        (auth.tokens[0].role, auth.tokens[0].secret.expose()),
        (Role::Operator, "a:b")
    );
    assert_eq!(auth.tokens[1].name, "tv");
    assert_eq!(auth.jwt.public_key.as_deref(), Some("-----BEGIN\nKEY"));
    assert!(Role::Admin > Role::Operator && Role::Moderator > Role::Viewer);
}

#[test]
fn keys_of_jwts_are_checked_as_far_as_they_can_be_here() {
    let jwt = |name, value| [("AUTH_MODE", "jwt"), (name, value)];
    for bad in [
        "issuer.example/keys",
        "ftp://issuer.example/keys",
        "https://",
        "https://a b/keys",
        "https://me:hunter2@issuer.example/keys",
    ] {
        let vars = jwt("JWT_JWKS_URL", bad);
        assert_eq!(wrong(&vars), ["JWT_JWKS_URL"], "{bad}");
        let text = read(&vars).unwrap_err().to_string();
        assert!(!text.contains("hunter2"), "{text}");
    }
    for (url, warnings) in [
        ("https://issuer.example/keys", 0),
        ("http://localhost:8080/keys", 0),
        ("http://[::1]/keys", 0),
        ("http://issuer.example/keys", 1),
    ] {
        let names = warned(&jwt("JWT_JWKS_URL", url));
        assert_eq!(names, vec!["JWT_JWKS_URL"; warnings], "{url}");
    }
    assert_eq!(warned(&jwt("JWT_SECRET", "short")), ["JWT_SECRET"]);
    let long = "x".repeat(32);
    assert!(warned(&jwt("JWT_SECRET", &long)).is_empty());
}

#[test]
fn odd_values_earn_a_warning() {
    let (config, warnings) = read(&[
        ("STREAM_RESOLUTION", "wide"),
        ("ENABLE_HARDWARE_ACCELERATION", "yes"),
        ("RENDER_DROP_FRAMES", "false"),
        ("EVENTS_PUBLISH", "true"),
    ])
    .unwrap();
    assert_eq!(config.stream.resolution, Resolution::HD);
    assert!(!config.stream.hardware_acceleration && !config.frames.drop_frames);
    let names: Vec<_> = warnings.iter().map(|warning| warning.variable).collect();
    let expected = [
        "STREAM_RESOLUTION",
        "ENABLE_HARDWARE_ACCELERATION",
        "EVENTS_PUBLISH",
        "AUTH_MODE",
    ];
    assert_eq!(names.len(), expected.len(), "{names:?}");
    assert!(
        expected.iter().all(|name| names.contains(name)),
        "{names:?}"
    );
}

#[test]
fn names_of_other_services_are_ignored() {
    let vars = [
        "STREAM_URL",
        "FFMPEG_PATH",
        "RTMP_PORT",
        "WORKER_COUNT",
        "DATABASE_URL",
        "BUFFER_SIZE",
    ];
    let vars: Vec<_> = vars.iter().map(|name| (*name, "@ nonsense @")).collect();
    assert_eq!(good(&vars), good(&[]));
}

#[test]
fn a_heartbeat_that_drops_everybody_is_refused() {
    assert_eq!(
        wrong(&[("WS_PING_INTERVAL_MS", "60000")]),
        ["WS_TIMEOUT_MS"]
    );
}

#[test]
fn an_origin_that_no_browser_sends_is_refused() {
    for origin in [
        "admin.example",
        "null",
        "https://admin.example/app",
        "https://user@admin.example",
        "ftp://admin.example",
        "https://",
        "not a url",
    ] {
        assert_eq!(
            wrong(&[("ALLOWED_ORIGINS", origin)]),
            ["ALLOWED_ORIGINS"],
            "{origin}"
        );
    }
    good(&[(
        "ALLOWED_ORIGINS",
        "*, https://admin.example, http://[::1]:8080/",
    )]);
}

#[test]
fn ranges_hold_their_addresses() {
    let holds = |range: &str, address: &str| {
        range
            .parse::<Cidr>()
            .unwrap()
            .contains(address.parse().unwrap())
    };
    assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
    assert!(
        holds("10.0.0.0/8", "::ffff:10.1.1.1"),
        "IPv4 in IPv6 clothes"
    );
    assert!(holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "::1"));
    assert!(holds("fc00::/7", "fd00::1") && !holds("fc00::/7", "fe80::1"));
    assert!(holds("192.168.1.1", "192.168.1.1") && !holds("192.168.1.1", "192.168.1.2"));
    assert!(holds("::/0", "2001:db8::1"));
    let trusted = good(&[]).auth.trusted_proxies;
    assert_eq!(trusted.len(), 6);
}

#[test]
fn sizes_and_rates_are_read_strictly() {
    assert_eq!(
        "1920X1080".parse::<Resolution>().unwrap().to_string(),
        "1920x1080"
    );
    for bad in [
        "1280",
        "1280x",
        "x720",
        "1280x720x1",
        "+1280x720",
        "8x8",
        "99999x99999",
        "1280 x 720",
    ] {
        assert!(bad.parse::<Resolution>().is_err(), "{bad}");
    }
    for good in ["2000k", "2M", "2500000"] {
        assert_eq!(good.parse::<super::Bitrate>().unwrap().to_string(), good);
    }
    for bad in ["", "k", "0k", "-1k", "2G", "1.5M", "+2M"] {
        assert!(bad.parse::<super::Bitrate>().is_err(), "{bad}");
    }
}
