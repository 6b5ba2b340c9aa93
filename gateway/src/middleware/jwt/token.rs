//! A token (RFC 7519, compact form), read and verified.

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};

use super::claims::Claims;
use super::keys::Keys;

/// Longer ones are wrong unseen.
const LONGEST: usize = 16 * 1024;

/// Keys that are tried where a token does not say which one it is signed with.
const MOST_TRIED: usize = 10;

/// What the head of a token says, before anything of it is believed.
#[derive(Debug)]
pub(super) struct Token<'a> {
    whole: &'a [u8],
    id: Option<String>,
    algorithm: Algorithm,
}

/// Why a token does not count.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No key is known that may have signed it.
    NoKey,
    Wrong(&'static str),
}

impl<'a> Token<'a> {
    /// Reads the head. Only `alg` and `kid` count; `jku`, `jwk`, `x5u` and `x5c` would let the token choose its key.
    pub(super) fn read(token: &'a [u8], accepted: &[Algorithm]) -> Result<Self, &'static str> {
        if token.len() > LONGEST {
            return Err("it is too long");
        }
        if token.iter().filter(|&&byte| byte == b'.').count() != 2 {
            return Err("it has not three parts");
        }
        // `none` and whatever else is unknown is no algorithm to the reader.
        let head = decode_header(token).map_err(|_| "its head cannot be read")?;
        if !accepted.contains(&head.alg) {
            return Err("its algorithm is not accepted");
        }
        // Extensions that must be understood (RFC 7515 section 4.1.11): none is.
        if head.crit.is_some() {
            return Err("it has critical extensions");
        }
        Ok(Self {
            whole: token,
            id: head.kid,
            algorithm: head.alg,
        })
    }

    /// The claims, where one of the keys has signed them.
    pub(super) fn verify(&self, keys: &Keys) -> Result<Claims, Refusal> {
        // What the claims say is looked at elsewhere.
        let mut validation = Validation::new(self.algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let mut refusal = Refusal::NoKey;
        for key in keys.of(self.id.as_deref(), self.algorithm).take(MOST_TRIED) {
            match decode::<Claims>(self.whole, &key.key, &validation) {
                Ok(token) => return Ok(token.claims),
                Err(_) => {
                    refusal =
                        Refusal::Wrong("its signature is wrong, or its claims are no JSON object");
                }
            }
        }
        Err(refusal)
    }
}
