//! Who may come in, beyond Traefik's open edition: API keys and tokens, through the real program and its logs.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sluice_tests::http1::{self, Client, Response};
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::stack::Gateway;
use sluice_tests::upstream::{Upstream, ok};

/// SHA-256 of `open sesame`, and bcrypt of `foo`.
const QUICK: &str = "{SHA256}41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb";
const SLOW: &str = "$2y$05$D4SPFxzfWKcx1OXfVhRbvOTH/QB0Lm6AXTk8.NOmU4rPLX2t6UUuW";

/// A set with one public key, and what its private half signed once: neither is used anywhere else. The first two never
/// expire; they are of `ann`, who is an `admin`, and of `bob`, who is not.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"one","use":"sig","x":"-43i_fGb1aMg_43z-Z41ajD12ME4nmWpsHfqBCGL1wU","y":"jDfVZhU3AMHJluE3KP4LmAUNkatfaaG8idIS-iqJDUw"}]}"#;
const ANN: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im9uZSJ9.eyJzdWIiOiJhbm4iLCJpc3MiOiJtZSIsImdycCI6ImFkbWluIn0.S4gAPS16hsR113axpbiiJ9enpRbMeYuR4FC2r5uySO8T1Mz-2KyWWbhtg4BV1C-ggGE90AY2ivLLDWYGlSx3VQ";
const BOB: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im9uZSJ9.eyJzdWIiOiJib2IiLCJpc3MiOiJtZSIsImdycCI6InN0YWZmIn0.QKM-x_7JEMyKRnhy4Yxsyn4cbcabjSbJj49YDYM1mg0rJAW-G_pe9WJlJAmsx_hhTcIWWrCROeOTGMgHYWm79g";
const EXPIRED: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im9uZSJ9.eyJzdWIiOiJhbm4iLCJpc3MiOiJtZSIsImdycCI6ImFkbWluIiwiZXhwIjoxMDAwMDAwMDAwfQ.jihj3RZC22x3ALihZ__ieVCrYb_UzeShLjBN_rRXgz7iwSk6Yep4OEyGQD-FX7HnCfyioxh1sAamfxsjSm4q9g";

const LOGS: &str = "\
THROTTLE 1ms
accessLog: {filePath: access.log, format: json, bufferingSize: 0, fields: {headers: {defaultMode: keep}}}
";

/// A router for each of `guards`, by the host of its name.
fn routes(port: u16, guards: &[(&str, &str)]) -> String {
    let routers = guards.iter().map(|(name, _)| {
        format!(
            "    {name}: {{rule: 'Host(`{name}.test`)', service: app, middlewares: [{name}]}}\n"
        )
    });
    let middlewares = guards
        .iter()
        .map(|(name, guard)| format!("    {name}: {guard}\n"));
    format!(
        "\
http:
  routers:
{}  middlewares:
{}  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
",
        routers.collect::<String>(),
        middlewares.collect::<String>(),
    )
}

async fn start(port: u16, guards: &[(&str, &str)]) -> Result<Gateway> {
    Gateway::start_in(tempfile::tempdir()?, &routes(port, guards), LOGS).await
}

async fn ask(gateway: &Gateway, host: &str, path: &str, fields: &str) -> Result<Response> {
    let mut client = Client::connect(gateway.web).await?;
    client.ask("GET", host, path, fields).await
}

/// The lines of the access log, once there are `count`.
async fn logged(folder: &Path, count: usize) -> Result<Vec<Value>> {
    let lines = poll::until("the access log", PATIENCE, async || {
        let text = std::fs::read_to_string(folder.join("access.log"))?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        Ok((lines.len() >= count).then_some(lines))
    })
    .await?;
    let read = lines.iter().map(|line| serde_json::from_str(line));
    Ok(read.collect::<Result<_, _>>()?)
}

