//! Heads that are malformed, too large, or mean two things.

use std::time::Duration;

use anyhow::{Result, ensure};
use sluice_tests::http1;
use sluice_tests::recorder::Recorder;

use crate::support::{Site, statuses, within};

const HEAD: &str = "GET /x HTTP/1.1\r\nHost: a.test\r\n";

#[tokio::test]
async fn lines_end_in_cr_lf_and_hold_no_control_characters() -> Result<()> {
    let mut site = Site::start().await?;
    for bytes in [
        "GET /x HTTP/1.1\nHost: a.test\n\n".to_owned(),
        format!("{HEAD}X: a\n\r\n"),
        format!("{HEAD}X: a\nY: b\r\n\r\n"),
        format!("{HEAD}X: a\rY: b\r\n\r\n"),
        format!("{HEAD}X: a\r\r\n\r\n"),
        format!("{HEAD}X: a\0b\r\n\r\n"),
        format!("{HEAD}X: a\u{b}b\r\n\r\n"),
        format!("{HEAD}X: a\u{1b}[31mb\r\n\r\n"),
        format!("{HEAD}X: a\u{7f}\r\n\r\n"),
        "GET /x\0 HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned(),
        "GET /x\u{b}y HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned(),
    ] {
        site.refuses(bytes, &[400]).await?;
    }
    ensure!(site.upstream.seen().is_empty(), "a server heard of it");
    site.lives().await
}

#[tokio::test]
async fn folded_fields_are_refused() -> Result<()> {
    let mut site = Site::start().await?;
    for bytes in [
        format!("{HEAD}X: a\r\n b\r\n\r\n"),
        format!("{HEAD}X: a\r\n\tTransfer-Encoding: chunked\r\n\r\n"),
        format!("{HEAD}Transfer-\r\nEncoding: chunked\r\n\r\n"),
        format!("{HEAD}Transfer-Encoding:\r\n chunked\r\n\r\n"),
        "GET /x HTTP/1.1\r\n Host: a.test\r\n\r\n".to_owned(),
    ] {
        site.refuses(bytes, &[400]).await?;
    }
    ensure!(site.upstream.seen().is_empty(), "a server heard of it");
    site.lives().await
}

#[tokio::test]
async fn names_of_fields_are_tokens() -> Result<()> {
    let mut site = Site::start().await?;
    for field in [
        ": x",
        "Content-Length : 5",
        "Content-Length\t: 5",
        " X: y",
        "X",
        "X y: z",
        "X\u{b}: y",
        "(x): y",
        "X\0: y",
        "\"X\": y",
        "X@: y",
        "X/Y: z",
    ] {
        site.refuses(format!("{HEAD}{field}\r\n\r\n"), &[400])
            .await?;
    }
    let latin = [HEAD.as_bytes(), b"X\x85: y\r\n\r\n"].concat();
    site.refuses(latin, &[400]).await?;
    for first in [
        " GET /x HTTP/1.1",
        "\r\nGET /x HTTP/1.1",
        "GET  /x HTTP/1.1",
        "GET /x  HTTP/1.1",
        "GET /x HTTP/1.1 ",
    ] {
        site.refuses(format!("{first}\r\nHost: a.test\r\n\r\n"), &[400])
            .await?;
    }
    ensure!(site.upstream.seen().is_empty(), "a server heard of it");
    site.lives().await
}

#[tokio::test]
async fn request_lines_name_one_target_and_one_version() -> Result<()> {
    let mut site = Site::start().await?;
    for (line, status) in [
        ("GET /x", 400),
        ("GET /x HTTP/1.32", 400),
        ("GET /x HTTP/01.1", 400),
        ("GET /x HTTP/1,1", 400),
        ("GET /x http/1.1", 400),
        ("GET /x HTTP/2.0", 505),
        ("GET /x HTTP/0.9", 505),
        ("G@T /x HTTP/1.1", 400),
        ("GET", 400),
    ] {
        site.refuses(format!("{line}\r\nHost: a.test\r\n\r\n"), &[status])
            .await?;
    }
    // The version before versions: never served, so that nothing is cached for it.
    site.refuses("GET /x\r\n", &[400]).await?;
    for target in [
        "*",
        "a.test:80",
        "x",
        "?x",
        "ftp://a.test/",
        "http:/x",
        "http:///x",
        "//",
        "/#/../admin",
        "/x#y",
    ] {
        let answer = site.gateway.get("a.test", target).await?;
        // Two slashes are one (and a path): all others are refused.
        let expected = if target == "//" { 200 } else { 400 };
        ensure!(answer.status == expected, "{target}: {}", answer.status);
    }
    ensure!(
        site.upstream.lines() == ["GET / HTTP/1.1"],
        "{:?}",
        site.upstream.lines()
    );
    site.lives().await
}

