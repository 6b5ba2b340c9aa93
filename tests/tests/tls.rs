//! TLS towards clients, through real sockets: options by host, client certificates, renewals.

use anyhow::Result;
use sluice_tests::http1::Client;
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::stack::Gateway;
use sluice_tests::tls::Authority;
use sluice_tests::upstream::Upstream;

/// Routers of `open.test` and `shut.test`, the second for clients with a certificate only; and two of `both.test`, which
/// disagree about that.
fn dynamic(upstream: u16) -> String {
    format!(
        "\
http:
  routers:
    open: {{rule: 'Host(`open.test`)', service: app}}
    shut: {{rule: 'Host(`shut.test`)', service: app, tls: {{options: mutual}}}}
    anyone: {{rule: 'Host(`both.test`) && PathPrefix(`/anyone`)', service: app}}
    mine: {{rule: 'Host(`both.test`)', service: app, tls: {{options: mutual}}}}
    nowhere: {{rule: 'PathPrefix(`/mutual`)', priority: 9999, service: app, tls: {{options: mutual}}}}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{upstream}'}}]}}}}
tls:
  certificates:
    - {{certFile: open.test.crt, keyFile: open.test.key}}
    - {{certFile: shut.test.crt, keyFile: shut.test.key}}
    - {{certFile: both.test.crt, keyFile: both.test.key}}
  options:
    mutual: {{clientAuth: {{caFiles: [ca.crt], clientAuthType: RequireAndVerifyClientCert}}}}
"
    )
}

async fn start(upstream: u16) -> Result<(Gateway, Authority)> {
    let folder = tempfile::tempdir()?;
    let authority = Authority::new(folder.path())?;
    for name in ["open.test", "shut.test", "both.test"] {
        authority.sign(name)?;
    }
    let gateway = Gateway::start_in(folder, &dynamic(upstream), "").await?;
    Ok((gateway, authority))
}

#[tokio::test]
async fn a_connection_is_good_for_hosts_of_its_own_options_only() -> Result<()> {
    let upstream = Upstream::saying("hello").await?;
    let (gateway, authority) = start(upstream.port).await?;
    let tls = authority.client()?;
    let mut client = Client::connect_tls(&tls, gateway.websecure, "open.test").await?;
    assert_eq!(client.get("open.test", "/").await?.status, 200);
    for (host, path) in [
        ("shut.test", "/"),
        ("SHUT.test.:443", "/"),
        ("both.test", "/"),
        ("both.test", "/anyone"),
        ("open.test", "/mutual"),
    ] {
        let answer = client.get(host, path).await?;
        assert_eq!(answer.status, 421, "{host}{path}");
        assert_eq!(answer.text(), "Misdirected Request\n");
    }
    assert_eq!(upstream.seen().len(), 1);
    Ok(())
}

#[tokio::test]
async fn options_that_ask_for_certificates_win_over_those_that_do_not() -> Result<()> {
    let upstream = Upstream::saying("hello").await?;
    let (gateway, authority) = start(upstream.port).await?;
    let tls = authority.client()?;
    for host in ["shut.test", "both.test"] {
        let asked = async {
            let mut client = Client::connect_tls(&tls, gateway.websecure, host).await?;
            client.get(host, "/anyone").await
        };
        assert!(asked.await.is_err(), "{host} let a stranger in");
    }
    assert!(upstream.seen().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_once_certificate_and_key_fit() -> Result<()> {
    let upstream = Upstream::saying("hello").await?;
    let (gateway, authority) = start(upstream.port).await?;
    let tls = authority.client()?;
    let shown = async || tls.certificate(gateway.websecure, "open.test").await;
    let old = shown().await?;
    let key = gateway.path().join("open.test.key");
    let old_key = std::fs::read(&key)?;
    authority.sign("open.test")?;
    let new_key = std::fs::read(&key)?;
    // As if the renewal had written the certificate only, so far.
    std::fs::write(&key, old_key)?;
    poll::until_true("a word about the pair", PATIENCE, async || {
        Ok(gateway
            .process
            .log()
            .contains("what was read before stays in force"))
    })
    .await?;
    assert_eq!(shown().await?, old);
    std::fs::write(&key, new_key)?;
    poll::until_true("the new certificate", PATIENCE, async || {
        Ok(shown().await? != old)
    })
    .await
}