#[tokio::test]
async fn an_api_key_lets_in_and_is_told_nobody() -> Result<()> {
    let upstream = Upstream::saying("fine").await?;
    let guard = format!(
        "{{apiKey: {{keySource: {{header: X-Api-Key, query: key}}, secretNonBase64Encoded: true, \
         keys: [{{id: quick, value: '{QUICK}', metadata: {{team: blue}}}}, {{id: slow, value: '{SLOW}'}}], \
         forwardHeaders: {{X-Consumer: _id, X-Team: team}}}}}}"
    );
    let broken = "{apiKey: {keySource: {header: X-Api-Key}, secretValues: [hunter2]}}";
    let gateway = start(upstream.port, &[("keys", &guard), ("broken", broken)]).await?;

    let spoofed = "X-Consumer: root\r\nX_Team: red\r\n";
    let quick = format!("X-Api-Key: open sesame\r\n{spoofed}");
    let answer = ask(&gateway, "keys.test", "/a", &quick).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let answer = ask(&gateway, "keys.test", "/b?x=1&key=foo&y=2", spoofed).await?;
    ensure!(answer.status == 200, "{answer:?}");
    for wrong in [
        "",
        "X-Api-Key: bar\r\n",
        "X-Api-Key: foo\r\nX-Api-Key: foo\r\n",
    ] {
        let answer = ask(&gateway, "keys.test", "/c", wrong).await?;
        ensure!(answer.status == 401, "{wrong}: {answer:?}");
        let challenge = answer.header("WWW-Authenticate");
        ensure!(
            challenge == Some("ApiKey realm=\"traefik\""),
            "{challenge:?}"
        );
    }

    let seen = upstream.seen();
    let [first, second] = seen.as_slice() else {
        anyhow::bail!("{} requests arrived", seen.len());
    };
    ensure!(first.header("X-Consumer") == Some("quick"), "{first:?}");
    ensure!(first.header("X-Team") == Some("blue"), "{first:?}");
    ensure!(first.header("X-Api-Key").is_none(), "{first:?}");
    ensure!(second.line() == "GET /b?x=1&y=2 HTTP/1.1", "{second:?}");
    ensure!(second.header("X-Consumer") == Some("slow"), "{second:?}");
    ensure!(
        second.header("X-Team").is_none() && second.header("X_Team").is_none(),
        "{second:?}"
    );

    let lines = logged(gateway.path(), 5).await?;
    let users: Vec<_> = lines
        .iter()
        .map(|line| line["ClientUsername"].as_str())
        .collect();
    ensure!(
        users.iter().filter(|user| **user == Some("quick")).count() == 1,
        "{users:?}"
    );
    ensure!(
        users.iter().filter(|user| **user == Some("slow")).count() == 1,
        "{users:?}"
    );
    let shown = std::fs::read_to_string(gateway.path().join("access.log"))?;
    let path = |line: &Value| line["RequestPath"] == "/b?x=1&key=REDACTED&y=2";
    ensure!(lines.iter().any(path), "{shown}");

    let api = http1::get(gateway.admin, "localhost", "/api/http/middlewares").await?;
    let router = http1::get(gateway.admin, "localhost", "/api/http/routers/broken@file").await?;
    let router = router.json()?;
    let reason = router["error"][0].as_str().context("a reason")?;
    ensure!(reason.contains("secretValues[0] is no hash"), "{reason}");
    ensure!(router["status"] == "disabled", "{router}");
    for (place, text) in [
        ("log", shown),
        ("API", api.text()),
        ("router", router.to_string()),
    ] {
        for secret in [
            "sesame", "=foo", ":\"foo\"", "41ef4bb0", "$2y$05", "hunter2",
        ] {
            ensure!(!text.contains(secret), "{secret} stands in {place}: {text}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_token_lets_in_by_keys_behind_a_url() -> Result<()> {
    let upstream = Upstream::saying("fine").await?;
    let issuer = Upstream::start(|_| ok(KEYS)).await?;
    let guard = format!(
        "{{jwt: {{jwksUrl: 'http://127.0.0.1:{}/keys', issuers: [me], claims: 'Equals(`grp`, `admin`)', \
         tokenKey: token, forwardHeaders: {{X-Group: grp}}}}}}",
        issuer.port
    );
    let broken = "{jwt: {signingSecret: hunter2, algorithms: [none]}}";
    let gateway = start(upstream.port, &[("token", &guard), ("broken", broken)]).await?;

    let fields = format!("Authorization: Bearer {ANN}\r\nX-Group: root\r\nX_Group: root\r\n");
    let answer = ask(&gateway, "token.test", "/a", &fields).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let answer = ask(&gateway, "token.test", &format!("/b?x=1&token={ANN}"), "").await?;
    ensure!(answer.status == 200, "{answer:?}");
    // `alg` none, and the signature of another token.
    let [head, claims, _] = ANN.split('.').collect::<Vec<_>>()[..] else {
        anyhow::bail!("no token");
    };
    let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
    let stolen = format!(
        "{head}.{claims}.{}",
        BOB.rsplit('.').next().unwrap_or_default()
    );
    for (token, status, challenge) in [
        ("", 401, "Bearer"),
        (BOB, 403, "Bearer error=\"insufficient_scope\""),
        (EXPIRED, 401, "Bearer error=\"invalid_token\""),
        (&unsigned, 401, "Bearer error=\"invalid_token\""),
        (&stolen, 401, "Bearer error=\"invalid_token\""),
    ] {
        let fields = match token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        let answer = ask(&gateway, "token.test", "/c", &fields).await?;
        ensure!(answer.status == status, "{token}: {answer:?}");
        ensure!(
            answer.header("WWW-Authenticate") == Some(challenge),
            "{token}: {answer:?}"
        );
    }
    ensure!(issuer.seen().len() == 1, "{} fetches", issuer.seen().len());

    let seen = upstream.seen();
    let [first, second] = seen.as_slice() else {
        anyhow::bail!("{} requests arrived", seen.len());
    };
    ensure!(first.header("X-Group") == Some("admin"), "{first:?}");
    ensure!(first.header("X_Group").is_none(), "{first:?}");
    ensure!(first.header("Authorization").is_none(), "{first:?}");
    ensure!(second.line() == "GET /b?x=1 HTTP/1.1", "{second:?}");

    let lines = logged(gateway.path(), 7).await?;
    let users = lines.iter().filter(|line| line["ClientUsername"] == "ann");
    ensure!(users.count() == 2, "{lines:?}");
    let shown = std::fs::read_to_string(gateway.path().join("access.log"))?;
    let router = http1::get(gateway.admin, "localhost", "/api/http/routers/broken@file").await?;
    let api = http1::get(gateway.admin, "localhost", "/api/http/middlewares").await?;
    ensure!(
        router.text().contains("is not one of HS256"),
        "{}",
        router.text()
    );
    for text in [shown, api.text(), router.text()] {
        ensure!(
            !text.contains(claims) && !text.contains("hunter2"),
            "{text}"
        );
    }
    Ok(())
}
