//! `gateway check` and `gateway explain` as a user calls them, and `/api/explain` against what the gateway really does.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sluice_tests::http1::{self, Client};
use sluice_tests::stack::Gateway;
use sluice_tests::upstream::Upstream;
use sluice_tests::{binaries, process};

/// Runs the gateway's program to its end in `folder`.
fn run(folder: &Path, args: &[&str]) -> Result<Output> {
    let mut command = process::command(binaries::gateway()?, folder);
    Ok(command.args(args).output()?)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const INSTALL: &str = "\
entryPoints: {web: {address: ':80'}}
providers: {file: {filename: routes.yml}}
";

#[test]
fn check_ends_by_what_it_found() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
    let check = |args: &[&str]| run(folder.path(), &[&["check"], args].concat());
    write("traefik.yml", INSTALL)?;
    let good = "\
http:
  routers: {r: {rule: 'Host(`a.test`)', service: s}}
  services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}}
";
    write("routes.yml", good)?;
    let output = check(&[])?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(
        text(&output),
        "traefik.yml and routes.yml: no errors, no warnings\n"
    );

    write("routes.yml", &good.replace("service: s", "service: t"))?;
    let output = check(&["--configFile=traefik.yml", "--workers=2"])?;
    assert_eq!(output.status.code(), Some(1));
    let expected = "routes.yml:2:50: error: router r@file: the service \"t@file\" does not exist";
    ensure!(text(&output).starts_with(expected), "{}", text(&output));

    let output = check(&["--format=json"])?;
    let findings: Value = serde_json::from_str(&text(&output))?;
    assert_eq!(findings[0]["file"], "routes.yml");
    assert_eq!(
        (&findings[0]["line"], &findings[0]["column"]),
        (&2.into(), &50.into())
    );
    assert_eq!(findings[0]["severity"], "error");
    assert_eq!(findings[0]["object"], "router r@file");
    assert_eq!(
        findings[0]["disables"],
        serde_json::json!(["router r@file"])
    );
    assert_eq!(findings[0]["suggestion"], "did you mean `s`?");

    // Flags and variables count as they do for the gateway: not beside a file.
    write("routes.yml", "http: [")?;
    for args in [&[][..], &["--configFile=none.yml"], &["traefik.yml"]] {
        assert_eq!(check(args)?.status.code(), Some(2), "{args:?}");
    }
    std::fs::remove_file(folder.path().join("traefik.yml"))?;
    let output = check(&["--entrypoints.web.adress=:80"])?;
    assert_eq!(output.status.code(), Some(1));
    ensure!(
        text(&output).contains("did you mean `address`?"),
        "{}",
        text(&output)
    );
    Ok(())
}

/// Routers that tell who they are; their rules overlap.
fn routers(port: u16) -> Result<String> {
    let mut text = String::from("http:\n  routers:\n");
    let rules = [
        ("all", "PathPrefix(`/`)", 0),
        ("host", "Host(`a.test`)", 0),
        ("sub", "HostRegexp(`^[a-z]+\\.a\\.test$`) && !Path(`/x`)", 0),
        ("path", "Host(`a.test`) && PathPrefix(`/x`)", 0),
        ("exact", "Path(`/x/y`) || Query(`q`, `1`)", 0),
        (
            "post",
            "Method(`POST`) && (Path(`/x`) || Host(`b.test`))",
            0,
        ),
        ("field", "Header(`X-A`, `1`)", 100),
        ("first", "Host(`b.test`) && HeaderRegexp(`X-A`, `^2`)", 1000),
        ("peer", "ClientIP(`10.0.0.0/8`)", 2000),
    ];
    for (name, rule, priority) in rules {
        // `/` is left to nobody but the hosts.
        let rule = if name == "all" {
            "PathPrefix(`/x`)"
        } else {
            rule
        };
        writeln!(
            text,
            "    {name}: {{entryPoints: [web], rule: '{rule}', priority: {priority}, service: s, middlewares: [{name}]}}"
        )?;
    }
    text.push_str("  middlewares:\n");
    for (name, ..) in rules {
        writeln!(
            text,
            "    {name}: {{headers: {{customResponseHeaders: {{X-Router: {name}@file}}}}}}"
        )?;
    }
    writeln!(
        text,
        "  services: {{s: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}}}"
    )?;
    Ok(text)
}

/// Percent-encoded, every byte that could mean something.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A small repeatable generator.
struct Dice(u64);

