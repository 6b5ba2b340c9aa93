//! Tests of `jwt`: which tokens count, whatever they are made of, and what the service hears.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use super::*;
use crate::config::dynamic::Jwt as Config;
use crate::http::Response;
use crate::middleware::testing::{context, request};
use crate::types::{Duration, FileOrContent, Secret};

const SECRET: &str = "a secret of more than thirty-two bytes";

/// A pair of keys: PKCS#8, and the parts of the public one.
struct Pair {
    private: Vec<u8>,
    /// Uncompressed point.
    point: Vec<u8>,
    pem: String,
}

impl Pair {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let private = pair.to_pkcs8v1().unwrap().as_ref().to_vec();
        let der = pair.public_key().as_der().unwrap();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        let point = pair.public_key().as_ref().to_vec();
        Self {
            private,
            point,
            pem,
        }
    }

    fn jwk(&self, id: &str) -> Value {
        let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&self.point[range]);
        json!({"kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "x": part(1..33), "y": part(33..65)})
    }

    fn sign(&self, id: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = id.map(str::to_owned);
        encode(&header, claims, &EncodingKey::from_ec_der(&self.private)).unwrap()
    }
}

fn pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(Pair::new)
}

/// A part of a token.
fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn good() -> Value {
    json!({"sub": "ann", "exp": now() + 100, "iss": "me", "aud": "api", "grp": ["a", "b"], "user": {"id": 7}})
}

fn with_secret(secret: &[u8], claims: &Value) -> String {
    encode(
        &Header::default(),
        claims,
        &EncodingKey::from_secret(secret),
    )
    .unwrap()
}

fn guard(change: impl FnOnce(&mut Config)) -> Result<Jwt, String> {
    let mut config = Config {
        signing_secret: Secret::new(SECRET),
        ..Config::default()
    };
    change(&mut config);
    Jwt::new(&config)
}

fn public(change: impl FnOnce(&mut Config)) -> Jwt {
    let made = guard(|config| {
        config.signing_secret = Secret::default();
        config.public_key = FileOrContent::new(pair().pem.as_str());
        change(config);
    });
    made.unwrap()
}

async fn run(guard: &Jwt, mut request: Request) -> Result<(Option<Box<str>>, Request), Response> {
    let mut cx = context();
    let outcome = match guard.request(&mut cx, &mut request) {
        Step::Done(outcome) => outcome,
        Step::Later(outcome) => outcome.await,
    };
    match outcome {
        Outcome::Answer(response) => Err(*response),
        _ => Ok((cx.record.user.take(), request)),
    }
}

async fn bring(guard: &Jwt, token: &str) -> Result<(Option<Box<str>>, Request), Response> {
    let mut request = request("/");
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    request.headers.insert("authorization", value);
    run(guard, request).await
}

#[track_caller]
fn is_invalid(found: Result<(Option<Box<str>>, Request), Response>, what: &str) {
    let response = found.err().unwrap_or_else(|| panic!("{what} is let in"));
    assert_eq!(response.status(), 401, "{what}");
    assert_eq!(
        response.headers()["www-authenticate"],
        "Bearer error=\"invalid_token\"",
        "{what}"
    );
}

#[tokio::test]
async fn a_right_token_lets_in_and_leaves_the_request() {
    let guard = guard(|config| {
        let told = [
            ("X-Groups", "grp"),
            ("X-Id", "user.id"),
            ("X-None", "nothing"),
        ];
        config.forward_headers = told
            .map(|(name, claim)| (name.to_owned(), claim.to_owned()))
            .into();
    })
    .unwrap();
    let mut request = request("/");
    let value = HeaderValue::try_from(format!(
        "bearer {}",
        with_secret(SECRET.as_bytes(), &good())
    ));
    request.headers.insert("authorization", value.unwrap());
    for spoofed in ["x-id", "x_groups", "x.none"] {
        request
            .headers
            .append(spoofed, HeaderValue::from_static("root"));
    }
    let (user, request) = run(&guard, request).await.unwrap();
    assert_eq!(user.as_deref(), Some("ann"));
    assert_eq!(request.headers["x-groups"], "[\"a\",\"b\"]");
    assert_eq!(request.headers["x-id"], "7");
    assert_eq!(request.headers["x-none"], "");
    assert_eq!(request.headers.len(), 4, "{:?}", request.headers);
}

