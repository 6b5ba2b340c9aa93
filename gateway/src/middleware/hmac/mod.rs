//! `hmac`: lets in requests that are signed with a shared key (draft-cavage-http-signatures-12). Traefik has it in its paid
//! edition only.

mod digest;
mod header;
mod keys;
#[cfg(test)]
mod tests;

use std::time::{SystemTime, UNIX_EPOCH};

use ::http::{HeaderName, HeaderValue, StatusCode, header as fields};

use self::digest::Digests;
use self::header::{Claim, Part};
use self::keys::Keys;
use super::credential::{self, Found, Place};
use super::filter::{Act, Outcome, Step};
use crate::config::dynamic::Hmac as Config;
use crate::http::{Body, Context, Gathered, Request, gather_noting, plain};

/// See the module.
pub struct Hmac {
    places: Vec<Place>,
    keys: Keys,
    /// What each signature must cover.
    enforced: Vec<Part>,
    /// Seconds by which a signed time may differ from ours; `None` where none needs to be signed.
    skew: Option<f64>,
    /// Longest body that is compared with its digest, in bytes; `None` where none is.
    longest: Option<u64>,
    forward: bool,
    told: Option<HeaderName>,
    challenge: String,
}

/// What a right signature says.
struct Proof {
    key: Box<str>,
    digests: Digests,
}

impl Hmac {
    /// There must be a key; what the options name must be there.
    pub fn new(config: &Config) -> Result<Self, String> {
        let enforced = config.enforced_headers.iter().map(|name| {
            Part::read(name).ok_or_else(|| {
                format!(
                    "enforcedHeaders: {name:?} is no header, nor (request-target), (created) or (expires)"
                )
            })
        });
        let enforced: Vec<Part> = enforced.collect::<Result<_, _>>()?;
        if !enforced.contains(&Part::Target) {
            tracing::warn!(
                "hmac without (request-target) in enforcedHeaders: a signature need not cover method and path, and then it counts for all of them"
            );
        }
        if config.clock_skew.is_negative() {
            let skew = config.clock_skew;
            return Err(format!("clockSkew cannot be negative: {skew}"));
        }
        let longest = u64::try_from(config.max_body_size)
            .map_err(|_| format!("maxBodySize cannot be negative: {}", config.max_body_size))?;
        let told = match config.header_field.as_str() {
            "" => None,
            name => Some(credential::field("headerField", name)?),
        };
        let places = [fields::AUTHORIZATION, fields::PROXY_AUTHORIZATION].map(|name| {
            ["Hmac", "Signature"].map(|scheme| Place::Header(name.clone(), Some(scheme.into())))
        });
        Ok(Self {
            places: places.into_iter().flatten().collect(),
            keys: Keys::new(&config.keys, &config.algorithms)?,
            challenge: challenge(&enforced),
            enforced,
            skew: config.clock_skew.limit().map(|skew| skew.as_secs_f64()),
            longest: config.validate_digest.unwrap_or(true).then_some(longest),
            forward: config.forward_authorization,
            told,
        })
    }

