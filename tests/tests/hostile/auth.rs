//! Middlewares that let clients in: nobody says who they are but them, and those they ask cannot hurt them.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sluice_tests::recorder::{Recorder, Reply, ok};

use crate::support::{Site, within};

/// `low` with the password `low`, and its credentials.
const USERS: &str = "low:{SHA}NqiD52LUoXSBVcJmqIbn27GO34o=";
const LOW: &str = "Basic bG93Omxvdw==";

fn spellings(name: &str) -> String {
    [
        name.to_owned(),
        name.replace('-', "_"),
        name.replace('-', "."),
        name.to_uppercase(),
    ]
    .map(|name| format!("{name}: admin\r\n"))
    .concat()
}

fn behind(middleware: &str, port: u16) -> String {
    format!(
        "\
http:
  routers:
    app: {{rule: 'Host(`a.test`) && PathPrefix(`/x`)', service: app, middlewares: [guard]}}
    lives: {{rule: 'Path(`/lives`)', service: app}}
  middlewares:
    guard: {middleware}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
"
    )
}

/// One whose only router has this middleware.
async fn guarded(middleware: &str) -> Result<Site> {
    let upstream = Recorder::fine().await?;
    Site::with(upstream, |port| behind(middleware, port), "", &[]).await
}

#[tokio::test]
async fn a_user_has_the_name_it_signed_in_with() -> Result<()> {
    let middleware = format!("{{basicAuth: {{users: ['{USERS}'], headerField: x-auth-user}}}}");
    let mut site = guarded(&middleware).await?;
    let mut client = site.client().await?;
    let fields = format!("Authorization: {LOW}\r\n{}", spellings("X-Auth-User"));
    let answer = client.ask("GET", "a.test", "/x", &fields).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let seen = site.upstream.last()?;
    ensure!(seen.values("X-Auth-User") == ["low"], "{seen:?}");
    for wrong in [
        "Basic bG93OmhpZ2g=",
        "Basic !!!",
        "Basic",
        "Bearer x",
        "Basic bG93",
    ] {
        let mut client = site.client().await?;
        let answer = client
            .ask(
                "GET",
                "a.test",
                "/x",
                &format!("Authorization: {wrong}\r\n"),
            )
            .await?;
        ensure!(answer.status == 401, "{wrong}: {}", answer.status);
    }
    site.lives().await
}