#[tokio::test]
async fn there_is_one_host_and_an_absolute_target_wins() -> Result<()> {
    let mut site = Site::start().await?;
    for hosts in [
        "",
        "Host: a.test\r\nHost: a.test\r\n",
        "Host: a.test\r\nhost: b.test\r\n",
    ] {
        site.refuses(format!("GET /x HTTP/1.1\r\n{hosts}\r\n"), &[400])
            .await?;
    }
    let answer = site.gateway.get("b.test", "http://a.test/x?y").await?;
    ensure!(answer.status == 200);
    let seen = site.upstream.last()?;
    ensure!(
        seen.line() == "GET /x?y HTTP/1.1" && seen.values("Host") == ["a.test"],
        "{seen:?}"
    );
    ensure!(site.gateway.get("a.test", "http://b.test/x").await?.status == 404);
    for target in [
        "http://a.test@b.test/",
        "http://b.test@a.test/",
        "http://a.test:b/",
        "http://[::1/",
        "http://a%2etest/",
    ] {
        ensure!(
            site.gateway.get("a.test", target).await?.status == 400,
            "{target}"
        );
    }
    site.lives().await
}

#[tokio::test]
async fn hosts_have_one_grammar() -> Result<()> {
    let mut site = Site::start().await?;
    for host in [
        "a.test:x",
        "a.test:80:80",
        "a.test:-1",
        "a.test:65536",
        "x:a.test",
        "a.test@b.test",
        "b.test@a.test",
        "a.test/x",
        "a.test?x",
        "a.test#x",
        "[a.test]",
        "[::1",
        "::1",
        "a.test%",
        "a.test%zz",
        "a.test\\x",
        "a.test b",
        "<a.test>",
    ] {
        let answer = site.gateway.get(host, "/x").await?;
        ensure!(answer.status == 400, "{host}: {}", answer.status);
    }
    // Names that are well-formed, and no name of ours.
    for host in [
        "a.test,b.test",
        "b.test,a.test",
        "a.test;b",
        "a%2etest",
        "xa.test",
        ".a.test",
        "a.test..",
    ] {
        let answer = site.gateway.get(host, "/x").await?;
        ensure!(answer.status == 404, "{host}: {}", answer.status);
    }
    ensure!(site.upstream.seen().is_empty(), "a server heard of it");
    site.lives().await
}

#[tokio::test]
async fn one_name_in_any_spelling_is_one_host() -> Result<()> {
    let many = (0..150)
        .map(|n| format!("Host(`h{n}.test`)"))
        .collect::<Vec<_>>();
    let rule = many.join(" || ");
    let dynamic = |port| {
        format!(
            "\
http:
  routers:
    app: {{rule: 'Host(`A.test`) || Path(`/%61bc`)', service: app}}
    many: {{rule: '({rule}) && Path(`/m`)', service: app}}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
"
        )
    };
    let mut site = Site::with(Recorder::fine().await?, dynamic, "", &[]).await?;
    for host in [
        "a.test",
        "A.TEST",
        "a.test.",
        "a.test:80",
        "A.test.:8080",
        "a.test:",
    ] {
        ensure!(site.gateway.get(host, "/x").await?.status == 200, "{host}");
    }
    for host in ["h0.test", "H149.test."] {
        ensure!(site.gateway.get(host, "/m").await?.status == 200, "{host}");
        ensure!(site.gateway.get(host, "/n").await?.status == 404, "{host}");
    }
    let answer = http1::Client::connect(site.gateway.web)
        .await?
        .ask("GET", "a.test", "/x", "hOsT: b.test\r\n")
        .await?;
    ensure!(answer.status == 400, "two hosts");
    site.lives().await
}

