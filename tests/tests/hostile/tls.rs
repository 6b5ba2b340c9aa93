//! TLS at HTTP routers: handshakes that stall or break, and hosts that must not be reached by another's handshake.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sluice_tests::http1::Client;
use sluice_tests::recorder::Recorder;
use sluice_tests::stream;
use sluice_tests::tls::Authority;
use tokio::io::AsyncWriteExt as _;

use crate::frames::{Connection, Outcome, request};
use crate::support::{Site, until_closed};

/// `open.test` is for everybody, `closed.test` for clients with a certificate; their routers lead to one server.
fn guarded(port: u16) -> String {
    format!(
        "\
http:
  routers:
    open: {{rule: 'Host(`open.test`) || Host(`*.wild.test`)', service: app, tls: {{}}}}
    closed: {{rule: 'Host(`closed.test`) || Host(`in.wild.test`)', service: app, tls: {{options: mtls}}}}
    both: {{rule: 'Host(`both.test`)', service: app, tls: {{options: mtls}}}}
    both-too: {{rule: 'Host(`both.test`) && Path(`/open`)', service: app, tls: {{}}}}
    negated: {{rule: '!Host(`open.test`) && Path(`/negated`)', priority: 1000, service: app, tls: {{options: mtls}}}}
    unreadable: {{rule: 'Host(`unreadable.test`)', service: app, tls: {{options: broken}}}}
    unknown: {{rule: 'Host(`unknown.test`)', service: app, tls: {{options: nowhere}}}}
    lives: {{rule: 'Path(`/lives`)', service: app, entryPoints: [web]}}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
tls:
  certificates:
    - {{certFile: open.test.crt, keyFile: open.test.key}}
    - {{certFile: closed.test.crt, keyFile: closed.test.key}}
    - {{certFile: both.test.crt, keyFile: both.test.key}}
    - {{certFile: x.wild.test.crt, keyFile: x.wild.test.key}}
    - {{certFile: in.wild.test.crt, keyFile: in.wild.test.key}}
    - {{certFile: unreadable.test.crt, keyFile: unreadable.test.key}}
    - {{certFile: unknown.test.crt, keyFile: unknown.test.key}}
  options:
    mtls: {{clientAuth: {{caFiles: [ca.crt], clientAuthType: RequireAndVerifyClientCert}}}}
    broken: {{clientAuth: {{caFiles: [missing.crt], clientAuthType: RequireAndVerifyClientCert}}}}
"
    )
}

struct Guarded {
    site: Site,
    tls: sluice_tests::tls::Client,
}

async fn start() -> Result<Guarded> {
    let folder = tempfile::tempdir()?;
    let authority = Authority::new(folder.path())?;
    for name in [
        "open.test",
        "closed.test",
        "both.test",
        "x.wild.test",
        "in.wild.test",
        "unreadable.test",
        "unknown.test",
    ] {
        authority.sign(name)?;
    }
    let tls = authority.client()?;
    let upstream = Recorder::fine().await?;
    let dynamic = guarded(upstream.port);
    let gateway = sluice_tests::stack::Gateway::start_with(folder, &dynamic, "", &[]).await?;
    Ok(Guarded {
        site: Site { gateway, upstream },
        tls,
    })
}

impl Guarded {
    /// The status of a request for `host` on a connection for `name`; `None` where the connection does not come about.
    async fn ask(&self, name: &str, host: &str, path: &str) -> Option<u16> {
        let port = self.site.gateway.websecure;
        let mut client = Client::connect_tls(&self.tls, port, name).await.ok()?;
        // A client certificate that is missing shows only after the handshake in TLS 1.3.
        Some(client.get(host, path).await.ok()?.status)
    }
}

