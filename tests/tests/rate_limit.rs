//! `rateLimit` under many clients at once: over all workers, over two gateways on one Redis, and without that Redis.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sluice_tests::http1::{self, Client, Response};
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::ports;
use sluice_tests::redis::{PASSWORD, Redis};
use sluice_tests::stack::Gateway;
use sluice_tests::tls::Authority;
use sluice_tests::upstream::Upstream;

const CLIENTS: usize = 64;

/// One router for each host `NAME.test`, each with a limit of that name and these options.
fn limits(port: u16, limits: &[(&str, &str)]) -> String {
    let mut routers = String::new();
    let mut middlewares = String::new();
    for (name, options) in limits {
        routers += &format!(
            "    {name}: {{rule: 'Host(`{name}.test`)', service: app, middlewares: [{name}]}}\n"
        );
        middlewares += &format!("    {name}: {{rateLimit: {{{options}}}}}\n");
    }
    format!(
        "\
http:
  routers:
    open: {{rule: 'Host(`open.test`)', service: app}}
{routers}  middlewares:
    unused: {{addPrefix: {{prefix: /}}}}
{middlewares}  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
"
    )
}

/// The option `redis`, with more of its own.
fn in_redis(redis: &Redis, more: &str) -> String {
    format!(
        "redis: {{endpoints: ['127.0.0.1:{}'], password: {PASSWORD}{more}}}",
        redis.port
    )
}

/// Many clients at once, each on a connection of its own, with so many requests each; how many were answered with 200. The
/// others are refusals.
async fn storm(ports: &[u16], host: &'static str, requests: usize) -> Result<usize> {
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        let port = ports[number % ports.len()];
        clients.spawn(async move {
            let mut client = Client::connect(port).await?;
            let mut passed = 0;
            for _ in 0..requests {
                match client.get(host, "/").await?.status {
                    200 => passed += 1,
                    429 => {}
                    other => anyhow::bail!("{other}"),
                }
            }
            Ok(passed)
        });
    }
    let mut passed = 0;
    while let Some(client) = clients.join_next().await {
        passed += client??;
    }
    Ok(passed)
}

#[tokio::test]
async fn a_burst_is_exact_over_all_workers() -> Result<()> {
    let server = Upstream::forgetful("ok").await?;
    let options = "average: 1, period: 24h, burst: 100";
    let gateway = Gateway::start(&limits(server.port, &[("a", options)])).await?;
    assert_eq!(storm(&[gateway.web], "a.test", 8).await?, 100);
    Ok(())
}

#[tokio::test]
async fn no_more_passes_than_the_time_allows() -> Result<()> {
    let server = Upstream::forgetful("ok").await?;
    let options = "average: 40, burst: 20";
    let gateway = Gateway::start(&limits(server.port, &[("a", options)])).await?;
    let start = Instant::now();
    let passed = storm(&[gateway.web], "a.test", 40).await?;
    // The bucket, what came into it, and one that waits for its token.
    let most = 20.0 + 40.0 * start.elapsed().as_secs_f64() + 1.0;
    ensure!(
        (20.0..=most).contains(&(passed as f64)),
        "{passed} of at most {most}"
    );
    Ok(())
}

#[tokio::test]
async fn a_burst_is_exact_over_two_gateways() -> Result<()> {
    let (server, redis) = (Upstream::forgetful("ok").await?, Redis::start().await?);
    let options = format!(
        "average: 1, period: 24h, burst: 100, {}",
        in_redis(&redis, "")
    );
    let file = limits(server.port, &[("a", &options)]);
    let (one, other) = (Gateway::start(&file).await?, Gateway::start(&file).await?);
    assert_eq!(storm(&[one.web, other.web], "a.test", 8).await?, 100);

    // As Traefik would have it, which reads the fields by their place.
    let bucket = redis.call("HGETALL rate:a@file:127.0.0.1").await?;
    let fields: Vec<&str> = bucket.lines().collect();
    assert_eq!(
        (fields[0], fields[2], fields[6]),
        ("*4", "last", "tokens"),
        "{bucket}"
    );
    let left = redis.call("TTL rate:a@file:127.0.0.1").await?;
    assert_eq!(left.trim(), ":86401");
    Ok(())
}

