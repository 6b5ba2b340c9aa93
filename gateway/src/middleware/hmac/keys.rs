//! The shared keys, each for every algorithm that is accepted.

use std::collections::HashMap;

use aws_lc_rs::hmac;

use crate::config::dynamic::HmacKey;

/// What a signature may be made with, by the name that clients give it.
const ALGORITHMS: [(&str, hmac::Algorithm); 4] = [
    ("hmac-sha1", hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
    ("hmac-sha256", hmac::HMAC_SHA256),
    ("hmac-sha384", hmac::HMAC_SHA384),
    ("hmac-sha512", hmac::HMAC_SHA512),
];
/// Accepted only where it is asked for.
const OLD: &str = "hmac-sha1";

/// See the module.
pub(super) struct Keys {
    known: HashMap<Box<str>, Key>,
    /// Takes as long for a client that nobody knows as a real one does, and is never right.
    decoy: Key,
}

/// One key, by algorithm.
struct Key(Vec<(&'static str, hmac::Key)>);

impl Key {
    fn new(secret: &[u8], algorithms: &[(&'static str, hmac::Algorithm)]) -> Self {
        let keys = algorithms.iter();
        Self(
            keys.map(|&(name, algorithm)| (name, hmac::Key::new(algorithm, secret)))
                .collect(),
        )
    }
}

impl Keys {
    /// An error names the option, and never the key.
    pub(super) fn new(entries: &[HmacKey], algorithms: &[String]) -> Result<Self, String> {
        let accepted = accepted(algorithms)?;
        if entries.is_empty() {
            return Err("keys must hold a key".to_owned());
        }
        let mut known = HashMap::new();
        for (at, entry) in entries.iter().enumerate() {
            let (id, secret) = (entry.id.as_str(), entry.key.expose());
            if id.is_empty()
                || !id.bytes().all(|byte| matches!(byte, b' '..=b'~'))
                || id.contains(['"', '\\'])
            {
                return Err(format!(
                    "keys[{at}].id must be printable ASCII, without quotes and backslashes"
                ));
            }
            if secret.is_empty() {
                return Err(format!("keys[{at}].key is empty"));
            }
            if secret.starts_with("urn:k8s:") {
                return Err(format!(
                    "keys[{at}].key is a reference to a Kubernetes secret, which is not followed: write the key itself"
                ));
            }
            let key = Key::new(secret.as_bytes(), &accepted);
            if known.insert(id.into(), key).is_some() {
                return Err(format!("keys[{at}]: there is a key {id:?} already"));
            }
        }
        let mut random = [0; 32];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| "no random numbers to be had".to_owned())?;
        Ok(Self {
            known,
            decoy: Key::new(&random, &accepted),
        })
    }

    /// Whether the key of that name has signed this. Takes the same time whether there is such a key or not.
    pub(super) fn verify(
        &self,
        id: &str,
        algorithm: &str,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), &'static str> {
        let known = self.known.get(id);
        let key = known.unwrap_or(&self.decoy);
        let mut all = key.0.iter();
        let (_, key) = all
            .find(|(name, _)| *name == algorithm)
            .ok_or("its algorithm is not accepted")?;
        let right = hmac::verify(key, signed, signature).is_ok();
        match known.is_some() && right {
            true => Ok(()),
            false => Err("it is not right, or its key is not known"),
        }
    }
}

/// The algorithms that are asked for, or all but the old one.
fn accepted(names: &[String]) -> Result<Vec<(&'static str, hmac::Algorithm)>, String> {
    if names.is_empty() {
        return Ok(ALGORITHMS
            .into_iter()
            .filter(|(name, _)| *name != OLD)
            .collect());
    }
    let found = names.iter().map(|wanted| {
        let found = ALGORITHMS.into_iter().find(|(name, _)| name == wanted);
        found.ok_or_else(|| {
            let all = ALGORITHMS.map(|(name, _)| name).join(", ");
            format!("algorithms: {wanted:?} is none of {all}")
        })
    });
    found.collect()
}
