//! Tests of published keys: sets, rotation, servers that are away or mean harm.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::RootCertStore;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// Serves one answer, which tests change.
struct Server {
    port: u16,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (answer, asked) = (Arc::new(Mutex::default()), Arc::new(AtomicUsize::new(0)));
        let served = (Arc::clone(&answer), Arc::clone(&asked));
        tokio::spawn(async move {
            let (answer, asked): (Arc<Mutex<String>>, Arc<AtomicUsize>) = served;
            while let Ok((socket, _)) = listener.accept().await {
                asked.fetch_add(1, Ordering::Relaxed);
                let text = answer.lock().unwrap().clone();
                match &tls {
                    None => serve(socket, &text).await,
                    Some(tls) => match tls.accept(socket).await {
                        Ok(socket) => serve(socket, &text).await,
                        Err(_) => continue,
                    },
                }
            }
        });
        Self {
            port,
            answer,
            asked,
        }
    }

    fn say(&self, answer: &str) {
        *self.answer.lock().unwrap() = answer.to_owned();
    }

    fn publish(&self, keys: &[Value]) {
        let body = json!({"keys": keys}).to_string();
        let length = body.len();
        self.say(&format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn url(&self) -> String {
        format!("http://localhost:{}/keys?x=1", self.port)
    }
}

async fn serve(mut socket: impl AsyncRead + AsyncWrite + Unpin, answer: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("GET /keys?x=1 HTTP/1.1\r\n"), "{head}");
    assert!(
        head.to_lowercase().contains("\r\nhost: localhost"),
        "{head}"
    );
    let _ = socket.write_all(answer.as_bytes()).await;
    let _ = socket.shutdown().await;
}

/// Waits for keys as a request does, then asks.
async fn come(guard: &Jwt, token: &str) -> bool {
    guard.prepare(token).await;
    guard.identify(token, at(NOW)).is_ok()
}

/// As if no token had caused a fetch yet.
fn patient(guard: &mut Jwt, url: &str) {
    let place = Place::new(&url.parse().unwrap()).unwrap();
    guard.remote = Some(Remote::new(place, Duration::ZERO));
}

#[tokio::test]
async fn keys_that_change_are_fetched_once() {
    let server = Server::start(None).await;
    let (old, new, next) = (Pair::new(), Pair::new(), Pair::new());
    server.publish(&[old.jwk("old"), rsa().jwk.clone()]);
    let guard = jwt(&[("JWT_JWKS_URL", &server.url())]);
    guard.keep_keys();
    assert!(come(&guard, &old.sign("old", &good())).await);
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some("r".to_owned());
    let token = encode(&header, &good(), &rsa().private).unwrap();
    assert!(come(&guard, &token).await);
    assert_eq!(server.asked(), 1, "what is known is not asked for");

    server.publish(&[new.jwk("new")]);
    assert!(come(&guard, &new.sign("new", &good())).await);
    assert!(!come(&guard, &old.sign("old", &good())).await);
    assert!(
        !come(&guard, &old.sign("new", &good())).await,
        "the wrong key"
    );
    assert_eq!(server.asked(), 2);

    server.publish(&[next.jwk("next")]);
    for name in ["next", "x", "y"] {
        assert!(!come(&guard, &next.sign(name, &good())).await);
    }
    assert_eq!(server.asked(), 2, "not again so soon");
    assert!(come(&guard, &new.sign("new", &good())).await);
}

#[tokio::test]
async fn many_that_wait_cause_one_fetch() {
    let server = Server::start(None).await;
    let pair = Pair::new();
    server.publish(&[pair.jwk("a")]);
    let guard = Arc::new(jwt(&[("JWT_JWKS_URL", &server.url())]));
    let token = pair.sign("a", &good());
    let comers = (0..20).map(|_| {
        let (guard, token) = (Arc::clone(&guard), token.clone());
        tokio::spawn(async move { come(&guard, &token).await })
    });
    let comers: Vec<_> = comers.collect();
    for comer in comers {
        assert!(comer.await.unwrap());
    }
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn a_server_that_is_away_or_wrong_leaves_the_last_keys() {
    let server = Server::start(None).await;
    let pair = Pair::new();
    server.publish(&[pair.jwk("a")]);
    let mut guard = jwt(&[("JWT_JWKS_URL", &server.url())]);
    patient(&mut guard, &server.url());
    let (known, unknown) = (pair.sign("a", &good()), pair.sign("b", &good()));
    assert!(come(&guard, &known).await);
    let other = Server::start(None).await;
    other.publish(&[pair.jwk("b")]);
    let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(1024 * 1024 + 1));
    for answer in [
        "",
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
        &format!(
            "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
            other.url()
        ),
        "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"keys\":[]}",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        &long,
    ] {
        server.say(answer);
        let before = server.asked();
        assert!(!come(&guard, &unknown).await, "{:.60}", answer);
        assert_eq!(server.asked(), before + 1);
        assert!(come(&guard, &known).await);
    }
    assert_eq!(other.asked(), 0, "redirects are not followed");
    let nobody = jwt(&[("JWT_JWKS_URL", "http://127.0.0.1:1/")]);
    nobody.keep_keys();
    assert!(!come(&nobody, &known).await);
}

#[tokio::test]
async fn keys_of_ones_own_need_no_server() {
    let server = Server::start(None).await;
    let pair = Pair::new();
    let guard = jwt(&[
        ("JWT_JWKS_URL", &server.url()),
        ("JWT_PUBLIC_KEY", &pair.pem),
        ("JWT_SECRET", SECRET),
    ]);
    assert!(come(&guard, &pair.sign("any", &good())).await);
    assert!(come(&guard, &sign(&good())).await);
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    // Connections wait in its queue.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/keys");
    let guard = jwt(&[("JWT_JWKS_URL", &url)]);
    guard.keep_keys();
    let token = Pair::new().sign("a", &good());
    let began = Instant::now();
    assert!(!come(&guard, &token).await);
    let took = began.elapsed();
    assert!(
        took >= Duration::from_secs(4) && took < Duration::from_secs(15),
        "{took:?}"
    );
}

#[tokio::test]
async fn https_has_to_be_vouched_for() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::from(key))
        .unwrap();
    let server = Server::start(Some(TlsAcceptor::from(Arc::new(config)))).await;
    server.publish(&[Pair::new().jwk("a")]);
    let url: http::Uri = server.url().replace("http:", "https:").parse().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let place = Place::trusting(&url, || roots).unwrap();
    assert_eq!(Key::set(&place.fetch().await.unwrap()).unwrap().len(), 1);
    let why = Place::new(&url).unwrap().fetch().await.unwrap_err();
    assert!(why.contains("TLS"), "{why}");
}

#[test]
fn keys_of_a_set_are_bound_to_what_they_verify() {
    let pair = Pair::new();
    let set = |name: &str, value: Value| {
        let mut key = pair.jwk("a");
        key[name] = value;
        Key::set(json!({"keys": [key]}).to_string().as_bytes())
    };
    assert!(set("alg", json!("ES256")).is_ok());
    for (name, value) in [
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("use", json!("enc")),
        ("key_ops", json!(["sign"])),
        ("crv", json!("P-384")),
        ("kty", json!("oct")),
        ("x", json!("!")),
        ("x", json!("AAAA")),
    ] {
        assert!(set(name, value.clone()).is_err(), "{name} {value}");
    }
    for wrong in ["", "[]", "{}", r#"{"keys": 1}"#, r#"{"keys": [1]}"#] {
        assert!(Key::set(wrong.as_bytes()).is_err(), "{wrong}");
    }
}