#[tokio::test]
async fn answers_tell_the_limit_and_what_is_left() -> Result<()> {
    let (server, redis) = (Upstream::forgetful("ok").await?, Redis::start().await?);
    let slow = "average: 1, period: 1h, burst: 2";
    let shared = format!("{slow}, {}", in_redis(&redis, ""));
    let quiet = format!("{slow}, headers: false");
    let limits = limits(
        server.port,
        &[("local", slow), ("shared", &shared), ("quiet", &quiet)],
    );
    let gateway = Gateway::start(&limits).await?;
    for name in ["local", "shared"] {
        let host = format!("{name}.test");
        for expected in [
            (200, "r=1;t=3600"),
            (200, "r=0;t=3600"),
            (429, "r=0;t=3600"),
        ] {
            let answer = gateway.get(&host, "/").await?;
            assert_eq!(answer.status, expected.0);
            assert_eq!(
                answer.header("RateLimit-Policy"),
                Some(&*format!("\"{name}\";q=2;w=7200"))
            );
            assert_eq!(
                answer.header("RateLimit"),
                Some(&*format!("\"{name}\";{}", expected.1))
            );
            let again = (expected.0 == 429).then_some("3600");
            assert_eq!(answer.header("Retry-After"), again);
        }
    }
    for status in [200, 200, 429] {
        let answer = gateway.get("quiet.test", "/").await?;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("RateLimit"), None);
        assert_eq!(answer.header("RateLimit-Policy"), None);
    }
    Ok(())
}

async fn statuses(gateway: &Gateway, host: &str, count: usize) -> Result<Vec<u16>> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(gateway.get(host, "/").await?.status);
    }
    Ok(statuses)
}

fn said(gateway: &Gateway, text: &str) -> usize {
    gateway.process.log().matches(text).count()
}

#[tokio::test]
async fn redis_goes_away_and_comes_back() -> Result<()> {
    let (server, mut redis) = (Upstream::forgetful("ok").await?, Redis::start().await?);
    let options = |choice: &str| {
        let redis = in_redis(&redis, choice);
        format!("average: 1, period: 24h, burst: 3, {redis}")
    };
    let (traefik, deny) = (options(""), options(", onUnavailable: deny"));
    let (allow, local) = (
        options(", onUnavailable: allow"),
        options(", onUnavailable: local"),
    );
    let all = [
        ("traefik", &*traefik),
        ("deny", &*deny),
        ("allow", &*allow),
        ("local", &*local),
    ];
    let mut gateway = Gateway::start(&limits(server.port, &all)).await?;
    for (name, _) in all {
        assert_eq!(statuses(&gateway, &format!("{name}.test"), 1).await?, [200]);
    }

    redis.kill().await?;
    for host in ["traefik.test", "deny.test"] {
        assert_eq!(statuses(&gateway, host, 6).await?, [500; 6]);
    }
    let denied: Response = gateway.get("deny.test", "/").await?;
    assert_eq!(denied.text(), "Could not insert/update bucket\n");
    assert_eq!(statuses(&gateway, "allow.test", 6).await?, [200; 6]);
    let own = statuses(&gateway, "local.test", 6).await?;
    assert_eq!(own, [200, 200, 200, 429, 429, 429]);
    // Once for each limit, not for each request.
    assert_eq!(
        said(&gateway, "the Redis of a rateLimit is away"),
        all.len()
    );

    redis.restart().await?;
    for (name, _) in all {
        let host = format!("{name}.test");
        // Two tokens were left, on disk.
        poll::until_true("the bucket in Redis, empty", PATIENCE, async || {
            let answer = gateway.get(&host, "/").await?;
            Ok(answer.status == 429 && answer.header("X-Retry-In").is_some())
        })
        .await?;
    }
    gateway
        .process
        .says("the Redis of a rateLimit is back")
        .await?;
    let left = redis.call("HGET rate:deny@file:127.0.0.1 tokens").await?;
    let left: f64 = left.lines().nth(1).unwrap_or_default().parse()?;
    ensure!((0.0..0.1).contains(&left), "{left}");
    assert_eq!(
        said(&gateway, "the Redis of a rateLimit is away"),
        all.len()
    );
    Ok(())
}

