//! The gateway's main job through real sockets: TLS, routing, tunnels, reloads, drain, and input that is wrong.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sluice_tests::echo::{self, Echo};
use sluice_tests::http1::{self, Client};
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::process::{self, Process};
use sluice_tests::stack::Gateway;
use sluice_tests::tls::Authority;
use sluice_tests::upstream::{self, Upstream};
use sluice_tests::websocket::Socket;
use sluice_tests::{binaries, ports, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// A file with one router for everything under a host.
fn one_route(host: &str, port: u16) -> String {
    format!(
        "\
http:
  routers:
    app: {{rule: 'Host(`{host}`)', service: app}}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
"
    )
}

#[tokio::test]
async fn routes_by_host_and_path_and_answers_404_else() -> Result<()> {
    let first = Upstream::saying("first").await?;
    let second = Upstream::saying("second").await?;
    let gateway = Gateway::start(&format!(
        "\
http:
  routers:
    first: {{rule: 'Host(`a.test`)', service: first}}
    second: {{rule: 'Host(`a.test`) && PathPrefix(`/api`)', service: second, middlewares: [strip, mark]}}
  middlewares:
    strip: {{stripPrefix: {{prefixes: ['/api']}}}}
    mark: {{headers: {{customRequestHeaders: {{X-In: 'yes'}}, customResponseHeaders: {{X-Out: 'yes'}}}}}}
  services:
    first: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{}'}}]}}}}
    second: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{}'}}]}}}}
",
        first.port, second.port
    ))
    .await?;

    assert_eq!(gateway.get("a.test", "/").await?.text(), "first");
    let answer = gateway.get("a.test", "/api/x?y=1").await?;
    assert_eq!(
        (answer.text().as_str(), answer.header("X-Out")),
        ("second", Some("yes"))
    );
    let seen = second.seen();
    let seen = seen.first().context("a request")?;
    assert_eq!(seen.line(), "GET /x?y=1 HTTP/1.1");
    assert_eq!(seen.header("X-In"), Some("yes"));
    assert_eq!(seen.header("X-Forwarded-Prefix"), Some("/api"));
    assert_eq!(seen.header("X-Forwarded-Host"), Some("a.test"));
    assert_eq!(seen.header("X-Forwarded-Proto"), Some("http"));

    let missing = gateway.get("b.test", "/").await?;
    assert_eq!(
        (missing.status, missing.text().as_str()),
        (404, "404 page not found\n")
    );
    Ok(())
}

#[tokio::test]
async fn serves_the_certificate_of_the_name_asked_for() -> Result<()> {
    let upstream = Upstream::saying("secret").await?;
    let folder = tempfile::tempdir()?;
    let authority = Authority::new(folder.path())?;
    authority.sign("a.test")?;
    authority.sign("b.test")?;
    let dynamic = format!(
        "\
{}
tls:
  certificates:
    - {{certFile: a.test.crt, keyFile: a.test.key}}
    - {{certFile: b.test.crt, keyFile: b.test.key}}
",
        one_route("a.test", upstream.port)
    );
    let gateway = Gateway::start_in(folder, &dynamic, "").await?;
    let tls = authority.client()?;

    let mut client = Client::connect_tls(&tls, gateway.websecure, "a.test").await?;
    assert_eq!(client.get("a.test", "/").await?.text(), "secret");
    let seen = upstream.seen();
    let proto = seen
        .first()
        .and_then(|request| request.header("X-Forwarded-Proto"));
    assert_eq!(proto, Some("https"));

    // The handshake is verified, so it succeeds with b.test's own certificate only.
    let (_, chosen) = tls
        .connect(gateway.websecure, "b.test", &["h2", "http/1.1"])
        .await?;
    assert_eq!(chosen.as_deref(), Some("h2"));
    Ok(())
}

#[tokio::test]
async fn tunnel_keeps_query_headers_frames_and_close_codes() -> Result<()> {
    let echo = Echo::start().await?;
    let gateway = Gateway::start(&one_route("localhost", echo.port)).await?;

    let stream = Box::new(stream::plain(gateway.web).await?);
    let url = "ws://localhost/socket?target=state&x=%20y";
    let mut socket = Socket::over(stream, url, &[("x-own", "kept"), ("cookie", "a=b")]).await?;
    for size in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
        let message = Message::binary(Bytes::from(vec![7_u8; size]));
        socket.send(message.clone()).await?;
        assert_eq!(socket.receive().await?, message, "{size} bytes");
    }
    socket.send(Message::text(echo::CLOSE_ME)).await?;
    let frame = socket.closed().await?.context("a close frame")?;
    assert_eq!(
        (u16::from(frame.code), frame.reason.as_str()),
        (4321, "asked")
    );

    let seen = echo.seen();
    let request = seen.first().context("an upgrade")?;
    assert_eq!(request.uri().to_string(), "/socket?target=state&x=%20y");
    assert_eq!(request.headers()["x-own"], "kept");
    assert_eq!(request.headers()["cookie"], "a=b");
    assert_eq!(request.headers()["x-forwarded-proto"], "ws");
    Ok(())
}