#[tokio::test]
async fn forgeries_are_refused() {
    let secret = guard(|_| {}).unwrap();
    let public = public(|_| {});
    let right = with_secret(SECRET.as_bytes(), &good());
    assert!(bring(&secret, &right).await.is_ok());
    assert!(bring(&public, &pair().sign(None, &good())).await.is_ok());

    let claims = part(&good());
    for algorithm in ["none", "None", "NONE", "nOnE", "", "HS1", "ES512", "HS256 "] {
        for signature in ["", "AA"] {
            let token = format!("{}.{claims}.{signature}", part(&json!({"alg": algorithm})));
            is_invalid(bring(&secret, &token).await, &token);
            is_invalid(bring(&public, &token).await, &token);
        }
    }
    // The public key, in every form, as the secret of HS256.
    for key in [
        pair().pem.as_bytes(),
        pair().pem.trim().as_bytes(),
        &pair().point,
    ] {
        is_invalid(
            bring(&public, &with_secret(key, &good())).await,
            "HS256 with a public key",
        );
    }
    is_invalid(
        bring(&secret, &pair().sign(None, &good())).await,
        "ES256 with a secret",
    );
    is_invalid(
        bring(&public, &Pair::new().sign(None, &good())).await,
        "another key",
    );
    is_invalid(
        bring(&secret, &with_secret(b"other", &good())).await,
        "another secret",
    );
}

#[tokio::test]
async fn tokens_out_of_shape_are_refused() {
    let secret = guard(|_| {}).unwrap();
    let right = with_secret(SECRET.as_bytes(), &good());
    let pieces: Vec<&str> = right.split('.').collect();
    let other = part(&json!({"sub": "root"}));
    for token in [
        format!("{}.{other}.{}", pieces[0], pieces[2]),
        format!("{}.{}.", pieces[0], pieces[1]),
        format!("{}.{}", pieces[0], pieces[1]),
        format!("{right}.{}", pieces[2]),
        format!("{right}="),
        format!("{right} {right}"),
        format!("{right},{right}"),
        "..".to_owned(),
        "x".to_owned(),
        "x".repeat(20_000),
        ".".repeat(20_000),
    ] {
        is_invalid(
            bring(&secret, &token).await,
            token.get(..40).unwrap_or(&token),
        );
    }
}

/// Even the right signature does not help a token that names its own key, or asks for what is not understood.
#[tokio::test]
async fn a_token_does_not_choose_its_key() {
    let public = public(|_| {});
    let thief = Pair::new();
    let key = EncodingKey::from_ec_der(&thief.private);
    let mut header = Header::new(Algorithm::ES256);
    header.jwk = serde_json::from_value(thief.jwk("x")).ok();
    header.jku = Some("http://127.0.0.1:1/keys".to_owned());
    header.x5u = Some("http://127.0.0.1:1/chain".to_owned());
    is_invalid(
        bring(&public, &encode(&header, &good(), &key).unwrap()).await,
        "jwk, jku and x5u",
    );
    let mut header = Header::new(Algorithm::ES256);
    header.crit = Some(vec!["exp".to_owned()]);
    let key = EncodingKey::from_ec_der(&pair().private);
    is_invalid(
        bring(&public, &encode(&header, &good(), &key).unwrap()).await,
        "crit",
    );
}

#[tokio::test]
async fn time_issuer_audience_and_claims() {
    let guard = guard(|config| {
        config.issuers = vec!["me".to_owned()];
        config.audiences = vec!["api".to_owned()];
        config.claims = "Contains(`grp`, `a`)".to_owned();
        config.leeway = Duration::from_secs(5);
    })
    .unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        with_secret(SECRET.as_bytes(), &claims)
    };
    for (name, value) in [
        ("exp", json!(now() - 10)),
        ("exp", json!("never")),
        ("nbf", json!(now() + 100)),
        ("iat", json!(now() + 100)),
        ("iss", json!("you")),
        ("aud", json!(["web"])),
    ] {
        is_invalid(bring(&guard, &with(name, value)).await, name);
    }
    assert!(
        bring(&guard, &with("exp", json!(now() - 2))).await.is_ok(),
        "leeway"
    );
    let response = bring(&guard, &with("grp", json!(["b"]))).await.unwrap_err();
    assert_eq!(response.status(), 403);
    assert_eq!(
        response.headers()["www-authenticate"],
        "Bearer error=\"insufficient_scope\""
    );
    is_invalid(
        bring(&guard, &with_secret(SECRET.as_bytes(), &json!([1]))).await,
        "a list",
    );
}