impl Dice {
    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let place = usize::try_from(self.0 >> 33).unwrap_or(0) % from.len();
        from[place]
    }
}

#[tokio::test]
async fn explaining_and_serving_agree() -> Result<()> {
    let upstream = Upstream::saying("fine").await?;
    let gateway = Gateway::start(&routers(upstream.port)?).await?;
    let mut client = Client::connect(gateway.web).await?;
    let mut dice = Dice(5);
    let (mut taken, mut missed) = (0, 0);
    for _ in 0..150 {
        let method = dice.pick(&["GET", "POST"]);
        let host = dice.pick(&["a.test", "A.TEST:8000", "b.test", "x.a.test", "c.test"]);
        let path = dice.pick(&[
            "/", "/x", "/x/y", "//x/./y", "/x/../z", "/%78", "/x%2Fy", "/z",
        ]);
        let query = dice.pick(&["", "?q=1", "?q=2", "?a&q=1"]);
        let field = dice.pick(&["", "X-A: 1", "x-a: 22"]);
        let line = if field.is_empty() {
            String::new()
        } else {
            format!("{field}\r\n")
        };
        let head = format!(
            "{method} {path}{query} HTTP/1.1\r\nHost: {host}\r\n{line}Content-Length: 0\r\n\r\n"
        );
        client.send(&head).await?;
        let served = client.answer().await?;
        let ask = format!(
            "/api/explain?entryPoint=web&method={method}&url={}&header={}&header={}",
            encoded(&format!("{path}{query}")),
            encoded(&format!("Host: {host}")),
            encoded(if field.is_empty() {
                "Accept: */*"
            } else {
                field
            }),
        );
        let explained = http1::get(gateway.admin, "localhost", &ask).await?;
        let explained = explained.json().with_context(|| ask.clone())?;
        let chosen = explained["chosen"][0]["router"].as_str();
        assert_eq!(served.header("X-Router"), chosen, "{head}\n{explained:#}");
        match chosen {
            Some(_) => taken += 1,
            None => missed += 1,
        }
        assert_eq!(served.status == 404, chosen.is_none(), "{head}");
    }
    ensure!(taken > 30 && missed > 0, "{taken} {missed}");
    Ok(())
}

#[tokio::test]
async fn explained_by_command_and_by_api() -> Result<()> {
    let upstream = Upstream::saying("fine").await?;
    let gateway = Gateway::start(&routers(upstream.port)?).await?;
    let url = format!("http://a.test:{}/x?token=hidden", gateway.web);
    let fields = ["-H", "X-A: 22", "-H", "Authorization: Basic hidden"];
    let explain = |more: &[&str]| {
        let args = [&["explain", "GET", &url][..], &fields, more].concat();
        run(gateway.path(), &args)
    };
    let output = explain(&[])?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    for part in [
        "entry point web (it listens on port",
        "field@file  no, priority 100 (set)",
        "Header(`X-A`, `1`) does not match x-a: 22",
        "path@file  takes it, priority 34 (length of the rule)",
        "middleware path@file (headers)",
        "service s@file (loadBalancer, wrr)",
    ] {
        ensure!(text(&output).contains(part), "{part}\n{}", text(&output));
    }
    ensure!(!text(&output).contains("hidden"), "{}", text(&output));

    let output = explain(&["--format=json", "--client-ip=10.1.2.3"])?;
    let by_command: Value = serde_json::from_str(&text(&output))?;
    assert_eq!(by_command["chosen"][0]["router"], "peer@file");
    let ask = format!(
        "/api/explain?method=GET&url={}&header=X-A%3A22&clientIp=10.1.2.3",
        encoded(&url)
    );
    let by_api = http1::get(gateway.admin, "localhost", &ask).await?.json()?;
    assert_eq!(by_api["routers"], by_command["routers"]);
    let server = &by_api["chosen"][0]["service"]["servers"][0];
    assert_eq!(server["status"], "UP");

    let output = run(gateway.path(), &["explain", "GET", "http://nobody.test/z"])?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let output = run(gateway.path(), &["explain", "GET"])?;
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let refused = http1::get(gateway.admin, "localhost", "/api/explain").await?;
    assert_eq!(
        (refused.status, refused.text().contains("url is missing")),
        (400, true)
    );
    let posted = http1::post(gateway.admin, "localhost", &ask, "{}").await?;
    assert_eq!(posted.status, 405);
    Ok(())
}
