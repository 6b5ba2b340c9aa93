//! The options of `jwt`, checked.

use std::sync::Arc;
use std::time::Duration;

use ::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::Algorithm;

use super::claims::{Expected, Path};
use super::condition::Condition;
use super::fetch;
use super::keys::Keys;
use super::remote::Remote;
use super::{Jwt, Source};
use crate::config::dynamic::Jwt as Config;
use crate::middleware::credential::{self, Place};

/// Clocks that differ more are wrong.
const MOST_LEEWAY: Duration = Duration::from_secs(5 * 60);

/// RFC 7518 section 3.2: at least as long as the hash.
const SAFE_SECRET: usize = 32;

const SYMMETRIC: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const ASYMMETRIC: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

impl Jwt {
    /// There must be exactly one source of keys that can be read; everything else must make sense with it.
    pub fn new(config: &Config) -> Result<Self, String> {
        let source = source(config)?;
        let algorithms = algorithms(config, &source)?;
        let mut places = vec![Place::Header(header::AUTHORIZATION, Some("Bearer".into()))];
        if !config.token_key.is_empty() {
            places.push(Place::Query(config.token_key.as_str().into()));
        }
        let leeway = config.leeway;
        if leeway.is_negative() || leeway.as_std() > MOST_LEEWAY {
            return Err("leeway must be from 0s to 5m".to_owned());
        }
        let condition = match config.claims.as_str() {
            "" => None,
            source => Some(Condition::new(source).map_err(|error| format!("claims: {error}"))?),
        };
        let user = match config.username_claim.as_str() {
            "" => "sub",
            claim => claim,
        };
        let told = config.forward_headers.iter().map(|(name, claim)| {
            let path = Path::new(claim).map_err(|error| format!("forwardHeaders: {error}"))?;
            Ok((credential::field("forwardHeaders", name)?, path))
        });
        Ok(Self {
            source,
            algorithms,
            places,
            forward_token: config.forward_authorization,
            expected: Expected {
                issuers: config.issuers.clone(),
                audiences: config.audiences.clone(),
                leeway: leeway.as_std().as_secs_f64(),
            },
            condition,
            user: Path::new(user).map_err(|error| format!("usernameClaim: {error}"))?,
            told: told.collect::<Result<_, String>>()?,
        })
    }
}

fn source(config: &Config) -> Result<Source, String> {
    let given = [
        !config.signing_secret.is_empty(),
        !config.public_key.is_empty(),
        !config.jwks_file.is_empty(),
        !config.jwks_url.is_empty(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        return Err(
            "one of signingSecret, publicKey, jwksFile and jwksUrl must be set, and only one"
                .to_owned(),
        );
    }
    if config.client_config.is_some() && config.jwks_url.is_empty() {
        return Err("clientConfig needs jwksUrl".to_owned());
    }
    if !config.signing_secret.is_empty() {
        return secret(config).map(|keys| Source::Known(Arc::new(keys)));
    }
    if config.signing_secret_base64_encoded {
        return Err("signingSecretBase64Encoded needs signingSecret".to_owned());
    }
    if !config.jwks_url.is_empty() {
        let client = config.client_config.clone().unwrap_or_default();
        let timeout = u64::try_from(client.timeout_seconds).ok();
        let timeout = timeout.filter(|seconds| (1..=60).contains(seconds));
        let timeout = timeout.ok_or("clientConfig.timeoutSeconds must be from 1 to 60")?;
        let place = fetch::Place::new(&config.jwks_url, &client)?;
        return Ok(Source::Remote(Remote::new(
            place,
            Duration::from_secs(timeout),
        )));
    }
    let keys = if config.public_key.is_empty() {
        let set = config
            .jwks_file
            .read()
            .map_err(|error| format!("jwksFile: {error}"))?;
        Keys::set(&set).map_err(|error| format!("jwksFile {error}"))?
    } else {
        let pem = config
            .public_key
            .read_pem()
            .map_err(|error| format!("publicKey: {error}"))?;
        Keys::public(&pem).map_err(|error| format!("publicKey {error}"))?
    };
    Ok(Source::Known(Arc::new(keys)))
}

fn secret(config: &Config) -> Result<Keys, String> {
    let text = config.signing_secret.expose();
    if text.starts_with("urn:k8s:") {
        return Err("signingSecret is a reference to a Kubernetes secret, which is not followed: write the secret itself".to_owned());
    }
    let bytes = match config.signing_secret_base64_encoded {
        true => STANDARD
            .decode(text)
            .map_err(|_| "signingSecret is no Base64".to_owned())?,
        false => text.as_bytes().to_vec(),
    };
    if bytes.is_empty() {
        return Err("signingSecret is empty".to_owned());
    }
    if bytes.len() < SAFE_SECRET {
        tracing::warn!(
            "signingSecret is shorter than {SAFE_SECRET} bytes: whoever has a token may find it by trying"
        );
    }
    Ok(Keys::secret(&bytes))
}

/// `algorithms`, or all that fit; a public key never verifies what is signed with a secret.
fn algorithms(config: &Config, source: &Source) -> Result<Vec<Algorithm>, String> {
    let fits = |algorithm: Algorithm| match source {
        Source::Known(keys) => keys.know(algorithm),
        Source::Remote(_) => ASYMMETRIC.contains(&algorithm),
    };
    let all = SYMMETRIC.into_iter().chain(ASYMMETRIC);
    if config.algorithms.is_empty() {
        return Ok(all.filter(|algorithm| fits(*algorithm)).collect());
    }
    let named = config.algorithms.iter().map(|name| {
        let algorithm: Algorithm = name.parse().map_err(|_| {
            let all: Vec<String> = all
                .clone()
                .map(|algorithm| format!("{algorithm:?}"))
                .collect();
            format!("algorithms: {name:?} is not one of {}", all.join(", "))
        })?;
        match fits(algorithm) {
            true => Ok(algorithm),
            false => Err(format!(
                "algorithms: no key that is given can verify {name}"
            )),
        }
    });
    named.collect()
}