#[tokio::test]
async fn one_token_in_its_place() {
    let guard = guard(|config| config.token_key = "token".to_owned()).unwrap();
    let right = with_secret(SECRET.as_bytes(), &good());
    let (_, found) = run(&guard, request(&format!("/a?b=1&token={right}")))
        .await
        .unwrap();
    assert_eq!(found.target.as_bytes(), b"/a?b=1");
    is_invalid(
        run(&guard, request(&format!("/?token={right}&token={right}"))).await,
        "two",
    );
    let mut twice = request("/");
    for _ in 0..2 {
        let value = HeaderValue::try_from(format!("Bearer {right}")).unwrap();
        twice.headers.append("authorization", value);
    }
    is_invalid(run(&guard, twice).await, "two fields");
    let response = run(&guard, request("/")).await.unwrap_err();
    assert_eq!(
        (
            response.status().as_u16(),
            &response.headers()["www-authenticate"]
        ),
        (401, &HeaderValue::from_static("Bearer"))
    );
    // Blanks before it are no part of it (RFC 9110 section 11.4).
    assert!(bring(&guard, &format!("  {right}")).await.is_ok());
}

/// A server that answers with the set that is put into it, and counts.
async fn server(set: Value) -> (String, Arc<Mutex<Value>>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let (set, asked) = (Arc::new(Mutex::new(set)), Arc::new(AtomicUsize::new(0)));
    let (answer, count) = (Arc::clone(&set), Arc::clone(&asked));
    tokio::task::spawn_local(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"\r\n\r\n") && stream.read_buf(&mut bytes).await.unwrap() > 0 {}
            count.fetch_add(1, Ordering::SeqCst);
            let body = answer.lock().unwrap().to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream
                .write_all(&[head, body].concat().into_bytes())
                .await
                .unwrap();
        }
    });
    (url, set, asked)
}

#[tokio::test]
async fn keys_behind_a_url_are_fetched_once_and_again_when_they_change() {
    let run = async {
        let (old, new) = (Pair::new(), Pair::new());
        let (url, set, asked) = server(json!({"keys": [old.jwk("old")]})).await;
        let guard = guard(|config| {
            config.signing_secret = Secret::default();
            config.jwks_url = url;
        })
        .unwrap();
        let Source::Remote(remote) = &guard.source else {
            panic!("no URL")
        };
        let right = old.sign(Some("old"), &good());
        // All at once: one fetch.
        let (a, b, c) = tokio::join!(
            bring(&guard, &right),
            bring(&guard, &right),
            bring(&guard, &right)
        );
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        assert!(
            bring(&guard, &old.sign(None, &good())).await.is_ok(),
            "without a kid"
        );
        is_invalid(
            bring(&guard, &new.sign(Some("old"), &good())).await,
            "another key of that name",
        );
        assert_eq!(asked.load(Ordering::SeqCst), 1);

        // Unknown names do not make us ask again and again.
        for name in ["new", "a", "b", "../old"] {
            is_invalid(bring(&guard, &new.sign(Some(name), &good())).await, name);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);

        // A new key, after a while; the old one is gone with it.
        *set.lock().unwrap() =
            json!({"keys": [new.jwk("new"), {"kty": "oct", "k": "c2VjcmV0", "kid": "s"}]});
        remote.forget_when();
        assert!(bring(&guard, &new.sign(Some("new"), &good())).await.is_ok());
        is_invalid(bring(&guard, &right).await, "a key that is gone");
        assert_eq!(asked.load(Ordering::SeqCst), 2);

        // What is no set does not replace one.
        *set.lock().unwrap() = json!({"keys": []});
        remote.forget_when();
        is_invalid(bring(&guard, &right).await, "a key that is gone");
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        assert!(bring(&guard, &new.sign(Some("new"), &good())).await.is_ok());
    };
    LocalSet::new().run_until(run).await;
}