    /// Checks everything but the body.
    fn verify(&self, request: &Request) -> Result<Proof, &'static str> {
        let mut all = self.places.iter().map(|place| place.find(request));
        let text = match all.find(|found| *found != Found::Nothing) {
            None => return Err("there is none"),
            Some(Found::One(text)) => text,
            Some(_) => return Err("there is more than one"),
        };
        let claim = Claim::read(&text)?;
        let signed = signed(&claim, request)?;
        self.keys
            .verify(claim.key, claim.algorithm, &signed, &claim.signature)?;
        if !self.enforced.iter().all(|part| claim.parts.contains(part)) {
            return Err("it does not cover what it must");
        }
        self.check_time(&claim, request)?;
        Ok(Proof {
            key: claim.key.into(),
            digests: match self.longest {
                Some(_) => Digests::read(&request.headers, &claim.parts)?,
                None => Digests::default(),
            },
        })
    }

    /// A signature counts around the time that it was made at, and not after the time that it says itself.
    fn check_time(&self, claim: &Claim<'_>, request: &Request) -> Result<(), &'static str> {
        let now = seconds(SystemTime::now());
        let read = |text: &str| {
            let seconds = text.parse::<f64>().ok().filter(|time| time.is_finite());
            seconds.ok_or("its times cannot be read")
        };
        if let Some(expires) = claim.expires
            && read(expires)? < now
        {
            return Err("it is no longer valid");
        }
        let Some(skew) = self.skew else {
            return Ok(());
        };
        let date = Part::Field(fields::DATE);
        let made = if let Some(created) = claim.created
            && claim.parts.contains(&Part::Created)
        {
            read(created)?
        } else if claim.parts.contains(&date) {
            let value = request.headers.get(fields::DATE).map(HeaderValue::to_str);
            let date = value.and_then(Result::ok).map(httpdate::parse_http_date);
            seconds(date.and_then(Result::ok).ok_or("its date cannot be read")?)
        } else {
            return Err("it covers no time: sign (created) or date");
        };
        match (now - made).abs() <= skew {
            true => Ok(()),
            false => Err("it is too old, or from the future"),
        }
    }

    /// Reads the body, compares it with its digest, and puts it back.
    async fn check_body(
        &self,
        digests: &Digests,
        longest: u64,
        cx: &mut Context,
        request: &mut Request,
    ) -> Result<(), Outcome<()>> {
        let body = std::mem::take(&mut request.body);
        let read = gather_noting(body, Some(longest), &mut cx.request_trailers).await;
        let bytes = match read {
            Ok(Gathered::Whole(bytes)) => bytes,
            Ok(Gathered::TooLong(_)) => {
                return Err(Outcome::Answer(Box::new(plain(
                    StatusCode::PAYLOAD_TOO_LARGE,
                ))));
            }
            Err(error) => return Err(Outcome::Answer(Box::new(error.into_response()))),
        };
        digests.check(&bytes).map_err(|why| self.refuse(why))?;
        if !bytes.is_empty() {
            request.body = Body::Full(bytes);
        }
        Ok(())
    }

    fn let_in(&self, key: Box<str>, cx: &mut Context, request: &mut Request) -> Outcome<()> {
        if let Some(name) = &self.told {
            let value = HeaderValue::from_str(&key).ok();
            credential::vouch(&mut request.headers, name, value);
        }
        cx.record.user = Some(key);
        if !self.forward {
            for place in &self.places {
                place.take(request);
            }
        }
        Outcome::Next
    }

    fn refuse(&self, why: &str) -> Outcome<()> {
        tracing::debug!(why, "a signature is refused");
        let refusal = credential::refusal(StatusCode::UNAUTHORIZED, &self.challenge);
        Outcome::Answer(Box::new(refusal))
    }
}

impl Act for Hmac {
    type Memo = ();

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        for place in &self.places {
            place.hide(&mut cx.record);
        }
        let Proof { key, digests } = match self.verify(request) {
            Ok(proof) => proof,
            Err(why) => return Step::Done(self.refuse(why)),
        };
        let Some(longest) = self.longest else {
            return Step::Done(self.let_in(key, cx, request));
        };
        if request.body.is_empty() {
            return Step::Done(match digests.check(&[]) {
                Ok(()) => self.let_in(key, cx, request),
                Err(why) => self.refuse(why),
            });
        }
        Step::Later(Box::pin(async move {
            match self.check_body(&digests, longest, cx, request).await {
                Ok(()) => self.let_in(key, cx, request),
                Err(answer) => answer,
            }
        }))
    }
}

/// What was signed (section 2.3): a line for each part.
fn signed(claim: &Claim<'_>, request: &Request) -> Result<Vec<u8>, &'static str> {
    let mut text = Vec::new();
    for part in &claim.parts {
        if !text.is_empty() {
            text.push(b'\n');
        }
        text.extend_from_slice(part.name().as_bytes());
        text.extend_from_slice(b": ");
        let time = match part {
            Part::Target => {
                let method = request.method.as_str().to_ascii_lowercase();
                text.extend_from_slice(method.as_bytes());
                text.push(b' ');
                text.extend_from_slice(request.target.as_bytes());
                continue;
            }
            Part::Field(name) => {
                let values = request.headers.get_all(name).iter();
                let values: Vec<&[u8]> =
                    values.map(|value| value.as_bytes().trim_ascii()).collect();
                if values.is_empty() {
                    return Err("it covers a field that is not there");
                }
                text.extend_from_slice(&values.join(&b", "[..]));
                continue;
            }
            Part::Created => claim.created,
            Part::Expires => claim.expires,
        };
        let time = time.ok_or("it covers a time that it does not name")?;
        text.extend_from_slice(time.as_bytes());
    }
    Ok(text)
}

fn challenge(enforced: &[Part]) -> String {
    let names: Vec<&str> = enforced.iter().map(Part::name).collect();
    match names.is_empty() {
        true => "Hmac realm=\"traefik\"".to_owned(),
        false => format!("Hmac realm=\"traefik\",headers=\"{}\"", names.join(" ")),
    }
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}