#[tokio::test]
async fn a_redis_that_hangs_keeps_nobody_waiting() -> Result<()> {
    let (server, redis) = (Upstream::forgetful("ok").await?, Redis::start().await?);
    let redis_options = in_redis(
        &redis,
        ", onUnavailable: allow, readTimeout: 400ms, writeTimeout: 100ms, dialTimeout: 500ms",
    );
    let options = format!("average: 1, period: 24h, burst: 1, {redis_options}");
    let gateway = Gateway::start(&limits(server.port, &[("a", &options)])).await?;
    assert_eq!(statuses(&gateway, "a.test", 2).await?, [200, 429]);

    redis.pause()?;
    let start = Instant::now();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let web = gateway.web;
        waiting.spawn(async move { http1::get(web, "a.test", "/").await });
    }
    // Other routes of the same workers go on meanwhile.
    for _ in 0..8 {
        assert_eq!(gateway.get("open.test", "/").await?.status, 200);
    }
    while let Some(answer) = waiting.join_next().await {
        assert_eq!(answer??.status, 200);
    }
    // All of them wait together, and those that follow not at all: one after another they would need ten seconds.
    assert_eq!(statuses(&gateway, "a.test", 20).await?, [200; 20]);
    let took = start.elapsed();
    ensure!(took < Duration::from_secs(5), "{took:?}");

    redis.resume()?;
    poll::until_true("the limit being in force again", PATIENCE, async || {
        Ok(gateway.get("a.test", "/").await?.status == 429)
    })
    .await?;
    assert_eq!(said(&gateway, "the Redis of a rateLimit is away"), 1);
    Ok(())
}

#[tokio::test]
async fn a_redis_that_refuses_the_password_is_away_and_says_why() -> Result<()> {
    let (server, redis) = (Upstream::forgetful("ok").await?, Redis::start().await?);
    let options = format!(
        "average: 1, redis: {{endpoints: ['127.0.0.1:{}'], password: wrong}}",
        redis.port
    );
    let mut gateway = Gateway::start(&limits(server.port, &[("a", &options)])).await?;
    assert_eq!(statuses(&gateway, "a.test", 2).await?, [500, 500]);
    gateway.process.says("Password authentication failed").await
}

#[tokio::test]
async fn redis_over_tls_knows_the_gateway_and_is_known() -> Result<()> {
    let (server, folder) = (Upstream::forgetful("ok").await?, tempfile::tempdir()?);
    let authority = Authority::new(folder.path())?;
    for name in ["localhost", "gateway"] {
        authority.sign(name)?;
    }
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (ca, cert, key) = (file("ca.crt"), file("localhost.crt"), file("localhost.key"));
    let port = ports::free()?;
    let options = ["--tls-cert-file", &cert, "--tls-key-file", &key];
    let more = ["--tls-port", &port.to_string(), "--tls-ca-cert-file", &ca];
    let more = [&more[..], &["--tls-auth-clients", "yes"]].concat();
    let _redis = Redis::start_with(&[&options[..], &more].concat()).await?;

    let identity = "cert: gateway.crt, key: gateway.key";
    let tls = |options: &str| {
        let address = format!("endpoints: ['localhost:{port}'], password: {PASSWORD}");
        format!("average: 1, period: 24h, burst: 1, redis: {{{address}, tls: {{{options}}}}}")
    };
    let known = tls(&format!("ca: ca.crt, {identity}"));
    let blind = tls(&format!("insecureSkipVerify: true, {identity}"));
    let (stranger, nobody) = (tls(identity), tls("ca: ca.crt"));
    let all = [
        ("known", &*known),
        ("blind", &*blind),
        ("stranger", &*stranger),
        ("nobody", &*nobody),
    ];
    let gateway = Gateway::start_in(folder, &limits(server.port, &all), "").await?;
    for (host, expected) in [
        ("known.test", [200, 429]),
        ("blind.test", [200, 429]),
        // A server that no authority of the system's signed, and a client without a certificate.
        ("stranger.test", [500, 500]),
        ("nobody.test", [500, 500]),
    ] {
        assert_eq!(statuses(&gateway, host, 2).await?, expected, "{host}");
    }
    Ok(())
}
