//! Keys that tokens may be signed with, from a secret, a public key (PEM) or a set (RFC 7517). What a key may verify is
//! bound to the key, so that no token chooses: `HS256` with a public key for its secret is the classic forgery.

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use jsonwebtoken::{Algorithm, DecodingKey};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Map, Value};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Keys of one set; more are not kept.
const MOST: usize = 100;

const HMAC: &[Algorithm] = &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const RSA: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// One key, and all that it may verify.
pub(super) struct Key {
    id: Option<Box<str>>,
    algorithms: Vec<Algorithm>,
    pub(super) key: DecodingKey,
}

impl Key {
    fn new(algorithms: &[Algorithm], key: DecodingKey) -> Self {
        Self {
            id: None,
            algorithms: algorithms.to_vec(),
            key,
        }
    }
}

/// Some keys.
#[derive(Default)]
pub(super) struct Keys {
    all: Vec<Key>,
    /// Whether a token's `kid` names one of them; a key that stands alone by configuration has no name.
    named: bool,
}

impl Keys {
    /// The one secret.
    pub(super) fn secret(secret: &[u8]) -> Self {
        Self {
            all: vec![Key::new(HMAC, DecodingKey::from_secret(secret))],
            named: false,
        }
    }

    /// The one public key in a PEM file.
    pub(super) fn public(pem: &[u8]) -> Result<Self, String> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem)
            .map_err(|_| "is no PEM file with a PUBLIC KEY".to_owned())?;
        let broken = || "holds a public key that cannot be read".to_owned();
        let (_, info) = SubjectPublicKeyInfo::from_der(&der).map_err(|_| broken())?;
        let bits = &info.subject_public_key.data;
        // What is no key of some curve says so when its algorithm is looked for.
        let (algorithms, key): (&[Algorithm], _) = match info.parsed() {
            Ok(PublicKey::RSA(_)) => (RSA, rsa(DecodingKey::from_rsa_der(bits), bits)?),
            Ok(PublicKey::EC(point)) if point.data().len() == 65 => {
                (&[Algorithm::ES256], DecodingKey::from_ec_der(bits))
            }
            Ok(PublicKey::EC(point)) if point.data().len() == 97 => {
                (&[Algorithm::ES384], DecodingKey::from_ec_der(bits))
            }
            _ if info.algorithm.algorithm.to_id_string() == "1.3.101.112" => {
                (&[Algorithm::EdDSA], DecodingKey::from_ed_der(bits))
            }
            _ => return Err("holds a key of a kind that is not supported: use RSA of 2048 bits or more, P-256, P-384 or Ed25519".to_owned()),
        };
        Ok(Self {
            all: vec![Key::new(algorithms, key)],
            named: false,
        })
    }

    /// A set. Keys that cannot verify a token are left out; there must be one that can.
    pub(super) fn set(json: &[u8]) -> Result<Self, String> {
        let set: Value = serde_json::from_slice(json)
            .map_err(|error| format!("is no set of keys: line {}: no JSON", error.line()))?;
        let Some(Value::Array(keys)) = set.get("keys") else {
            return Err("is no set of keys: there is no list named `keys`".to_owned());
        };
        let mut all = Vec::new();
        for (at, key) in keys.iter().enumerate().take(MOST) {
            match key.as_object().map_or(Err("it is no object"), of_set) {
                Ok(key) => all.push(key),
                Err(why) => tracing::debug!(at, why, "a key of a set is left out"),
            }
        }
        if keys.len() > MOST {
            tracing::warn!("a set has {} keys: only the first {MOST} count", keys.len());
        }
        match all.is_empty() {
            true => Err(
                "has no key that can verify a token: RSA, P-256, P-384 or Ed25519, for signatures"
                    .to_owned(),
            ),
            false => Ok(Self { all, named: true }),
        }
    }

    /// The keys that may have signed a token with that header.
    pub(super) fn of<'a>(
        &'a self,
        id: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a Key> {
        let fits = move |key: &&Key| {
            let named = !self.named || id.is_none() || key.id.as_deref() == id;
            named && key.algorithms.contains(&algorithm)
        };
        self.all.iter().filter(fits)
    }

    /// Whether some key may verify that at all.
    pub(super) fn know(&self, algorithm: Algorithm) -> bool {
        self.of(None, algorithm).next().is_some()
    }
}

/// An RSA key, where it is long enough to be of use.
fn rsa(key: DecodingKey, der: &[u8]) -> Result<DecodingKey, String> {
    match ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der) {
        Ok(_) => Ok(key),
        Err(_) => {
            Err("holds an RSA key that cannot be used: it must have 2048 to 8192 bits".to_owned())
        }
    }
}

/// A key of a set, by RFC 7517 section 4 and RFC 7518 section 6.
fn of_set(key: &Map<String, Value>) -> Result<Key, &'static str> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let needed = |name: &str| text(name).ok_or("a part of it is missing");
    if text("use").is_some_and(|r#use| r#use != "sig") {
        return Err("it is not for signatures");
    }
    if let Some(Value::Array(operations)) = key.get("key_ops")
        && !operations.iter().any(|operation| operation == "verify")
    {
        return Err("it is not for verifying");
    }
    let wrong = |_| "a part of it is no Base64";
    let (algorithms, decoding): (&[Algorithm], _) = match (text("kty"), text("crv")) {
        (Some("RSA"), _) => (
            RSA,
            DecodingKey::from_rsa_components(needed("n")?, needed("e")?).map_err(wrong)?,
        ),
        (Some("EC"), Some("P-256")) => (
            &[Algorithm::ES256],
            DecodingKey::from_ec_components(needed("x")?, needed("y")?).map_err(wrong)?,
        ),
        (Some("EC"), Some("P-384")) => (
            &[Algorithm::ES384],
            DecodingKey::from_ec_components(needed("x")?, needed("y")?).map_err(wrong)?,
        ),
        (Some("OKP"), Some("Ed25519")) => (
            &[Algorithm::EdDSA],
            DecodingKey::from_ed_components(needed("x")?).map_err(wrong)?,
        ),
        (Some("oct"), _) => return Err("it is a secret, which belongs into signingSecret"),
        _ => return Err("it is of a kind that is not supported"),
    };
    let mut found = Key::new(algorithms, decoding);
    found.id = text("kid").map(Into::into);
    if let Some(only) = text("alg") {
        found
            .algorithms
            .retain(|algorithm| only.parse() == Ok(*algorithm));
        if found.algorithms.is_empty() {
            return Err("its algorithm is not one of its kind");
        }
    }
    Ok(found)
}
