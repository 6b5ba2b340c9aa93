//! Against TLS servers on real sockets: who is trusted, what is shown, which HTTP is chosen.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::super::tests::{context, get, run, whole};
use super::super::{
    Identity, PeerName, Settings, Target, TlsError, TlsSettings, TlsVersion, Transport, forward,
};
use crate::http::{ErrorKind, ProxyError};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

fn authority(name: &str) -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    let certificate = params.self_signed(&key).unwrap().der().clone();
    Authority {
        issuer: Issuer::new(params, key),
        certificate,
    }
}

impl Authority {
    fn signs(&self, names: &[SanType]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names.to_vec();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }
}

fn server_names() -> [SanType; 3] {
    [
        SanType::IpAddress("127.0.0.1".parse().unwrap()),
        SanType::DnsName("*.a.test".try_into().unwrap()),
        SanType::URI("spiffe://mesh.test/ns/web".try_into().unwrap()),
    ]
}

/// What a server saw of a connection: its protocol and the head of the first request, or `h2`.
type Seen = Rc<RefCell<Vec<String>>>;

/// A server that shows `identity`, asks for certificates of `clients`, and speaks `alpn`.
async fn server(
    identity: Identity,
    clients: Option<&Authority>,
    alpn: &'static [&'static str],
) -> (String, Seen) {
    let builder = ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate.clone()).unwrap();
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let mut config = builder
        .with_single_cert(identity.chain, identity.key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let note = seen.clone();
    tokio::task::spawn_local(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let (acceptor, note) = (acceptor.clone(), note.clone());
            tokio::task::spawn_local(async move {
                if let Ok(stream) = acceptor.accept(socket).await {
                    serve(stream, &note).await;
                }
            });
        }
    });
    (url, seen)
}

async fn serve(mut stream: TlsStream<tokio::net::TcpStream>, seen: &Seen) {
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            seen.borrow_mut().push("h2".into());
            let mut stream = respond
                .send_response(::http::Response::new(()), false)
                .unwrap();
            stream.send_data(Bytes::from_static(b"ok"), true).unwrap();
        }
        return;
    }
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let answer: &[u8] = if head.contains("Upgrade: websocket") {
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        } else {
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        };
        seen.borrow_mut().push(head);
        stream.write_all(answer).await.unwrap();
        stream.flush().await.unwrap();
    }
}

fn target(url: &str, tls: TlsSettings) -> Target {
    let settings = Settings {
        tls,
        ..Settings::default()
    };
    Target::new(url, false, Transport::new(&settings).unwrap()).unwrap()
}

fn trusting(authority: &Authority) -> TlsSettings {
    TlsSettings {
        root_cas: Some(vec![authority.certificate.clone()]),
        ..TlsSettings::default()
    }
}

async fn asked(target: &Target) -> Result<Vec<u8>, ProxyError> {
    let response = forward(target, &mut context(), get()).await?;
    Ok(whole(response).await.unwrap().1)
}

#[test]
fn the_handshake_settles_which_http_is_spoken() {
    run(async {
        let ca = authority("ca");
        for (alpn, spoken) in [
            (&["h2", "http/1.1"][..], "h2"),
            (&["http/1.1"], "GET /x?y HTTP/1.1"),
            (&[], "GET /x?y HTTP/1.1"),
        ] {
            let (url, seen) = server(ca.signs(&server_names()), None, alpn).await;
            let target = target(&url, trusting(&ca));
            for _ in 0..3 {
                assert_eq!(asked(&target).await.unwrap(), b"ok");
            }
            assert!(
                seen.borrow().iter().all(|head| head.starts_with(spoken)),
                "{alpn:?}: {seen:?}"
            );
            assert_eq!(seen.borrow().len(), 3);
        }
    });
}

#[test]
fn an_upgrade_is_asked_for_over_http1() {
    run(async {
        let ca = authority("ca");
        let (url, seen) = server(ca.signs(&server_names()), None, &["h2", "http/1.1"]).await;
        let target = target(&url, trusting(&ca));
        assert_eq!(asked(&target).await.unwrap(), b"ok");
        let mut upgrade = get();
        upgrade
            .headers
            .insert("connection", "Upgrade".parse().unwrap());
        upgrade
            .headers
            .insert("upgrade", "websocket".parse().unwrap());
        let mut cx = context();
        let response = forward(&target, &mut cx, upgrade).await.unwrap();
        assert_eq!(response.status(), 101);
        assert!(cx.upgraded.is_some());
        let seen = seen.borrow();
        assert_eq!((seen.len(), &seen[0][..]), (2, "h2"));
        assert!(seen[1].contains("Upgrade: websocket"));
    });
}

#[test]
fn disabled_http2_is_not_offered() {
    run(async {
        let ca = authority("ca");
        let (url, seen) = server(ca.signs(&server_names()), None, &["h2", "http/1.1"]).await;
        let settings = Settings {
            disable_http2: true,
            tls: trusting(&ca),
            ..Settings::default()
        };
        let transport = Transport::new(&settings).unwrap();
        let target = Target::new(&url, false, transport.clone()).unwrap();
        assert_eq!(asked(&target).await.unwrap(), b"ok");
        assert!(seen.borrow()[0].starts_with("GET /x?y HTTP/1.1"));
        let h2c = Target::new("h2c://127.0.0.1:1", false, transport).unwrap();
        assert_eq!(asked(&h2c).await.unwrap_err().kind(), ErrorKind::Internal);
    });
}

