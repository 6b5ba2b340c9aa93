//! One path: what was matched is what is forwarded, and no rewrite climbs out of what was matched.

use anyhow::{Result, ensure};
use sluice_tests::recorder::Recorder;

use crate::support::Site;

/// `/public` is for everybody, `/admin` for nobody.
fn guarded(port: u16) -> String {
    format!(
        "\
http:
  routers:
    public: {{rule: 'PathPrefix(`/public`)', service: app}}
    admin: {{rule: 'PathPrefix(`/admin`)', service: app, middlewares: [nobody]}}
    api: {{rule: 'PathPrefix(`/api`)', service: app, middlewares: [strip]}}
    regex: {{rule: 'PathPrefix(`/re`)', service: app, middlewares: [rewrite]}}
    lives: {{rule: 'Path(`/lives`)', service: app}}
  middlewares:
    nobody: {{ipAllowList: {{sourceRange: ['192.0.2.1']}}}}
    strip: {{stripPrefix: {{prefixes: ['/api']}}}}
    rewrite: {{replacePathRegex: {{regex: '^/re(.*)', replacement: '/$1'}}}}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
"
    )
}

/// As a lenient server might read a path: decoded until nothing changes, `\` and `;` being what they are to some, dots gone.
fn lenient(path: &str) -> String {
    let mut path = path.to_owned();
    loop {
        let decoded = path
            .replace("%2e", ".")
            .replace("%2E", ".")
            .replace("%2f", "/")
            .replace("%2F", "/")
            .replace("%61", "a")
            .replace("%25", "%")
            .replace("%5c", "/")
            .replace("%5C", "/");
        if decoded == path {
            break;
        }
        path = decoded;
    }
    let mut out: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                out.pop();
            }
            segment => out.push(segment),
        }
    }
    format!("/{}", out.join("/"))
}

#[tokio::test]
async fn nothing_leads_past_a_guard() -> Result<()> {
    let mut site = Site::with(Recorder::fine().await?, guarded, "", &[]).await?;
    for path in [
        "/public/../admin",
        "/public/%2E%2E/admin",
        "/public/%2e%2e/admin",
        "/public/.%2e/admin",
        "/public//../admin",
        "//admin",
        "/./admin",
        "/%61dmin",
        "/%61%64%6d%69%6e",
        "/public/..//admin",
        "/../admin",
        "/admin/",
        "/admin/..;/admin",
        "/x/../../admin",
        "/public/./../admin/x",
    ] {
        let answer = site.gateway.get("a.test", path).await?;
        ensure!(answer.status == 403, "{path}: {}", answer.status);
    }
    site.lives().await
}

