//! JSON Web Tokens (RFC 7519, compact form): which ones count, and for whom.
//!
//! Keys come from `JWT_SECRET`, `JWT_PUBLIC_KEY` and `JWT_JWKS_URL`, one or several of them. A token never chooses how it
//! is verified: each key is bound to one algorithm, and `jku`, `jwk`, `x5u` and `x5c` lead nowhere.

mod claims;
mod fetch;
mod keys;
mod remote;

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::{Denied, Identity};
use crate::config::{self, Problem};
use claims::Rules;
use fetch::Place;
use keys::{Head, Key};
use remote::Remote;

/// Keys that are tried where a token does not say which one it is signed with.
const MOST_TRIED: usize = 10;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Jwt {
    own: Vec<Key>,
    remote: Option<Arc<Remote>>,
    rules: Rules,
}

impl Jwt {
    pub(super) fn new(config: &config::Jwt) -> Result<Self, Problem> {
        let secret = config.secret.as_ref();
        let mut own: Vec<Key> = secret
            .map(|secret| Key::secret(secret.expose().as_bytes()))
            .into_iter()
            .collect();
        if let Some(text) = &config.public_key {
            own.push(public_key(text)?);
        }
        let place = config.jwks_url.as_ref().map(Place::new).transpose();
        let place = place.map_err(|reason| Problem {
            variable: "JWT_JWKS_URL",
            value: config.jwks_url.as_ref().map(ToString::to_string),
            reason,
            allowed: "an https:// or http:// URL, as https://issuer.example/jwks.json".to_owned(),
        })?;
        Ok(Self {
            own,
            remote: place.map(|place| Remote::new(place, remote::PAUSE)),
            rules: Rules::new(config),
        })
    }

    pub(super) fn keep_keys(&self) {
        if let Some(remote) = &self.remote {
            remote.keep();
        }
    }

    /// Waits for keys where none of those known can have signed the token.
    pub(super) async fn prepare(&self, token: &str) {
        let (Some(remote), Some(head)) = (&self.remote, Head::read(token)) else {
            return;
        };
        let verifies = |key: &Key| key.fits(&head) && key.verify(token).is_some();
        let known = || remote.known().iter().any(|key| key.fits(&head));
        if head.may_be_published() && !known() && !self.own.iter().any(verifies) {
            remote.renew().await;
        }
    }

    /// For whom the token speaks.
    pub(super) fn identify(&self, token: &str, now: SystemTime) -> Result<Identity, Denied> {
        let refused = |why| {
            tracing::debug!(component = "auth", why, "a token is refused");
            Denied::Unauthorized(why)
        };
        let head = Head::read(token).ok_or_else(|| refused("Token is not valid"))?;
        let remote = self.remote.as_ref().map(|remote| remote.known());
        let published = remote.iter().flat_map(|keys| keys.iter());
        let mut keys = self
            .own
            .iter()
            .chain(published)
            .filter(|key| key.fits(&head))
            .take(MOST_TRIED);
        let claims = keys
            .find_map(|key| key.verify(token))
            .ok_or_else(|| refused("Token is not valid"))?;
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (identity, left) = self
            .rules
            .read(&claims, now.as_secs_f64())
            .map_err(refused)?;
        Ok(Identity {
            until: left.and_then(|left| Instant::now().checked_add(left)),
            ..identity
        })
    }
}

/// The key in `JWT_PUBLIC_KEY`, or in the file that it names.
fn public_key(text: &str) -> Result<Key, Problem> {
    let problem = |reason: String| {
        Problem {
        variable: "JWT_PUBLIC_KEY",
        // Of what is no path, part of a private key may be.
        value: text.starts_with(['/', '.']).then(|| text.to_owned()),
        reason,
        allowed: "an RSA (2048 bits or more) or P-256 public key in PEM form, \"-----BEGIN PUBLIC KEY-----\", or the path of a file with one".to_owned(),
    }
    };
    if text.contains("-----BEGIN") {
        return Key::public(text).map_err(|why| problem(why.to_owned()));
    }
    let read = std::fs::read_to_string(text);
    let pem = read.map_err(|error| problem(format!("is no PEM text, and no file: {error}")))?;
    Key::public(&pem).map_err(|why| problem(format!("names a file that {why}")))
}

#[cfg(test)]
mod tests;
