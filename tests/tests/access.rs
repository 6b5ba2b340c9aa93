//! Who may come in, beyond Traefik's open edition: API keys, tokens and signatures, through the real program and its logs.

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

/// The answer is that refusal.
async fn refused(
    gateway: &Gateway,
    host: &str,
    fields: &str,
    (status, challenge): (u16, &str),
) -> Result<()> {
    let answer = ask(gateway, host, "/refused", fields).await?;
    ensure!(answer.status == status, "{fields}: {answer:?}");
    let told = answer.header("WWW-Authenticate");
    ensure!(told == Some(challenge), "{fields}: {answer:?}");
    Ok(())
}

/// None of the secrets stands in the access log or the API, and the router of `broken` is disabled for that reason.
async fn tells_no_secret(gateway: &Gateway, secrets: &[&str], reason: &str) -> Result<()> {
    let log = std::fs::read_to_string(gateway.path().join("access.log"))?;
    let api = http1::get(gateway.admin, "localhost", "/api/http/middlewares").await?;
    let router = http1::get(gateway.admin, "localhost", "/api/http/routers/broken@file").await?;
    let broken = router.json()?;
    let told = broken["error"][0].as_str().context("a reason")?;
    ensure!(told.contains(reason), "{told}");
    ensure!(broken["status"] == "disabled", "{broken}");
    for text in [log, api.text(), router.text()] {
        let found = secrets.iter().find(|secret| text.contains(**secret));
        ensure!(found.is_none(), "{found:?} stands in {text}");
    }
    Ok(())
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
    let no = (401, "ApiKey realm=\"traefik\"");
    let twice = "X-Api-Key: foo\r\nX-Api-Key: foo\r\n";
    for wrong in ["", "X-Api-Key: bar\r\n", twice] {
        refused(&gateway, "keys.test", wrong, no).await?;
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
    for name in ["quick", "slow"] {
        let users = lines.iter().filter(|line| line["ClientUsername"] == name);
        ensure!(users.count() == 1, "{name}: {lines:?}");
    }
    let path = |line: &Value| line["RequestPath"] == "/b?x=1&key=REDACTED&y=2";
    ensure!(lines.iter().any(path), "{lines:?}");
    let secrets = [
        "sesame", "=foo", ":\"foo\"", "41ef4bb0", "$2y$05", "hunter2",
    ];
    tells_no_secret(&gateway, &secrets, "secretValues[0] is no hash").await
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
    let invalid = (401, "Bearer error=\"invalid_token\"");
    for (token, no) in [
        (BOB, (403, "Bearer error=\"insufficient_scope\"")),
        (EXPIRED, invalid),
        (&unsigned, invalid),
        (&stolen, invalid),
    ] {
        let fields = format!("Authorization: Bearer {token}\r\n");
        refused(&gateway, "token.test", &fields, no).await?;
    }
    refused(&gateway, "token.test", "", (401, "Bearer")).await?;
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
    tells_no_secret(&gateway, &[claims, "hunter2"], "is not one of HS256").await
}

/// What the key `secret 🙈` has signed: `GET /foo`, and `POST /foo` at signed.test with the digest of [`BODY`].
const GET: &str = r#"Hmac keyId="ruby",algorithm="hmac-sha256",headers="(request-target)",signature="OQ/dHqRW9vFmrW/RCHg7O2Fqx+3uqxJw81p6k9Rcyo4=""#;
const POST: &str = r#"Signature keyId="ruby",algorithm="hmac-sha512",headers="(request-target) host digest",signature="LGlwVOB3wrznRIRRZbUPAOE5Zm4QlWOL0UJoMABCbEjDxU9/oFadhe2cmHAbkWelwfuJMUORrAypemTt4+LHPA==""#;
const BODY: &str = r#"{"hello": "world"}"#;
const DIGEST: &str = "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=";

/// Posts a body in chunks, signed by [`POST`].
async fn post(gateway: &Gateway, body: &str) -> Result<Response> {
    let mut client = Client::connect(gateway.web).await?;
    client
        .send(format!(
            "POST /foo HTTP/1.1\r\nHost: signed.test\r\nAuthorization: {POST}\r\nDigest: {DIGEST}\r\n\
             Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        ))
        .await?;
    client.answer().await
}

#[tokio::test]
async fn a_signature_lets_in_what_it_covers() -> Result<()> {
    let upstream = Upstream::saying("fine").await?;
    let keys = "keys: [{id: ruby, key: 'secret 🙈'}]";
    let signed = format!(
        "{{hmac: {{{keys}, clockSkew: 0s, enforcedHeaders: ['(request-target)'], maxBodySize: 100, headerField: X-Key}}}}"
    );
    let timed = format!("{{hmac: {{{keys}}}}}");
    let broken = "{hmac: {keys: [{id: a, key: hunter2}], algorithms: [hmac-md5]}}";
    let guards = [("signed", &*signed), ("timed", &timed), ("broken", broken)];
    let gateway = start(upstream.port, &guards).await?;

    let get = format!("Authorization: {GET}\r\nX-Key: root\r\nX_Key: root\r\n");
    let answer = ask(&gateway, "signed.test", "/foo", &get).await?;
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(post(&gateway, BODY).await?.status == 200);
    ensure!(
        post(&gateway, &BODY.replace("world", "w0rld"))
            .await?
            .status
            == 401
    );
    ensure!(post(&gateway, &" ".repeat(101)).await?.status == 413);

    let no = (401, "Hmac realm=\"traefik\",headers=\"(request-target)\"");
    // `refused` asks for another path.
    for fields in [
        "",
        &get,
        "Authorization: Hmac \r\n",
        "Authorization: Hmac ,=\"\r\n",
    ] {
        refused(&gateway, "signed.test", fields, no).await?;
    }
    // It says nothing of the time at which it was made.
    let answer = ask(&gateway, "timed.test", "/foo", &get).await?;
    ensure!(answer.status == 401, "{answer:?}");

    let seen = upstream.seen();
    let [first, second] = seen.as_slice() else {
        anyhow::bail!("{} requests arrived", seen.len());
    };
    ensure!(first.header("X-Key") == Some("ruby"), "{first:?}");
    ensure!(first.header("X_Key").is_none(), "{first:?}");
    ensure!(first.header("Authorization").is_none(), "{first:?}");
    ensure!(second.body == BODY.as_bytes(), "{second:?}");

    let lines = logged(gateway.path(), 9).await?;
    let users = lines.iter().filter(|line| line["ClientUsername"] == "ruby");
    ensure!(users.count() == 2, "{lines:?}");
    tells_no_secret(
        &gateway,
        &["OQ/dHq", "hunter2", "secret 🙈"],
        "is none of hmac-sha1",
    )
    .await
}