#[tokio::test]
async fn without_keys_nobody_is_to_blame() {
    let run = async {
        let (url, _, asked) = server(json!({"error": "down"})).await;
        let guard = guard(|config| {
            config.signing_secret = Secret::default();
            config.jwks_url = url;
        })
        .unwrap();
        for _ in 0..3 {
            let response = bring(&guard, &pair().sign(Some("a"), &good()))
                .await
                .unwrap_err();
            assert_eq!(response.status(), 503);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        is_invalid(bring(&guard, "x.y.z").await, "no token");
    };
    LocalSet::new().run_until(run).await;
}

#[tokio::test]
async fn rsa_and_ed25519_as_well() {
    use aws_lc_rs::signature::{Ed25519KeyPair, RsaPublicKeyComponents};

    let pem = |der: &[u8]| {
        let encoded = STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n")
    };
    let rsa = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let private = rsa.as_der().unwrap();
    let parts = RsaPublicKeyComponents::<Vec<u8>>::from(rsa.public_key());
    let (n, e) = (
        URL_SAFE_NO_PAD.encode(parts.n),
        URL_SAFE_NO_PAD.encode(parts.e),
    );
    let rsa_key = json!({"kty": "RSA", "n": n, "e": e, "alg": "PS256"});
    let rsa_pem = pem(rsa.public_key().as_der().unwrap().as_ref());

    let ed = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(ed.public_key().as_ref());
    let ed_key = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    let ed_pem = pem(ed.public_key().as_der().unwrap().as_ref());

    let file = |text: String| {
        let made = guard(|config| {
            config.signing_secret = Secret::default();
            match text.starts_with('{') {
                true => config.jwks_file = FileOrContent::new(text),
                false => config.public_key = FileOrContent::new(text),
            }
        });
        made.unwrap()
    };
    let sign =
        |algorithm, key: &EncodingKey| encode(&Header::new(algorithm), &good(), key).unwrap();
    // What is signed with wants PKCS#1, which stands behind the 26 bytes of PKCS#8.
    let key = EncodingKey::from_rsa_der(&private.as_ref()[26..]);
    let guard = file(rsa_pem);
    for algorithm in [Algorithm::RS256, Algorithm::RS512, Algorithm::PS384] {
        assert!(
            bring(&guard, &sign(algorithm, &key)).await.is_ok(),
            "{algorithm:?}"
        );
    }
    let guard = file(json!({"keys": [rsa_key]}).to_string());
    assert!(bring(&guard, &sign(Algorithm::PS256, &key)).await.is_ok());
    is_invalid(
        bring(&guard, &sign(Algorithm::RS256, &key)).await,
        "not the key's algorithm",
    );
    let pkcs8 = ed.to_pkcs8v1().unwrap();
    let key = EncodingKey::from_ed_der(pkcs8.as_ref());
    for text in [ed_pem, json!({"keys": [ed_key]}).to_string()] {
        assert!(
            bring(&file(text), &sign(Algorithm::EdDSA, &key))
                .await
                .is_ok()
        );
    }
}

#[test]
fn keys_are_bound_to_what_they_may_verify() {
    let jwk = |name: &str, value: Value| {
        let mut key = pair().jwk("a");
        key[name] = value;
        Keys::set(json!({"keys": [key]}).to_string().as_bytes())
    };
    assert!(jwk("alg", json!("ES256")).is_ok());
    for (name, value) in [
        ("alg", json!("HS256")),
        ("alg", json!("ES384")),
        ("use", json!("enc")),
        ("key_ops", json!(["sign"])),
        ("crv", json!("P-521")),
        ("kty", json!("oct")),
        ("x", json!("!")),
    ] {
        assert!(jwk(name, value.clone()).is_err(), "{name} {value}");
    }
    for wrong in ["", "[]", "{}", "{\"keys\": 1}", "{\"keys\": [1]}"] {
        assert!(Keys::set(wrong.as_bytes()).is_err(), "{wrong}");
    }
    let keys = Keys::public(pair().pem.as_bytes()).unwrap();
    assert!(
        keys.know(Algorithm::ES256) && !keys.know(Algorithm::HS256) && !keys.know(Algorithm::RS256)
    );
}

#[test]
fn options_that_cannot_be_are_named_without_their_secrets() {
    type Change = fn(&mut Config);
    let wrong: [(&str, Change); 12] = [
        ("one of", |config| config.signing_secret = Secret::default()),
        ("only one", |config| {
            config.jwks_url = "https://a.test/keys".to_owned();
        }),
        ("Base64", |config| {
            config.signing_secret_base64_encoded = true;
        }),
        ("Kubernetes", |config| {
            config.signing_secret = Secret::new("urn:k8s:secret:a:b");
        }),
        ("is not one of", |config| {
            config.algorithms = vec!["none".to_owned()];
        }),
        ("RS256", |config| {
            config.algorithms = vec!["RS256".to_owned()];
        }),
        ("claims", |config| config.claims = "Is(`a`)".to_owned()),
        ("forwardHeaders", |config| {
            config
                .forward_headers
                .insert("Host".to_owned(), "sub".to_owned());
        }),
        ("leeway", |config| config.leeway = Duration::from_secs(3600)),
        ("publicKey", |config| {
            config.signing_secret = Secret::default();
            config.public_key = FileOrContent::new(SECRET);
        }),
        ("is a path", |config| {
            config.signing_secret = Secret::default();
            config.jwks_url = "/.well-known/jwks.json".to_owned();
        }),
        ("jwksUrl", |config| {
            config.signing_secret = Secret::default();
            config.jwks_url = "ftp://a.test/".to_owned();
        }),
    ];
    for (what, change) in wrong {
        let error = guard(change).err().unwrap();
        assert!(
            error.contains(what) && !error.contains(SECRET),
            "{what}: {error}"
        );
    }
}