#[tokio::test]
async fn reload_changes_routes_but_touches_no_open_tunnel() -> Result<()> {
    let echo = Echo::start().await?;
    let other = Upstream::saying("other").await?;
    let gateway = Gateway::start(&one_route("localhost", echo.port)).await?;
    let mut socket = Socket::connect(gateway.web, "/").await?;
    let mut say = async |text: &str| -> Result<()> {
        socket.send(Message::text(text)).await?;
        assert_eq!(socket.receive().await?, Message::text(text));
        Ok(())
    };
    say("before").await?;

    for round in 0..3 {
        gateway.reconfigure(&one_route("other.test", other.port))?;
        poll::until_true("the new route", PATIENCE, async || {
            Ok(gateway.get("other.test", "/").await?.text() == "other")
        })
        .await?;
        assert_eq!(gateway.get("localhost", "/").await?.status, 404);
        say(&format!("gone {round}")).await?;

        gateway.reconfigure(&one_route("localhost", echo.port))?;
        poll::until_true("the old route", PATIENCE, async || {
            Ok(gateway.get("other.test", "/").await?.status == 404)
        })
        .await?;
        say(&format!("back {round}")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn broken_file_leaves_the_last_good_one_in_force() -> Result<()> {
    let upstream = Upstream::saying("good").await?;
    let mut gateway = Gateway::start(&one_route("a.test", upstream.port)).await?;
    gateway.reconfigure("http:\n  routers:\n    app: {rule: 'Host(`b.test`)', service: [\n")?;
    gateway.process.says("dynamic.yml").await?;
    assert_eq!(gateway.get("a.test", "/").await?.text(), "good");

    // One bad object is disabled, and the rest runs.
    let mut mixed = one_route("a.test", upstream.port);
    mixed.push_str("  middlewares:\n    unused: {stripPrefix: {prefixes: ['/x']}}\n");
    let mixed = mixed.replace(
        "  routers:\n",
        "  routers:\n    bad: {rule: 'Hots(`c.test`)', service: app}\n    good: {rule: 'Host(`d.test`)', service: app}\n",
    );
    gateway.reconfigure(&mixed)?;
    poll::until_true("the good router", PATIENCE, async || {
        Ok(gateway.get("d.test", "/").await?.text() == "good")
    })
    .await?;
    let routers = http1::get(gateway.admin, "localhost", "/api/http/routers")
        .await?
        .json()?;
    let routers = routers.as_array().context("a list")?;
    let bad = routers
        .iter()
        .find(|router| router["name"] == "bad@file")
        .context("the bad router")?;
    assert_eq!(bad["status"], "disabled");
    assert!(
        bad["error"][0]
            .as_str()
            .is_some_and(|text| text.contains("Hots")),
        "{bad}"
    );
    Ok(())
}

#[tokio::test]
async fn dead_and_missing_servers_are_502_and_503() -> Result<()> {
    let closed = ports::free()?;
    let gateway = Gateway::start(&format!(
        "{}    empty: {{loadBalancer: {{servers: []}}}}\n",
        one_route("a.test", closed).replace(
            "  routers:\n",
            "  routers:\n    empty: {rule: 'Host(`e.test`)', service: empty}\n"
        )
    ))
    .await?;
    let answer = gateway.get("a.test", "/").await?;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (502, "Bad Gateway")
    );
    assert_eq!(gateway.get("e.test", "/").await?.status, 503);
    Ok(())
}

#[tokio::test]
async fn bad_requests_are_refused_and_never_reach_the_upstream() -> Result<()> {
    let upstream = Upstream::saying("fine").await?;
    let mut gateway = Gateway::start(&one_route("a.test", upstream.port)).await?;
    let bad = [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/9.1\r\nHost: a.test\r\n\r\n",
        // A whole TLS record that holds no ClientHello.
        "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        "G\0T / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ];
    for text in bad {
        let mut client = Client::connect(gateway.web).await?;
        client.send(text).await?;
        let answer = client.rest().await?;
        let answer = String::from_utf8_lossy(&answer);
        // A TLS alert is a refusal too.
        let refused = answer.is_empty()
            || answer.starts_with('\u{15}')
            || answer.starts_with("HTTP/1.1 4")
            || answer.starts_with("HTTP/1.1 5");
        assert!(refused, "{text:?}: {answer}");
    }
    let mut client = Client::connect(gateway.web).await?;
    let huge = format!("X-Huge: {}\r\n", "x".repeat(2_000_000));
    // The answer may come, and the connection go, before all of it is sent.
    let _ = client
        .send(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{huge}\r\n"))
        .await;
    let _ = client.rest().await;

    assert!(upstream.seen().is_empty(), "{:?}", upstream.seen());
    gateway.process.still_runs()?;
    assert_eq!(gateway.get("a.test", "/").await?.text(), "fine");
    Ok(())
}

#[tokio::test]
async fn half_open_sockets_hurt_nobody() -> Result<()> {
    let upstream = Upstream::saying("fine").await?;
    let mut gateway = Gateway::start(&one_route("a.test", upstream.port)).await?;
    let mut held = Vec::new();
    for port in [gateway.web, gateway.websecure] {
        for text in ["", "G", "GET / HTTP/1.1\r\nHost: a.te", "\x16\x03"] {
            let mut stream = stream::plain(port).await?;
            stream.write_all(text.as_bytes()).await?;
            held.push(stream);
        }
    }
    assert_eq!(gateway.get("a.test", "/").await?.text(), "fine");
    drop(held);
    gateway.process.still_runs()
}

#[tokio::test]
async fn sigterm_finishes_requests_closes_tunnels_and_exits_0() -> Result<()> {
    let (slow, release) = slow_upstream().await?;
    let echo = Echo::start().await?;
    let dynamic = one_route("a.test", slow).replace(
        "  services:\n",
        &format!(
            "    ws: {{rule: 'Host(`localhost`)', service: ws}}\n  services:\n    \
             ws: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{}'}}]}}}}\n",
            echo.port
        ),
    );
    let mut gateway = Gateway::start_in(tempfile::tempdir()?, &dynamic, "").await?;
    let mut socket = Socket::connect(gateway.web, "/").await?;
    socket.send(Message::text("open")).await?;
    socket.receive().await?;
    let mut client = Client::connect(gateway.web).await?;
    client
        .send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .await?;
    let mut started = release.subscribe();
    poll::soon("the request at the upstream", async {
        Ok(started.wait_for(|state| *state == 1).await.map(drop)?)
    })
    .await?;

    gateway.process.terminate()?;
    poll::until_true("the port closed", PATIENCE, async || {
        Ok(stream::plain(gateway.web).await.is_err())
    })
    .await?;
    release.send_replace(2);
    assert_eq!(client.answer().await?.text(), "late");
    let status = gateway.process.exit(PATIENCE).await?;
    assert!(status.success(), "{status}");
    socket.closed().await.map(drop)
}

/// Answers one request with `late`, once told to: 1 = the request is here, 2 = answer it.
async fn slow_upstream() -> Result<(u16, tokio::sync::watch::Sender<u8>)> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let state = tokio::sync::watch::Sender::new(0);
    let sender = state.clone();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).await?;
        sender.send_replace(1);
        let _ = sender.subscribe().wait_for(|state| *state == 2).await;
        stream.write_all(&upstream::ok("late")).await
    });
    Ok((port, state))
}

