//! The API: it reads, it says no secrets, and no page of another site can use it.

use anyhow::{Result, ensure};
use sluice_tests::http1::{self, Client};
use sluice_tests::recorder::Recorder;

use crate::support::{Site, routes};

#[tokio::test]
async fn secrets_are_not_shown() -> Result<()> {
    let secrets = [
        "  middlewares:",
        "    basic: {basicAuth: {users: ['user:$apr1$sentinel$abcdefghijklmnopqrstu/']}}",
        "    digest: {digestAuth: {users: ['user:realm:0123456789abcdef0123456789abcdef']}}",
        "  services:",
    ]
    .join("\n");
    let dynamic = |port| routes(port).replace("  services:", &secrets);
    let site = Site::with(Recorder::fine().await?, dynamic, "", &[]).await?;
    for path in [
        "/api/rawdata",
        "/api/http/middlewares",
        "/api/http/middlewares/basic@file",
        "/api/http/middlewares/digest@file",
    ] {
        let answer = http1::get(site.gateway.admin, "localhost", path).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.status);
        let text = answer.text();
        ensure!(
            !text.contains("sentinel") && !text.contains("0123456789abcdef"),
            "{path}: {text}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_changed_through_it() -> Result<()> {
    let mut site = Site::start().await?;
    for (method, path) in [
        ("PUT", "/api/providers/rest"),
        ("POST", "/api/providers/rest"),
        ("DELETE", "/api/http/routers/app@file"),
        ("PUT", "/api/rawdata"),
    ] {
        let mut client = Client::connect(site.gateway.admin).await?;
        let fields =
            "Origin: https://evil.test\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n";
        client
            .send(format!(
                "{method} {path} HTTP/1.1\r\nHost: evil.test\r\n{fields}\r\n{{}}"
            ))
            .await?;
        let answer = client.answer().await?;
        ensure!(
            [403, 404, 405].contains(&answer.status),
            "{method} {path}: {}",
            answer.status
        );
        ensure!(
            answer.header("Access-Control-Allow-Origin").is_none(),
            "{answer:?}"
        );
    }
    site.lives().await
}

#[tokio::test]
async fn the_dashboard_redirects_to_itself_only() -> Result<()> {
    let site = Site::start().await?;
    for (path, fields) in [
        ("/", "X-Forwarded-Prefix: //evil.tld\r\n"),
        ("/", "X-Forwarded-Prefix: https://evil.tld\r\n"),
        ("/", "X-Forwarded-Host: evil.tld\r\n"),
        ("//evil.tld/", ""),
        ("/dashboard", "X_Forwarded_Prefix: //evil.tld\r\n"),
    ] {
        let mut client = Client::connect(site.gateway.admin).await?;
        let answer = client.ask("GET", "localhost", path, fields).await?;
        let location = answer.header("Location").unwrap_or_default();
        ensure!(!location.contains("evil"), "{path} {fields:?}: {location}");
        ensure!(!answer.text().contains("evil"), "{path} {fields:?}");
    }
    Ok(())
}

#[tokio::test]
async fn names_are_shown_as_text() -> Result<()> {
    let dynamic = |port| {
        routes(port).replace("    app: {rule", "    '<img src=x onerror=alert(1)>': {rule: 'Host(`<script>`)', service: app}\n    app: {rule")
    };
    let site = Site::with(Recorder::fine().await?, dynamic, "", &[]).await?;
    let answer = http1::get(site.gateway.admin, "localhost", "/api/http/routers").await?;
    let kind = answer.header("Content-Type").unwrap_or_default();
    ensure!(kind.starts_with("application/json"), "{kind}");
    let page = http1::get(site.gateway.admin, "localhost", "/dashboard/").await?;
    if page.status == 200 {
        ensure!(
            !page.text().contains("onerror"),
            "the dashboard holds a name"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_looks_like_a_rule_or_a_template_is_a_value() -> Result<()> {
    let dynamic = |port| {
        let value = "  middlewares:\n    mark: {headers: {customRequestHeaders: {X-Mark: '{{ env `HOME` }} {env.HOME} ${HOME}'}}}\n  services:";
        // In a file that is no template of ours: braces of YAML written out.
        routes(port)
            .replace("  services:", &value.replace("{{ env `HOME` }}", "{{ `{{ env \"HOME\" }}` }}"))
            .replace("service: app}", "service: app, middlewares: [mark]}\n    paste: {rule: 'Host(`x`) || PathPrefix(`/`)', service: app, priority: 1}")
    };
    let site = Site::with(Recorder::fine().await?, dynamic, "", &[]).await?;
    let mut client = site.client().await?;
    let answer = client
        .ask(
            "GET",
            "a.test",
            "/x",
            "X-Client: {{ env \"HOME\" }} {env.HOME} ${HOME}\r\n",
        )
        .await?;
    ensure!(answer.status == 200);
    let seen = site.upstream.last()?;
    ensure!(
        seen.values("X-Client") == ["{{ env \"HOME\" }} {env.HOME} ${HOME}"],
        "{seen:?}"
    );
    ensure!(
        seen.values("X-Mark") == ["{{ env \"HOME\" }} {env.HOME} ${HOME}"],
        "{seen:?}"
    );
    Ok(())
}