#[tokio::test]
async fn what_the_asked_service_says_is_not_the_clients_to_say() -> Result<()> {
    let auth = Recorder::start(|seen| {
        let named = seen.line().contains("/named");
        let fields = if named { "X-Auth-User: low\r\n" } else { "" };
        Reply::Keep(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n").into_bytes())
    })
    .await?;
    for (path, taken, expected) in [
        ("/named", "authResponseHeaders: [X-Auth-User]", vec!["low"]),
        ("/silent", "authResponseHeaders: [X-Auth-User]", vec![]),
        (
            "/named",
            "authResponseHeadersRegex: '^X-Auth-'",
            vec!["low"],
        ),
        ("/silent", "authResponseHeadersRegex: '^X-Auth-'", vec![]),
    ] {
        let address = format!("http://127.0.0.1:{}{path}", auth.port);
        let middleware = format!(
            "{{forwardAuth: {{address: '{address}', {taken}, trustForwardHeader: false}}}}"
        );
        let mut site = guarded(&middleware).await?;
        let mut client = site.client().await?;
        let fields = format!(
            "{}X-Forwarded-Prefix: /spoofed\r\nX_Forwarded_Uri: /spoofed\r\n",
            spellings("X-Auth-User")
        );
        let answer = client.ask("GET", "a.test", "/x", &fields).await?;
        ensure!(answer.status == 200, "{answer:?}");
        let seen = site.upstream.last()?;
        ensure!(
            seen.values("X-Auth-User") == expected,
            "{path} {taken}: {seen:?}"
        );
        // Nor does the service that is asked hear what a stranger says of itself.
        let asked = auth.last()?;
        ensure!(!asked.head.contains("spoofed"), "{asked:?}");
        ensure!(asked.values("X-Forwarded-Uri") == ["/x"], "{asked:?}");
        site.lives().await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() -> Result<()> {
    let auth = Recorder::start(|seen| {
        let endless = "100000\r\n".to_owned() + &"x".repeat(0x10_0000) + "\r\n";
        let body = match seen.line().contains("/long") {
            true => endless.repeat(64),
            false => String::new(),
        };
        Reply::Hang(
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes(),
        )
    })
    .await?;
    let address = format!("http://127.0.0.1:{}/long", auth.port);
    let middleware =
        format!("{{forwardAuth: {{address: '{address}', trustForwardHeader: false}}}}");
    let mut site = guarded(&middleware).await?;
    let asked = site.gateway.get("a.test", "/x");
    let answer = within(Duration::from_secs(20), "an answer", asked).await?;
    ensure!([401, 500].contains(&answer.status), "{}", answer.status);
    ensure!(site.upstream.seen().is_empty(), "let in");
    site.lives().await
}

#[tokio::test]
async fn an_unknown_user_takes_as_long_as_a_known_one() -> Result<()> {
    // bcrypt of cost 10: some tens of milliseconds.
    let hash = "$2y$10$.bFhU4wJh.sAxRY4vb2GBeUGVuvR9qQUHhPzvrxUTAj6RSEWK2PyG";
    let middleware = format!("{{basicAuth: {{users: ['known:{hash}']}}}}");
    let mut site = guarded(&middleware).await?;
    // `known:x`, `never:x`; the shortest of some, since a machine may be busy.
    let mut times = [Duration::MAX; 2];
    for _ in 0..5 {
        for (slot, credentials) in ["a25vd246eA==", "bmV2ZXI6eA=="].into_iter().enumerate() {
            let mut client = site.client().await?;
            let start = Instant::now();
            let fields = format!("Authorization: Basic {credentials}\r\n");
            let answer = client.ask("GET", "a.test", "/x", &fields).await?;
            ensure!(answer.status == 401);
            times[slot] = times[slot].min(start.elapsed());
        }
    }
    let [known, unknown] = times;
    ensure!(
        unknown * 2 > known && known * 2 > unknown,
        "known {known:?}, unknown {unknown:?}"
    );
    site.lives().await
}

#[tokio::test]
async fn digests_of_nobody_are_wrong() -> Result<()> {
    let middleware = "{digestAuth: {users: ['low:traefik:c1a6ad0b6a6f0c3b5d5f1b5a5b1f5a5c'], headerField: X-Auth-User}}";
    let mut site = Site::with(
        Recorder::fine().await?,
        |port| behind(middleware, port),
        "",
        &[],
    )
    .await?;
    let challenge = site.gateway.get("a.test", "/x").await?;
    ensure!(challenge.status == 401);
    let told = challenge.header("WWW-Authenticate").unwrap_or_default();
    let part = |name: &str| {
        let start = told.split(&format!("{name}=\"")).nth(1)?;
        start.split('"').next().map(str::to_owned)
    };
    let (nonce, opaque) = (
        part("nonce").unwrap_or_default(),
        part("opaque").unwrap_or_default(),
    );
    // The response that an empty secret would give, and none at all: MD5 of nothing and zeros.
    for response in [
        "d41d8cd98f00b204e9800998ecf8427e",
        "",
        "00000000000000000000000000000000",
    ] {
        for user in ["nobody", "", "low"] {
            let mut client = site.client().await?;
            let fields = format!(
                "Authorization: Digest username=\"{user}\", realm=\"traefik\", nonce=\"{nonce}\", uri=\"/x\", \
                 qop=auth, nc=00000001, cnonce=\"x\", response=\"{response}\", opaque=\"{opaque}\", algorithm=MD5\r\n"
            );
            let answer = client.ask("GET", "a.test", "/x", &fields).await?;
            ensure!(
                answer.status == 401,
                "{user}: {response}: {}",
                answer.status
            );
        }
    }
    ensure!(site.upstream.seen().is_empty(), "let in");
    site.lives().await
}

#[tokio::test]
async fn error_pages_hear_no_secrets() -> Result<()> {
    let pages = Recorder::start(|_| Reply::Keep(ok("page"))).await?;
    let upstream = Recorder::start(|seen| match seen.line().contains("/x") {
        true => {
            Reply::Keep(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_vec())
        }
        false => Reply::Keep(ok("fine")),
    });
    let dynamic = |port| {
        let port_of_pages = pages.port;
        let service = format!(
            "    pages: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port_of_pages}'}}]}}}}\n"
        );
        behind(
            "{errors: {status: ['500-599'], service: pages, query: '/{status}'}}",
            port,
        ) + &service
    };
    let mut site = Site::with(upstream.await?, dynamic, "", &[]).await?;
    let mut client = site.client().await?;
    let secrets = "Authorization: Bearer s3cret\r\nCookie: sid=s3cret\r\nProxy-Authorization: Basic s3cret\r\nX-Kept: yes\r\n";
    let answer = client.ask("GET", "a.test", "/x", secrets).await?;
    ensure!(
        (answer.status, answer.text().as_str()) == (503, "page"),
        "{answer:?}"
    );
    let seen = pages.last()?;
    ensure!(
        !seen.head.contains("s3cret") && seen.values("X-Kept") == ["yes"],
        "{seen:?}"
    );
    ensure!(
        site.upstream.last()?.head.contains("Bearer s3cret"),
        "its own server needs them"
    );
    site.lives().await
}
