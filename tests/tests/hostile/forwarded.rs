//! What only a trusted peer may say of a client, in every spelling and in every place.

use std::io::Write as _;

use anyhow::{Result, ensure};
use sluice_tests::recorder::{Arrived, Recorder};

use crate::frames::{Connection, DATA, END_HEADERS, END_STREAM, HEADERS, Outcome, block, frame};
use crate::support::{Site, routes};

/// Everything that is managed, and what an attacker would like it to be.
const MANAGED: [&str; 13] = [
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Forwarded-Server",
    "X-Forwarded-Prefix",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-Forwarded-Tls-Client-Cert",
    "X-Forwarded-Tls-Client-Cert-Info",
    "X-Forwarded-Scheme",
    "X-Scheme",
    "X-Real-Ip",
];

fn spoofed() -> String {
    let mut fields = Vec::new();
    for name in MANAGED {
        for spelling in [
            name.to_owned(),
            name.replace('-', "_"),
            name.replace('-', "."),
            name.to_uppercase(),
        ] {
            let _ = write!(fields, "{spelling}: spoofed\r\n");
        }
    }
    String::from_utf8_lossy(&fields).into_owned()
}

fn believed(seen: &Arrived) -> Vec<String> {
    let lines = seen.head.lines().chain(seen.body.lines());
    lines
        .filter(|line| line.contains("spoofed"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_stranger_says_nothing_of_itself() -> Result<()> {
    let mut site = Site::start().await?;
    let mut client = site.client().await?;
    client.ask("GET", "a.test", "/x", &spoofed()).await?;
    let seen = site.upstream.last()?;
    ensure!(believed(&seen).is_empty(), "{seen:?}");
    for (name, value) in [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-Ip", "127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Port", "80"),
        ("X-Forwarded-Host", "a.test"),
    ] {
        ensure!(seen.values(name) == [value], "{name}: {seen:?}");
    }
    // A port follows from what is known, not from what is said.
    let mut client = site.client().await?;
    client
        .ask(
            "GET",
            "a.test",
            "/x",
            "X-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\n",
        )
        .await?;
    ensure!(site.upstream.last()?.values("X-Forwarded-Port") == ["80"]);
    site.lives().await
}

#[tokio::test]
async fn a_client_cannot_nominate_what_the_gateway_says() -> Result<()> {
    let mut site = Site::start().await?;
    for nominated in [
        "close, X-Forwarded-Host, x-real-ip, X-Forwarded-For, X-Forwarded-Proto, x-forwarded-port",
        "x-forwarded-host,x-real-ip,x-forwarded-for,x-forwarded-proto,x-forwarded-port",
        "X-FORWARDED-HOST\r\nConnection: X-REAL-IP\r\nConnection: x-forwarded-for, X-Forwarded-Proto, X-Forwarded-Port",
        "X-Mark, Host, Authorization",
    ] {
        let mut client = site.client().await?;
        let fields = format!("Connection: {nominated}\r\nX-Mark: client\r\n");
        client.ask("GET", "a.test", "/x", &fields).await?;
        let seen = site.upstream.last()?;
        for name in [
            "X-Forwarded-Host",
            "X-Real-Ip",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "X-Forwarded-Port",
            "Host",
        ] {
            ensure!(
                seen.values(name).len() == 1,
                "{nominated}: {name}: {seen:?}"
            );
        }
        ensure!(seen.values("Connection").is_empty(), "{seen:?}");
    }
    // What a middleware adds is not the client's to take away, and what the client nominates is gone before it.
    let dynamic = routes(site.upstream.port)
        .replace("service: app}", "service: app, middlewares: [mark]}")
        .replace("  services:", "  middlewares: {mark: {headers: {customRequestHeaders: {X-Mark: gateway}}}}\n  services:");
    site.gateway.reconfigure(&dynamic)?;
    sluice_tests::poll::until_true("the middleware", sluice_tests::poll::PATIENCE, async || {
        let mut client = site.client().await?;
        client
            .ask(
                "GET",
                "a.test",
                "/x",
                "Connection: X-Mark\r\nX-Mark: client\r\n",
            )
            .await?;
        Ok(site.upstream.last()?.values("X-Mark") == ["gateway"])
    })
    .await?;
    site.lives().await
}

/// The server behind `retry`, behind `buffering`, and behind nothing.
fn behind_bodies(port: u16) -> String {
    routes(port)
        .replace("service: app}", "service: app, middlewares: [again]}\n    held: {rule: 'Host(`b.test`)', service: app, middlewares: [hold]}\n    plain: {rule: 'Host(`c.test`)', service: app}")
        .replace("  services:", "  middlewares: {again: {retry: {attempts: 2}}, hold: {buffering: {maxRequestBodyBytes: 1000}}}\n  services:")
}

#[tokio::test]
async fn trailers_say_nothing_either() -> Result<()> {
    let mut site = Site::with(Recorder::fine().await?, behind_bodies, "", &[]).await?;
    let names = [
        "X-Forwarded-Prefix",
        "X_Forwarded_For",
        "X-Real-Ip",
        "Host",
        "Authorization",
        "Content-Length",
        "Transfer-Encoding",
    ];
    let trailers = names.map(|name| format!("{name}: spoofed\r\n")).concat();
    for host in ["a.test", "b.test", "c.test"] {
        for announced in [
            "",
            "Trailer: X-Forwarded-Prefix, X_Forwarded_For, X-Real-Ip\r\n",
        ] {
            let mut client = site.client().await?;
            let head = format!(
                "POST /x HTTP/1.1\r\nHost: {host}\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n{announced}\r\n"
            );
            client
                .send(format!("{head}3\r\nabc\r\n0\r\n{trailers}\r\n"))
                .await?;
            ensure!(client.answer().await?.status == 200, "{host}");
            let seen = site.upstream.last()?;
            ensure!(believed(&seen).is_empty(), "{host}: {seen:?}");
        }
    }
    site.lives().await
}

#[tokio::test]
async fn trailers_of_http2_say_nothing_either() -> Result<()> {
    let mut site = Site::with(Recorder::fine().await?, behind_bodies, "", &[]).await?;
    for host in ["a.test", "b.test", "c.test"] {
        let mut connection = Connection::open(site.gateway.web).await?;
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/h2"),
            (":authority", host),
            ("te", "trailers"),
            ("trailer", "x-forwarded-prefix, x-real-ip, x_forwarded_for"),
        ];
        connection
            .send(&frame(HEADERS, END_HEADERS, 1, &block(&fields)))
            .await?;
        connection.send(&frame(DATA, 0, 1, b"abc")).await?;
        let spoofed = [
            ("x-forwarded-prefix", "spoofed"),
            ("x-real-ip", "spoofed"),
            ("x_forwarded_for", "spoofed"),
        ];
        let end = END_HEADERS | END_STREAM;
        connection
            .send(&frame(HEADERS, end, 1, &block(&spoofed)))
            .await?;
        let outcome = connection.outcome(1).await?;
        ensure!(outcome == Outcome::Status(200), "{host}: {outcome:?}");
        let seen = site.upstream.last()?;
        let own = seen.line().contains("/h2") && believed(&seen).is_empty();
        ensure!(own, "{host}: {seen:?}");
    }
    site.lives().await
}

#[tokio::test]
async fn underscores_go_or_are_refused_where_that_is_wished() -> Result<()> {
    for (strategy, status) in [("keep", 200), ("delete", 200), ("reject", 400)] {
        let install = format!("WEB http: {{underscoreHeadersStrategy: {strategy}}}");
        let site = Site::with(Recorder::fine().await?, routes, &install, &[]).await?;
        let mut client = site.client().await?;
        let answer = client
            .ask("GET", "a.test", "/x", "X_Auth_User: admin\r\nX-Auth: y\r\n")
            .await?;
        ensure!(answer.status == status, "{strategy}: {}", answer.status);
        if status == 200 {
            let seen = site.upstream.last()?;
            let expected: &[&str] = if strategy == "keep" { &["admin"] } else { &[] };
            ensure!(
                seen.values("X-Auth-User") == expected,
                "{strategy}: {seen:?}"
            );
            ensure!(seen.values("X-Auth") == ["y"], "{strategy}: {seen:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_trusted_peer_is_believed_to_the_letter() -> Result<()> {
    let dynamic = |port| {
        routes(port)
            .replace("service: app}", "service: app, middlewares: [near]}\n    deep: {rule: 'Host(`b.test`)', service: app, middlewares: [deep]}")
            .replace(
                "  services:",
                "  middlewares:\n    near: {ipAllowList: {sourceRange: ['10.0.0.0/8'], ipStrategy: {excludedIPs: ['127.0.0.1']}}}\n    deep: {ipAllowList: {sourceRange: ['10.0.0.1'], ipStrategy: {depth: 2}}}\n  services:",
            )
    };
    let install = "WEB forwardedHeaders: {trustedIPs: ['::ffff:127.0.0.1']}";
    let site = Site::with(Recorder::fine().await?, dynamic, install, &[]).await?;
    for (host, said, status) in [
        ("a.test", "10.0.0.1", 200),
        ("a.test", "9.9.9.9, 10.0.0.1", 200),
        ("a.test", "::ffff:10.0.0.1", 200),
        ("a.test", "10.0.0.1, 9.9.9.9", 403),
        // Some load balancers write the port, too.
        ("a.test", "10.0.0.1:1234", 200),
        ("a.test", "9.9.9.9:1234", 403),
        ("a.test", "10.0.0.1%eth0", 403),
        ("a.test", "garbage", 403),
        ("a.test", "10.0.0.1 x", 403),
        ("a.test", "010.0.0.1", 403),
        ("a.test", "", 403),
        ("b.test", "10.0.0.1, 9.9.9.9", 200),
        ("b.test", "10.0.0.1", 403),
        ("b.test", "9.9.9.9, 10.0.0.1", 403),
        ("b.test", "10.0.0.1, 9.9.9.9, 9.9.9.9", 403),
    ] {
        let mut client = site.client().await?;
        let answer = client
            .ask("GET", host, "/x", &format!("X-Forwarded-For: {said}\r\n"))
            .await?;
        ensure!(
            answer.status == status,
            "{host} {said:?}: {}",
            answer.status
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_proxy_header_counts_from_whom_it_may_come() -> Result<()> {
    let line = "PROXY TCP4 203.0.113.7 127.0.0.1 5555 80\r\n";
    let request = "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n";
    for (options, counted) in [
        ("{trustedIPs: ['127.0.0.0/8']}", "203.0.113.7"),
        ("{insecure: true}", "203.0.113.7"),
        ("{trustedIPs: ['10.0.0.1']}", "127.0.0.1"),
    ] {
        let install = format!("WEB proxyProtocol: {options}");
        let mut site = Site::with(Recorder::fine().await?, routes, &install, &[]).await?;
        let mut client = site.client().await?;
        client.send(format!("{line}{request}")).await?;
        ensure!(client.answer().await?.status == 200, "{options}");
        ensure!(
            site.upstream.last()?.values("X-Forwarded-For") == [counted],
            "{options}"
        );
        // A second one is a malformed request, and a malformed one the end.
        for bytes in [
            format!("{line}{line}"),
            "PROXY TCP4 1 2 3 4\r\n".to_owned(),
            "PROXY ".repeat(100),
        ] {
            site.refuses(bytes, &[0, 400]).await?;
        }
        site.lives().await?;
    }
    // Where none is configured, it is no request.
    let site = Site::start().await?;
    site.refuses(line, &[400]).await
}