#[tokio::test]
async fn heads_have_limits() -> Result<()> {
    let mut site = Site::start().await?;
    let huge = "x".repeat(2_000_000);
    let cookies = "Cookie: a=b\r\n".repeat(1_000_000);
    let fields = (0..10_001)
        .map(|n| format!("X-{n}: y\r\n"))
        .collect::<String>();
    let handshake = format!(
        "{HEAD}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {huge}\r\n\r\n"
    );
    for bytes in [
        format!("{HEAD}X: {huge}\r\n\r\n"),
        format!("GET /{huge} HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        format!("{HEAD}{cookies}\r\n"),
        format!("{HEAD}{fields}\r\n"),
        handshake,
        // Nothing of it ends.
        format!("{HEAD}X: {huge}"),
        huge.clone(),
    ] {
        // The connection may be reset before the answer is read, since more is on its way.
        site.refuses(bytes, &[0, 400, 431]).await?;
    }
    ensure!(site.upstream.seen().is_empty(), "a server heard of it");
    // A long target and many parameters are nothing special.
    let query = (0..10_000)
        .map(|n| format!("a{n}=b;c&"))
        .collect::<String>();
    for target in [format!("/{}", "y".repeat(65_536)), format!("/x?{query}")] {
        ensure!(site.gateway.get("a.test", &target).await?.status == 200);
    }
    site.lives().await
}

#[tokio::test]
async fn expressions_take_linear_time() -> Result<()> {
    let dynamic = |port| {
        format!(
            "\
http:
  routers:
    host: {{rule: 'HostRegexp(`^(([a-z])+.)+[A-Z]([a-z])+$`)', service: app}}
    path: {{rule: 'Host(`a.test`) && PathRegexp(`^/(x+x+)+y$`)', service: app}}
    app: {{rule: 'Path(`/lives`)', service: app}}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
"
        )
    };
    let mut site = Site::with(Recorder::fine().await?, dynamic, "", &[]).await?;
    let (host, path) = ("a".repeat(50_000), format!("/{}", "x".repeat(50_000)));
    let slow = async {
        site.gateway.get(&host, "/").await?;
        site.gateway.get("a.test", &path).await
    };
    let answer = within(Duration::from_secs(10), "two matches", slow).await?;
    ensure!(answer.status == 404);
    // The size of what an expression compiles to is limited too: the router is refused, and the rest runs.
    let bomb = "\n    bomb: {rule: 'HostRegexp(`^((((a{1,100}){1,100}){1,100}){1,100}){1,100}$`)', service: app}";
    let routes =
        crate::support::routes(site.upstream.port).replace("routers:", &format!("routers:{bomb}"));
    site.gateway.reconfigure(&routes)?;
    let mut tries = site.gateway.get("a.test", "/x").await?.status;
    let start = std::time::Instant::now();
    while tries != 200 && start.elapsed() < sluice_tests::poll::PATIENCE {
        tries = site.gateway.get("a.test", "/x").await?.status;
    }
    ensure!(tries == 200);
    site.lives().await
}

#[tokio::test]
async fn neither_log_nor_metrics_take_what_a_client_makes_up() -> Result<()> {
    let folder_log = "accessLog: {format: json}\n";
    let mut site = Site::with(
        Recorder::fine().await?,
        crate::support::routes,
        folder_log,
        &[],
    )
    .await?;
    let secret = "Basic c2VjcmV0OnRva2Vu";
    let fields = format!(
        "Authorization: {secret}\r\nUser-Agent: \"}}\\n{{\"level\":\"error\"}}<script>\r\nCookie: sid={secret}\r\n"
    );
    for n in 0..50 {
        let mut client = site.client().await?;
        client
            .ask(
                &format!("BREW{n}"),
                "a.test",
                "/%0d%0aERROR%1b[31m",
                &fields,
            )
            .await?;
        site.gateway.get(&format!("made-up-{n}.test"), "/").await?;
    }
    let mut split = site.client().await?;
    split
        .send(format!("{HEAD}User-Agent: x\r\nERROR injected\r\n\r\n"))
        .await?;
    ensure!(statuses(&split.rest().await?) == [400]);
    let metrics = http1::get(site.gateway.admin, "localhost", "/metrics")
        .await?
        .text();
    ensure!(
        metrics.contains("EXTENSION_METHOD"),
        "the method has no name of its own"
    );
    ensure!(
        !metrics.contains("BREW") && !metrics.contains("made-up"),
        "a client names series"
    );
    site.lives().await?;
    let log = site.gateway.process.log();
    ensure!(!log.contains("c2VjcmV0OnRva2Vu"), "a secret is logged");
    ensure!(!log.contains('\u{1b}'), "an escape sequence is logged");
    let lines = log.lines().filter(|line| line.contains("BREW"));
    for line in lines {
        ensure!(
            serde_json::from_str::<serde_json::Value>(line).is_ok(),
            "no line of JSON: {line}"
        );
    }
    Ok(())
}
