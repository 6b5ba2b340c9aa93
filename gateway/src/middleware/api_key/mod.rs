//! `apiKey`: lets in whoever brings a key that is known by its hash. Traefik has it in its paid edition only.

mod keys;
mod options;
#[cfg(test)]
mod tests;

use ::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use self::keys::{Keys, Look, Owner};
use super::credential::{self, Found, Place};
use super::filter::{Act, Outcome, Step};
use crate::config::dynamic::{ApiKey as Config, ApiKeyEntry};
use crate::http::{Context, Request};

/// Longer ones are wrong unseen.
const LONGEST: usize = 4096;

/// See the module.
pub struct ApiKey {
    places: Vec<Place>,
    keys: Keys,
    base64: bool,
    forward_key: bool,
    challenge: String,
}

impl ApiKey {
    /// There must be a place to look for keys, and a hash of one; `forwardHeaders` tells what keys have.
    pub fn new(config: &Config) -> Result<Self, String> {
        let source = config.key_source.clone().unwrap_or_default();
        let (places, scheme) = options::places(&source)?;
        let told = options::told(config)?;
        let mut entries = Vec::new();
        for (at, value) in config.secret_values.iter().enumerate() {
            let entry = ApiKeyEntry {
                id: format!("key-{}", at + 1),
                value: value.clone(),
                ..ApiKeyEntry::default()
            };
            entries.push((format!("secretValues[{at}]"), entry));
        }
        for (at, entry) in config.keys.iter().enumerate() {
            let option = format!("keys[{at}]");
            if entry.id.is_empty() || entry.id.contains(char::is_control) {
                return Err(format!("{option} needs an id, without control characters"));
            }
            if entries.iter().any(|(_, other)| other.id == entry.id) {
                return Err(format!("{option}: there is a key {:?} already", entry.id));
            }
            entries.push((format!("{option}.value"), entry.clone()));
        }
        if entries.is_empty() {
            return Err("secretValues or keys must hold the hash of a key".to_owned());
        }
        let entries = entries.into_iter().map(|(option, entry)| {
            let owner = options::owner(&entry, &told)?;
            Ok((option, entry.value.expose().to_owned(), owner))
        });
        Ok(Self {
            places,
            keys: Keys::new(entries.collect::<Result<_, String>>()?)?,
            base64: !config.secret_non_base64_encoded,
            forward_key: config.forward_key,
            challenge: format!("{scheme} realm=\"traefik\""),
        })
    }

    /// The key of a request: of the first place that has one, and only where that has no other.
    fn key(&self, request: &Request) -> Option<Vec<u8>> {
        let mut all = self.places.iter().map(|place| place.find(request));
        let Found::One(key) = all.find(|found| *found != Found::Nothing)? else {
            return None;
        };
        if key.is_empty() || key.len() > LONGEST {
            return None;
        }
        match self.base64 {
            true => STANDARD.decode(key).ok().filter(|key| !key.is_empty()),
            false => Some(key),
        }
    }

    fn let_in(&self, owner: &Owner, cx: &mut Context, request: &mut Request) {
        cx.record.user = Some(owner.name.clone());
        if !self.forward_key {
            for place in &self.places {
                place.take(request);
            }
        }
        for (name, value) in &owner.told {
            credential::vouch(&mut request.headers, name, value.clone());
        }
    }

    fn refuse(&self, why: &str) -> Outcome<()> {
        tracing::debug!(why, "an API key is refused");
        let refusal = credential::refusal(StatusCode::UNAUTHORIZED, &self.challenge);
        Outcome::Answer(Box::new(refusal))
    }
}

impl Act for ApiKey {
    type Memo = ();

    /// Slow hashes that were right once need not be made again after a reload.
    const KEEPS_STATE: bool = true;

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        // A wrong key may be a right one of elsewhere, or nearly right.
        for place in &self.places {
            place.hide(&mut cx.record);
        }
        let Some(key) = self.key(request) else {
            return Step::Done(self.refuse("there is none, more than one, or it cannot be read"));
        };
        match self.keys.look(&key) {
            Look::Right(owner) => self.let_in(owner, cx, request),
            Look::Wrong => return Step::Done(self.refuse("it is not known")),
            Look::Unknown => {
                return Step::Later(Box::pin(async move {
                    let Some(owner) = self.keys.try_slow(key).await else {
                        return self.refuse("it is not known");
                    };
                    self.let_in(owner, cx, request);
                    Outcome::Next
                }));
            }
        }
        Step::NEXT
    }
}