#[tokio::test]
async fn a_handshake_for_one_host_does_not_open_another() -> Result<()> {
    let guarded = start().await?;
    for (name, host, path, expected) in [
        ("open.test", "open.test", "/", Some(200)),
        ("open.test", "OPEN.test.", "/", Some(200)),
        ("x.wild.test", "x.wild.test", "/", Some(200)),
        ("closed.test", "closed.test", "/", None),
        ("in.wild.test", "in.wild.test", "/", None),
        ("open.test", "closed.test", "/", Some(421)),
        ("open.test", "CLOSED.TEST", "/", Some(421)),
        ("open.test", "closed.test.", "/", Some(421)),
        ("open.test", "closed.test:443", "/", Some(421)),
        ("open.test", "in.wild.test", "/", Some(421)),
        ("x.wild.test", "in.wild.test", "/", Some(421)),
        // The same options: no other handshake would have been made.
        ("x.wild.test", "open.test", "/", Some(200)),
    ] {
        let got = guarded.ask(name, host, path).await;
        ensure!(got == expected, "{name} → {host}: {got:?}");
    }
    // HTTP/2, where browsers put several hosts on one connection.
    let port = guarded.site.gateway.websecure;
    let (stream, alpn) = guarded.tls.connect(port, "open.test", &["h2"]).await?;
    ensure!(alpn.as_deref() == Some("h2"));
    let mut connection = Connection::over(stream).await?;
    let mut fields = crate::frames::get("/");
    for (id, authority, expected) in [(1, "open.test", 200), (3, "closed.test", 421)] {
        fields[3].1 = authority;
        connection.send(&request(id, &fields)).await?;
        ensure!(
            connection.outcome(id).await? == Outcome::Status(expected),
            "{authority}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn where_options_disagree_or_fail_nobody_gets_in() -> Result<()> {
    let guarded = start().await?;
    // One router of the host asks for a certificate, the other does not.
    for path in ["/", "/open"] {
        ensure!(
            guarded.ask("both.test", "both.test", path).await.is_none(),
            "{path}"
        );
        ensure!(
            guarded.ask("open.test", "both.test", path).await == Some(421),
            "{path}"
        );
    }
    // A rule without a host of its own cannot make its options hold: it is out of reach.
    ensure!(guarded.ask("x.wild.test", "x.wild.test", "/negated").await == Some(421));
    for host in ["unreadable.test", "unknown.test"] {
        ensure!(guarded.ask(host, host, "/").await.is_none(), "{host}");
        let got = guarded.ask("open.test", host, "/").await;
        ensure!(matches!(got, Some(404 | 421)), "{host}: {got:?}");
    }
    ensure!(
        guarded.site.upstream.seen().is_empty(),
        "a server heard of it"
    );
    Ok(())
}

/// A ClientHello for `open.test`, as rustls writes it.
fn hello() -> Result<Vec<u8>> {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = rustls_pki_types::ServerName::try_from("open.test")?;
    let mut client = rustls::ClientConnection::new(std::sync::Arc::new(config), name)?;
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes)?;
    Ok(bytes)
}

#[tokio::test]
async fn a_hello_may_come_in_pieces_but_not_for_ever() -> Result<()> {
    let install = "WEBSECURE transport: {respondingTimeouts: {readTimeout: 2s}}";
    let mut site = Site::with(
        Recorder::fine().await?,
        crate::support::routes,
        install,
        &[],
    )
    .await?;
    let port = site.gateway.websecure;
    let hello = hello()?;
    let body = hello.get(5..).unwrap_or_default();
    // One byte a record, and one byte a segment: a server hello comes, or a refusal, never a crash.
    let records: Vec<u8> = body
        .iter()
        .flat_map(|byte| [0x16, 3, 1, 0, 1, *byte])
        .collect();
    for bytes in [&hello, &records] {
        let mut stream = stream::plain(port).await?;
        for byte in bytes {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
        let mut first = [0; 1];
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut first);
        let count = tokio::time::timeout(sluice_tests::poll::PATIENCE, read)
            .await?
            .unwrap_or(0);
        ensure!(
            count == 0 || first == [0x16] || first == [0x15],
            "{first:?}"
        );
        if bytes == &hello {
            ensure!(first == [0x16], "segments are no reason to refuse");
        }
    }
    // Whoever stalls is let go.
    let start = Instant::now();
    for bytes in [&b"\x16"[..], &hello[..hello.len() / 2], &hello] {
        until_closed(port, bytes).await?;
    }
    ensure!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    site.lives().await
}

#[tokio::test]
async fn records_that_are_none_end_the_connection() -> Result<()> {
    let mut site = Site::start().await?;
    let port = site.gateway.websecure;
    let hello = hello()?;
    let mut long = hello.clone();
    long[3..5].copy_from_slice(&[0xff, 0xff]);
    let mut endless = vec![0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
    endless.resize(64 * 1024, 0);
    for bytes in [
        b"\x16\x03\x01\x00\x00".repeat(100),
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00".to_vec(),
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00".to_vec(),
        b"\x16\x02\x00\x00\x05\x01\x00\x00\x01\x00".to_vec(),
        long,
        endless,
        // A KeyUpdate and a Finished where a hello is due.
        b"\x16\x03\x01\x00\x05\x18\x00\x00\x01\x00".to_vec(),
        b"\x16\x03\x01\x00\x05\x14\x00\x00\x01\x00".to_vec(),
    ] {
        let answer = until_closed(port, &bytes).await?;
        ensure!(
            answer.is_empty() || answer[0] == 0x15,
            "{:02x?}",
            bytes.get(..16)
        );
    }
    for n in 0..hello.len() {
        let mut mangled = hello.clone();
        mangled[n] ^= 0x55;
        let mut stream = stream::plain(port).await?;
        let _ = stream.write_all(&mangled).await;
    }
    site.lives().await
}