#[tokio::test]
async fn what_stays_encoded_is_part_of_a_name() -> Result<()> {
    let mut site = Site::with(Recorder::fine().await?, guarded, "", &[]).await?;
    // The guard does not match, and no router of another path does either.
    for path in [
        "/admin%2F",
        "/%2Fadmin",
        "/public%2F..%2Fadmin",
        "/ADMIN",
        "/%2e%2e%2fadmin",
    ] {
        let answer = site.gateway.get("a.test", path).await?;
        ensure!(
            [200, 403, 404].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
    for path in [
        "/#/../admin",
        "/public#/../admin",
        "/%",
        "/%2",
        "/%zz",
        "/public/%u0041",
    ] {
        ensure!(
            site.gateway.get("a.test", path).await?.status == 400,
            "{path}"
        );
    }
    // Whatever arrived is what was matched: its escapes as they were decided on, in upper case, and no dots.
    for line in site.upstream.lines() {
        let path = line.split(' ').nth(1).unwrap_or_default();
        ensure!(
            !path
                .split('/')
                .any(|segment| segment == ".." || segment == "."),
            "{line}"
        );
    }
    site.lives().await
}

#[tokio::test]
async fn rewrites_do_not_climb() -> Result<()> {
    let mut site = Site::with(Recorder::fine().await?, guarded, "", &[]).await?;
    for path in [
        "/api../admin",
        "/api..",
        "/api./x",
        "/api/../admin",
        "/api%2e%2e/admin",
        "/re../admin",
        "/re/../admin",
        "/re%2e%2e/admin",
        "/re/%2e/x",
    ] {
        let answer = site.gateway.get("a.test", path).await?;
        ensure!(
            [400, 403, 404].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
    ensure!(
        site.upstream.seen().is_empty(),
        "{:?}",
        site.upstream.lines()
    );
    // What is stripped is as long as it was written, and what was encoded stays so.
    for (path, arrived) in [
        ("/%61pi/..%2fadmin", "/..%2Fadmin"),
        ("/%61%70i/x", "/x"),
        ("/api%2f%2fb.test", "/%2F%2Fb.test"),
        ("/api/a%2Fb", "/a%2Fb"),
        ("/api/%2561dmin", "/%2561dmin"),
    ] {
        let answer = site.gateway.get("a.test", path).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.status);
        let line = site.upstream.last()?.line().to_owned();
        ensure!(line == format!("GET {arrived} HTTP/1.1"), "{path}: {line}");
    }
    site.lives().await
}

#[tokio::test]
async fn escapes_can_be_forbidden() -> Result<()> {
    let install = "WEB http: {encodedCharacters: {allowEncodedSlash: false, allowEncodedBackSlash: false, allowEncodedNullCharacter: false, allowEncodedSemicolon: false, allowEncodedPercent: false, allowEncodedQuestionMark: false, allowEncodedHash: false}}";
    let mut site = Site::with(Recorder::fine().await?, guarded, install, &[]).await?;
    for escape in [
        "%2f", "%2F", "%5c", "%5C", "%00", "%3b", "%3B", "%25", "%3f", "%23",
    ] {
        let path = format!("/public{escape}x");
        ensure!(
            site.gateway.get("a.test", &path).await?.status == 400,
            "{path}"
        );
    }
    ensure!(
        site.upstream.seen().is_empty(),
        "{:?}",
        site.upstream.lines()
    );
    ensure!(
        site.gateway
            .get("a.test", "/public/%20%C3%A9?%2f%00")
            .await?
            .status
            == 200
    );
    site.lives().await
}

#[tokio::test]
async fn parameters_and_other_bytes_hide_nothing() -> Result<()> {
    let dynamic = |port| {
        guarded(port).replace(
            "    lives:",
            "    deny: {rule: 'PathRegexp(`(?i)^/secret`)', service: app, middlewares: [nobody]}\n    rest: {rule: 'Path(`/rest`) || PathPrefix(`/secre`)', service: app, priority: 1}\n    lives:",
        )
    };
    let mut site = Site::with(Recorder::fine().await?, dynamic, "", &[]).await?;
    for path in ["/admin;x=y", "/.;/..;/admin", "/admin;/x", "/admin/;x"] {
        let answer = site.gateway.get("a.test", path).await?;
        // A server that cuts parameters off would see the guarded path: guarded here, or no path of anybody's.
        ensure!(
            [403, 404].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
    // Bytes that are no text do not make an expression fail open.
    for bytes in [
        b"/secret\xff".as_slice(),
        b"/secret/\xc3\x28",
        b"/SECRET%ff",
        b"/secre%74\x80",
    ] {
        let mut client = site.client().await?;
        let request = [
            b"GET ".as_slice(),
            bytes,
            b" HTTP/1.1\r\nHost: a.test\r\n\r\n",
        ]
        .concat();
        client.send(request).await?;
        let answer = client.answer().await?;
        ensure!(
            [400, 403].contains(&answer.status),
            "{}: {}",
            bytes.escape_ascii(),
            answer.status
        );
    }
    for line in site.upstream.lines() {
        let path = line.split(' ').nth(1).unwrap_or_default();
        ensure!(
            !lenient(path).starts_with("/admin") && !path.contains("secret"),
            "{line}"
        );
    }
    site.lives().await
}
