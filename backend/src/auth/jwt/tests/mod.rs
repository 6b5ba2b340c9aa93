//! Tests of JSON Web Tokens: keys and tokens for them.

use std::ops::Range;
use std::sync::OnceLock;
use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;
use crate::auth::Role;
use crate::config::Config;

mod published;
mod tokens;

const SECRET: &str = "a secret of more than thirty-two bytes";

/// What tests take for the present, in seconds since 1970.
const NOW: u64 = 1_800_000_000;

fn pem(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n")
}

/// A pair of keys for ES256.
struct Pair {
    private: EncodingKey,
    point: Vec<u8>,
    pem: String,
}

impl Pair {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let private = pair.to_pkcs8v1().unwrap();
        Self {
            private: EncodingKey::from_ec_der(private.as_ref()),
            point: pair.public_key().as_ref().to_vec(),
            pem: pem(pair.public_key().as_der().unwrap().as_ref()),
        }
    }

    fn jwk(&self, id: &str) -> Value {
        let part = |range: Range<usize>| URL_SAFE_NO_PAD.encode(&self.point[range]);
        json!({"kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "x": part(1..33), "y": part(33..65)})
    }

    fn sign(&self, id: &str, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(id.to_owned());
        encode(&header, claims, &self.private).unwrap()
    }
}

/// A pair of keys for RS256; its making takes long.
struct Rsa {
    private: EncodingKey,
    pem: String,
    jwk: Value,
}

fn rsa() -> &'static Rsa {
    static PAIR: OnceLock<Rsa> = OnceLock::new();
    PAIR.get_or_init(|| {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let (n, e) = (
            URL_SAFE_NO_PAD.encode(parts.n),
            URL_SAFE_NO_PAD.encode(parts.e),
        );
        let private = pair.as_der().unwrap();
        Rsa {
            // What is signed with wants PKCS#1, which stands behind the 26 bytes of PKCS#8.
            private: EncodingKey::from_rsa_der(&private.as_ref()[26..]),
            pem: pem(pair.public_key().as_der().unwrap().as_ref()),
            jwk: json!({"kty": "RSA", "kid": "r", "alg": "RS256", "n": n, "e": e}),
        }
    })
}

fn try_jwt(vars: &[(&str, &str)]) -> Result<Jwt, Problem> {
    let vars = vars.iter().chain(&[("AUTH_MODE", "jwt")]);
    let vars = vars.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let (config, _) = Config::from_vars(vars).unwrap();
    Jwt::new(&config.auth.jwt)
}

fn jwt(vars: &[(&str, &str)]) -> Jwt {
    try_jwt(vars).unwrap()
}

fn shared(more: &[(&str, &str)]) -> Jwt {
    let mut vars = vec![("JWT_SECRET", SECRET)];
    vars.extend(more);
    jwt(&vars)
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn good() -> Value {
    json!({"sub": "u1", "name": "Ada", "role": "operator", "exp": NOW + 100})
}

/// [`good`] with one claim changed, or taken away where the value is null.
fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

fn sign(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

fn why(result: Result<Identity, Denied>) -> String {
    match result.unwrap_err() {
        Denied::Unauthorized(why) => why.to_owned(),
        other => panic!("{other:?}"),
    }
}