/// Runs the gateway with wrong configuration to its end: the exit code has to tell, and the log is handed back.
async fn refused(traefik_yml: &str, arguments: &[&str]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    // A file that is there counts before flags.
    if !traefik_yml.is_empty() {
        std::fs::write(folder.path().join("traefik.yml"), traefik_yml)?;
    }
    let mut command = process::command(binaries::gateway()?, folder.path());
    command.args(arguments);
    let mut process = Process::start("gateway", command)?;
    let status = process.exit(Duration::from_secs(10)).await?;
    if status.success() {
        bail!("it ended well: {}", process.log());
    }
    // The readers may be a moment behind the exit.
    poll::until_true("an error", PATIENCE, async || Ok(!process.log().is_empty())).await?;
    Ok(process.log())
}

#[tokio::test]
async fn wrong_install_configuration_is_named_with_its_place() -> Result<()> {
    let text = "entryPoints:\n  web:\n    adress: \":80\"\n";
    let log = refused(text, &["--configFile=traefik.yml"]).await?;
    assert!(log.contains("traefik.yml:3:5"), "{log}");
    assert!(log.contains("adress") && log.contains("address"), "{log}");

    let log = refused("entryPoints: {web: [", &["--configFile=traefik.yml"]).await?;
    assert!(log.contains("traefik.yml:2:1"), "{log}");

    let log = refused("", &["--entrypoint.web.address=:80"]).await?;
    assert!(log.contains("entrypoint"), "{log}");
    Ok(())
}

#[tokio::test]
async fn port_that_is_taken_is_named() -> Result<()> {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let address = taken.local_addr()?.to_string();
    let log = refused("", &[&format!("--entrypoints.web.address={address}")]).await?;
    assert!(log.contains(&address) && log.contains("web"), "{log}");
    Ok(())
}

#[tokio::test]
async fn api_ping_and_metrics_answer() -> Result<()> {
    let upstream = Upstream::saying("fine").await?;
    let gateway = Gateway::start(&one_route("a.test", upstream.port)).await?;
    gateway.get("a.test", "/").await?;
    let admin = async |path: &str| http1::get(gateway.admin, "localhost", path).await;
    assert_eq!(admin("/ping").await?.text(), "OK");
    assert!(admin("/api/version").await?.json()?["Version"].is_string());
    let raw = admin("/api/rawdata").await?.json()?;
    assert_eq!(raw["routers"]["app@file"]["status"], "enabled");
    poll::until_true("the request counted", PATIENCE, async || {
        let text = admin("/metrics").await?.text();
        let wanted = [
            "traefik_entrypoint_requests_total{",
            "entrypoint=\"web\"",
            "code=\"200\"",
        ];
        Ok(text
            .lines()
            .any(|line| wanted.iter().all(|part| line.contains(part))))
    })
    .await
}
