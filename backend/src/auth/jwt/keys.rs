//! Keys that tokens may be signed with: a secret, a public key (PEM), or a published set (RFC 7517).
//!
//! What a key verifies is bound to the key: `HS256` with a public key for its secret is the classic forgery.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value};

/// The claims of a token whose signature is right.
pub(super) type Claims = Map<String, Value>;

/// Keys of one set; more are not kept.
const MOST: usize = 100;
/// Bytes of a token; longer ones are wrong unseen.
const LONGEST: usize = 16 * 1024;

/// What the head of a token says, before anything of it is believed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    id: Option<String>,
    algorithm: Algorithm,
}

impl Head {
    /// `None`: it is no token, or none that could ever count.
    pub(super) fn read(token: &str) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        // `none` and whatever else is unknown is no algorithm to the reader.
        let head = decode_header(token).ok()?;
        // Extensions that must be understood (RFC 7515, section 4.1.11): none is.
        let understood = head.crit.is_none();
        understood.then_some(Self {
            id: head.kid,
            algorithm: head.alg,
        })
    }

    /// Whether a key that is published can have signed it.
    pub(super) fn may_be_published(&self) -> bool {
        matches!(self.algorithm, Algorithm::RS256 | Algorithm::ES256)
    }
}

/// One key, and what it verifies.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<Box<str>>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Key {
    fn new(algorithm: Algorithm, key: DecodingKey) -> Self {
        Self {
            id: None,
            algorithm,
            key,
        }
    }

    /// The shared one.
    pub(super) fn secret(secret: &[u8]) -> Self {
        Self::new(Algorithm::HS256, DecodingKey::from_secret(secret))
    }

    /// The one in a PEM text, or why there is none.
    pub(super) fn public(pem: &str) -> Result<Self, &'static str> {
        if pem.contains("PRIVATE KEY-----") {
            return Err(
                "holds a private key: only the public one belongs here (openssl pkey -pubout)",
            );
        }
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| "holds no PUBLIC KEY in PEM form")?;
        if is_key(&RSA_PKCS1_2048_8192_SHA256, &der) {
            return Ok(Self::new(Algorithm::RS256, DecodingKey::from_rsa_der(&der)));
        }
        if is_key(&ECDSA_P256_SHA256_FIXED, &der) {
            return Ok(Self::new(Algorithm::ES256, DecodingKey::from_ec_der(&der)));
        }
        Err("holds a key that can't be used")
    }

    /// Those of a set. Keys that verify nothing are left out; there must be one that does.
    pub(super) fn set(json: &[u8]) -> Result<Vec<Self>, &'static str> {
        let set: Value = serde_json::from_slice(json).map_err(|_| "the answer is no JSON")?;
        let Some(Value::Array(listed)) = set.get("keys") else {
            return Err("the answer is no set of keys: there is no list named `keys`");
        };
        let read = |key: &Value| {
            let key = key.as_object().ok_or("it is no object").and_then(of_set);
            let left_out = |why: &&str| {
                tracing::debug!(component = "auth", why, "a key of a set is left out");
            };
            key.inspect_err(left_out).ok()
        };
        let keys: Vec<Self> = listed.iter().take(MOST).filter_map(read).collect();
        match keys.is_empty() {
            true => Err("the answer has no key for RS256 or ES256"),
            false => Ok(keys),
        }
    }

    /// Whether it may have signed a token with that head. A key without a name may have signed any.
    pub(super) fn fits(&self, head: &Head) -> bool {
        let named = match (&self.id, &head.id) {
            (Some(own), Some(id)) => **own == **id,
            _ => true,
        };
        named && self.algorithm == head.algorithm
    }

    /// The claims, if it has signed the token. What they say is looked at elsewhere.
    pub(super) fn verify(&self, token: &str) -> Option<Claims> {
        let mut validation = Validation::new(self.algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let token = decode::<Claims>(token, &self.key, &validation).ok()?;
        Some(token.claims)
    }
}

fn is_key(algorithm: &'static impl VerificationAlgorithm, der: &[u8]) -> bool {
    ParsedPublicKey::new(algorithm, der).is_ok()
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
    let (algorithm, decoding) = match (text("kty"), text("crv")) {
        (Some("RSA"), _) => {
            let key = DecodingKey::from_rsa_components(needed("n")?, needed("e")?);
            (Algorithm::RS256, key.map_err(wrong)?)
        }
        (Some("EC"), Some("P-256")) => {
            let key = DecodingKey::from_ec_components(needed("x")?, needed("y")?);
            let key = key.map_err(wrong)?;
            let point = key.try_get_as_bytes().unwrap_or_default();
            if !is_key(&ECDSA_P256_SHA256_FIXED, point) {
                return Err("it is no point of its curve");
            }
            (Algorithm::ES256, key)
        }
        // What everybody can fetch is no secret.
        (Some("oct"), _) => return Err("it is a secret, which belongs into JWT_SECRET"),
        _ => return Err("it is of a kind that is not supported"),
    };
    if text("alg").is_some_and(|only| only.parse() != Ok(algorithm)) {
        return Err("it is for another algorithm than RS256 or ES256");
    }
    Ok(Key {
        id: text("kid").map(Into::into),
        ..Key::new(algorithm, decoding)
    })
}