fn named(name: &str, settings: TlsSettings) -> TlsSettings {
    TlsSettings {
        server_name: Some(name.into()),
        ..settings
    }
}

fn insecure(settings: TlsSettings) -> TlsSettings {
    TlsSettings {
        insecure_skip_verify: true,
        ..settings
    }
}

/// What each settings make of a server: whether it is talked to, or else answered for with 500, as in Traefik.
async fn judged<const N: usize>(url: &str, cases: [(&str, TlsSettings, bool); N]) {
    for (what, settings, trusted) in cases {
        let answer = asked(&target(url, settings)).await;
        assert_eq!(answer.is_ok(), trusted, "{what}: {answer:?}");
        if let Err(error) = answer {
            assert_eq!(error.status(), 500, "{what}");
        }
    }
}

#[test]
fn only_servers_that_somebody_trusted_vouches_for_are_talked_to() {
    run(async {
        let (ca, other) = (authority("ca"), authority("other"));
        let (url, _) = server(ca.signs(&server_names()), None, &[]).await;
        let cases = [
            ("its authority", trusting(&ca), true),
            ("another authority", trusting(&other), false),
            ("the system", TlsSettings::default(), false),
            ("anybody", insecure(TlsSettings::default()), true),
            ("its name", named("b.a.test", trusting(&ca)), true),
            ("another name", named("b.test", trusting(&ca)), false),
        ];
        judged(&url, cases).await;
    });
}

#[test]
fn only_servers_with_the_right_names_are_talked_to() {
    run(async {
        let (ca, other) = (authority("ca"), authority("other"));
        let (url, _) = server(ca.signs(&server_names()), None, &[]).await;
        let names = |authority: &Authority, names: &[PeerName]| TlsSettings {
            peer_names: names.to_vec(),
            ..trusting(authority)
        };
        let dns = |name: &str| PeerName::Dns(name.into());
        let uri = |path: &str| PeerName::Uri(format!("spiffe://{path}"));
        let any_host = |path: &str| PeerName::UriOfAnyHost(format!("spiffe://{path}"));
        let several = [dns("z.test"), uri("mesh.test/ns/web")];
        let (good, bad) = ([dns("b.A.test")], [dns("z.test")]);
        let cases = [
            ("a DNS name", names(&ca, &good), true),
            ("one of several", names(&ca, &several), true),
            ("no such DNS name", names(&ca, &bad), false),
            ("no such URI", names(&ca, &[uri("mesh.test/ns/db")]), false),
            (
                "a URI of another host",
                names(&ca, &[uri("other.test/ns/web")]),
                false,
            ),
            (
                "a URI of any host",
                names(&ca, &[any_host("other.test/ns/Web")]),
                true,
            ),
            (
                "no such URI of any host",
                names(&ca, &[any_host("mesh.test/ns/db")]),
                false,
            ),
            (
                "insecurely",
                insecure(named("z.test", names(&ca, &good))),
                true,
            ),
            (
                "no such name, insecurely",
                insecure(names(&ca, &bad)),
                false,
            ),
            (
                "of another authority, insecurely",
                insecure(names(&other, &good)),
                false,
            ),
        ];
        judged(&url, cases).await;
    });
}

#[test]
fn the_identity_that_a_server_accepts_is_shown() {
    run(async {
        let (ca, other) = (authority("ca"), authority("other"));
        let (url, _) = server(ca.signs(&server_names()), Some(&ca), &[]).await;
        let client = [SanType::DnsName("client.test".try_into().unwrap())];
        let (good, bad) = (ca.signs(&client), other.signs(&client));
        for (identities, accepted) in [
            (vec![good.clone()], true),
            (vec![bad.clone(), good], true),
            (vec![bad], false),
            (vec![], false),
        ] {
            let settings = TlsSettings {
                identities,
                ..trusting(&ca)
            };
            let answer = asked(&target(&url, settings)).await;
            assert_eq!(answer.is_ok(), accepted, "{answer:?}");
            if let Err(error) = answer {
                assert_eq!(error.status(), 502);
            }
        }
    });
}

#[test]
fn options_that_cannot_work_are_told() {
    let with = |change: &dyn Fn(&mut TlsSettings)| {
        let mut settings = TlsSettings::default();
        change(&mut settings);
        super::client_config(&settings).err()
    };
    assert!(with(&|_| {}).is_none());
    let suites = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let gcm = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    let weak = "TLS_RSA_WITH_AES_128_CBC_SHA";
    for (names, good) in [
        (&[gcm][..], true),
        (&[gcm, weak], true),
        (&["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"], true),
        (&[weak], false),
        (&[gcm, "NOPE"], false),
    ] {
        let refused = with(&|settings| settings.cipher_suites = suites(names));
        assert_eq!(refused.is_none(), good, "{names:?}: {refused:?}");
    }
    let crossed = with(&|settings| {
        settings.min_version = Some(TlsVersion::Tls13);
        settings.max_version = Some(TlsVersion::Tls12);
    });
    assert!(matches!(crossed, Some(TlsError::Versions)));
    let no_authority = with(&|settings| settings.root_cas = Some(Vec::new()));
    assert!(no_authority.is_some(), "nobody could be trusted");
}
