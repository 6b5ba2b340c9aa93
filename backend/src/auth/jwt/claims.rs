//! What a token says: held against the clock and against who we are (RFC 7519, section 4.1), and read as an identity.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::keys::Claims;
use crate::auth::{Identity, Role};
use crate::config;

/// How far clocks may differ, in seconds. For letting in only: who is in leaves at the token's end.
const SKEW: f64 = 60.0;
/// Characters of a name, as in chat, and of an id.
const LONGEST_NAME: usize = 40;
const LONGEST_ID: usize = 128;

/// What a token has to say.
#[derive(Debug)]
pub(super) struct Rules {
    issuer: Option<String>,
    audience: Option<String>,
    allow_no_exp: bool,
}

impl Rules {
    pub(super) fn new(config: &config::Jwt) -> Self {
        Self {
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            allow_no_exp: config.allow_no_exp,
        }
    }

    /// Whom the claims name, and for how long from `now` on (seconds since 1970); or why they don't count.
    pub(super) fn read(
        &self,
        claims: &Claims,
        now: f64,
    ) -> Result<(Identity, Option<Duration>), &'static str> {
        let left = self.left(claims, now)?;
        if time(claims, "nbf")?.is_some_and(|start| now < start - SKEW) {
            return Err("Token is not valid yet");
        }
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return Err("Token is from another issuer");
        }
        if let Some(audience) = &self.audience
            && !is_for(claims.get("aud"), audience)
        {
            return Err("Token is for another audience");
        }
        let subject = text(claims, "sub", LONGEST_ID);
        let name = text(claims, "name", LONGEST_NAME);
        let name = name.or_else(|| text(claims, "sub", LONGEST_NAME));
        let name = name.unwrap_or_else(|| "unnamed".into());
        let named = Identity::new(name, role(claims)?);
        let identity = match subject {
            Some(id) => Identity { id, ..named },
            None => named,
        };
        Ok((identity, left))
    }

    /// How long it counts; `None` is for ever.
    fn left(&self, claims: &Claims, now: f64) -> Result<Option<Duration>, &'static str> {
        let Some(end) = time(claims, "exp")? else {
            return match self.allow_no_exp {
                true => Ok(None),
                false => Err("Token never expires"),
            };
        };
        if now >= end + SKEW {
            return Err("Token has expired");
        }
        // Who comes after the end, by our clock, has what is left of the difference that clocks may have.
        let end = if now < end { end } else { end + SKEW };
        Ok(Duration::try_from_secs_f64(end - now).ok())
    }
}

/// A time that is none must not count as one that is not there.
fn time(claims: &Claims, name: &str) -> Result<Option<f64>, &'static str> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or("Token is not valid"),
    }
}

fn is_for(claim: Option<&Value>, audience: &str) -> bool {
    match claim {
        Some(Value::Array(all)) => all.iter().any(|one| one == audience),
        Some(one) => one == audience,
        None => false,
    }
}

fn role(claims: &Claims) -> Result<Role, &'static str> {
    match claims.get("role") {
        None | Some(Value::Null) => Ok(Role::Viewer),
        Some(role) => {
            let role = role.as_str().and_then(|role| role.parse().ok());
            role.ok_or("Token has a role that is not known")
        }
    }
}

/// A claim as it can be shown, if there is anything to show.
fn text(claims: &Claims, name: &str, longest: usize) -> Option<Arc<str>> {
    let text = claims.get(name)?.as_str()?.trim();
    let shown = text.chars().filter(|letter| !letter.is_control());
    let shown: String = shown.take(longest).collect();
    (!shown.is_empty()).then(|| shown.into())
}
