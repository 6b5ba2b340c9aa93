//! The keys that are let in: their hashes, and whose they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ::http::{HeaderName, HeaderValue};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::Semaphore;

use super::super::password;

/// Whose key it is.
#[derive(Debug)]
pub(super) struct Owner {
    /// For the access log.
    pub(super) name: Box<str>,
    /// What the service is told; `None` where there is nothing to tell.
    pub(super) told: Vec<(HeaderName, Option<HeaderValue>)>,
}

/// See the module.
pub(super) struct Keys {
    owners: Vec<Owner>,
    /// Digests that are made for speed, each with the place of its owner.
    quick: Vec<(Quick, usize)>,
    /// Hashes that are made to be slow.
    slow: Arc<[(Box<str>, usize)]>,
    /// Keyed digests of keys whose slow hash was right before: each request brings the same key.
    known: Mutex<HashMap<[u8; 32], usize>>,
    /// Of this process and this middleware only.
    secret: hmac::Key,
    /// Wrong keys cost a slow hash for each right one: they may not take all cores.
    at_once: Arc<Semaphore>,
}

enum Quick {
    Sha1(Vec<u8>),
    Sha256(Vec<u8>),
}

/// What is known of a key without waiting.
pub(super) enum Look<'a> {
    Right(&'a Owner),
    Wrong,
    /// Slow hashes must tell.
    Unknown,
}

impl Keys {
    /// Hashes with their owners; an error tells what is wrong with which, and never the hash.
    pub(super) fn new(entries: Vec<(String, String, Owner)>) -> Result<Self, String> {
        let mut keys = (Vec::new(), Vec::new(), Vec::new());
        let (owners, quick, slow) = (&mut keys.0, &mut keys.1, &mut keys.2);
        for (option, hash, owner) in entries {
            let at = owners.len();
            match read(&hash).map_err(|error| format!("{option} {error}"))? {
                Some(digest) => quick.push((digest, at)),
                None => slow.push((hash.into_boxed_str(), at)),
            }
            owners.push(owner);
        }
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret).map_err(|_| "no random numbers to be had".to_owned())?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            owners: keys.0,
            quick: keys.1,
            slow: keys.2.into(),
            known: Mutex::default(),
            secret: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            at_once: Arc::new(Semaphore::new(cores.div_ceil(2))),
        })
    }

    /// Looks at everything that takes no time. All digests are compared, and each in constant time.
    pub(super) fn look(&self, key: &[u8]) -> Look<'_> {
        let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, key);
        let sha256 = digest(&SHA256, key);
        let mut found = None;
        for (quick, at) in &self.quick {
            let (ours, theirs) = match quick {
                Quick::Sha1(digest) => (digest, sha1.as_ref()),
                Quick::Sha256(digest) => (digest, sha256.as_ref()),
            };
            if verify_slices_are_equal(ours, theirs).is_ok() {
                found = Some(*at);
            }
        }
        if found.is_none() && !self.slow.is_empty() {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            found = known.get(&self.tag(key)).copied();
            if found.is_none() {
                return Look::Unknown;
            }
        }
        match found.and_then(|at| self.owners.get(at)) {
            Some(owner) => Look::Right(owner),
            None => Look::Wrong,
        }
    }

    /// Tries the slow hashes, away from this worker: its other requests do not wait for that.
    pub(super) async fn try_slow(&self, key: Vec<u8>) -> Option<&Owner> {
        let place = Arc::clone(&self.at_once).acquire_owned().await.ok()?;
        let (tag, slow) = (self.tag(&key), Arc::clone(&self.slow));
        let search = move || {
            // Kept also when nobody waits any more.
            let _place = place;
            let right = slow.iter().find(|(hash, _)| password::verify(&key, hash));
            right.map(|&(_, at)| at)
        };
        let at = tokio::task::spawn_blocking(search).await.ok()??;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // One for each hash is the rule, but bcrypt overlooks what is behind the 72nd byte.
        if known.len() >= self.slow.len() {
            known.clear();
        }
        known.insert(tag, at);
        self.owners.get(at)
    }

    fn tag(&self, key: &[u8]) -> [u8; 32] {
        let mut tag = [0; 32];
        let sum = hmac::sign(&self.secret, key);
        for (to, from) in tag.iter_mut().zip(sum.as_ref()) {
            *to = *from;
        }
        tag
    }
}

/// What a hash is: a digest, or one of the slow ones.
fn read(hash: &str) -> Result<Option<Quick>, String> {
    if hash.starts_with("urn:k8s:") {
        return Err(
            "is a reference to a Kubernetes secret, which is not followed: write the hash itself"
                .to_owned(),
        );
    }
    if let Some(encoded) = hash.strip_prefix("{SHA}") {
        let digest = STANDARD.decode(encoded).ok();
        let digest = digest.filter(|digest| digest.len() == 20);
        return digest
            .map(|digest| Some(Quick::Sha1(digest)))
            .ok_or_else(|| "is no SHA-1 digest: {SHA} and 20 bytes in Base64".to_owned());
    }
    if let Some(encoded) = hash.strip_prefix("{SHA256}") {
        let digest = hex(encoded).or_else(|| STANDARD.decode(encoded).ok());
        let digest = digest.filter(|digest| digest.len() == 32);
        return digest
            .map(|digest| Some(Quick::Sha256(digest)))
            .ok_or_else(|| {
                "is no SHA-256 digest: {SHA256} and 32 bytes in hexadecimal or Base64".to_owned()
            });
    }
    let bcrypt = ["$2a$", "$2b$", "$2x$", "$2y$"];
    if bcrypt.iter().any(|prefix| hash.starts_with(prefix)) {
        let parts: Result<bcrypt::HashParts, _> = hash.parse();
        return parts
            .map(|_| None)
            .map_err(|_| "is no bcrypt hash: it is cut or has been changed".to_owned());
    }
    let md5 = ["$apr1$", "$1$"].iter().any(|kind| hash.starts_with(kind));
    if md5
        && hash.split('$').count() == 4
        && hash.rsplit('$').next().is_some_and(|sum| sum.len() == 22)
    {
        return Ok(None);
    }
    Err("is no hash: write what htpasswd prints behind the colon (bcrypt, MD5, {SHA}), or {SHA256} and a SHA-256 digest".to_owned())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let bytes = (0..32).map(|at| u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok());
    bytes.collect()
}
