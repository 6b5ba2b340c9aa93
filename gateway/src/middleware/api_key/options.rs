//! Where keys are looked for, and what is told of their owners, as configured.

use ::http::{HeaderName, HeaderValue};

use super::super::credential::{self, Place};
use super::keys::Owner;
use crate::config::dynamic::{ApiKey as Config, ApiKeyEntry, ApiKeySource};

/// What `forwardHeaders` calls the key's name.
const ID: &str = "_id";

/// The places of keys in the order in which they count, and the scheme of the challenge.
pub(super) fn places(source: &ApiKeySource) -> Result<(Vec<Place>, &str), String> {
    let (mut places, mut scheme) = (Vec::new(), "ApiKey");
    if !source.header.is_empty() {
        let name = credential::field("keySource.header", &source.header)?;
        let before = source.header_auth_scheme.as_str();
        if !before.is_empty() {
            // A scheme is a token, as the name of a header is.
            if HeaderName::from_bytes(before.as_bytes()).is_err() {
                return Err(format!(
                    "keySource.headerAuthScheme: {before:?} is no scheme"
                ));
            }
            scheme = before;
        }
        let before = (!before.is_empty()).then(|| before.into());
        places.push(Place::Header(name, before));
    } else if !source.header_auth_scheme.is_empty() {
        return Err("keySource.headerAuthScheme needs keySource.header".to_owned());
    }
    if !source.query.is_empty() {
        places.push(Place::Query(source.query.as_str().into()));
    }
    if !source.cookie.is_empty() {
        places.push(Place::Cookie(source.cookie.as_str().into()));
    }
    match places.is_empty() {
        true => Err("keySource needs a header, a query or a cookie".to_owned()),
        false => Ok((places, scheme)),
    }
}

/// `forwardHeaders`, each known to some key.
pub(super) fn told(config: &Config) -> Result<Vec<(HeaderName, String)>, String> {
    let mut told = Vec::new();
    for (name, what) in &config.forward_headers {
        let has_it = |entry: &ApiKeyEntry| entry.metadata.contains_key(what);
        if what != ID && !config.keys.iter().any(has_it) {
            return Err(format!(
                "forwardHeaders: no key has {what:?} in its metadata; {ID} is a key's name"
            ));
        }
        told.push((credential::field("forwardHeaders", name)?, what.clone()));
    }
    Ok(told)
}

/// What the log and the service are told of a key's owner.
pub(super) fn owner(entry: &ApiKeyEntry, told: &[(HeaderName, String)]) -> Result<Owner, String> {
    let value = |what: &str| match what {
        ID => Some(&entry.id),
        what => entry.metadata.get(what),
    };
    let told = told.iter().map(|(name, what)| {
        let value = value(what).map(|text| HeaderValue::from_bytes(text.as_bytes()));
        let value = value
            .transpose()
            .map_err(|_| format!("key {:?}: {what:?} cannot be told in a header", entry.id))?;
        Ok((name.clone(), value))
    });
    Ok(Owner {
        name: entry.id.as_str().into(),
        told: told.collect::<Result<_, String>>()?,
    })
}
