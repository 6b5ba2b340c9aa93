//! `jwt`: lets in whoever brings a JSON Web Token that is signed by those we trust. Traefik has it in its paid edition only.

mod claims;
mod condition;
mod fetch;
mod keys;
mod options;
mod refusal;
mod remote;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ::http::{HeaderName, HeaderValue};
use jsonwebtoken::Algorithm;

use self::claims::{Claims, Expected, Path};
use self::condition::Condition;
use self::keys::Keys;
use self::refusal::{No, refuse};
use self::remote::Remote;
use self::token::{Refusal, Token};
use super::credential::{self, Found, Place};
use super::filter::{Act, Outcome, Step};
use crate::http::{Context, Request};

/// See the module.
pub struct Jwt {
    source: Source,
    /// Algorithms that are accepted; each fits the source.
    algorithms: Vec<Algorithm>,
    places: Vec<Place>,
    forward_token: bool,
    expected: Expected,
    condition: Option<Condition>,
    user: Path,
    told: Vec<(HeaderName, Path)>,
}

/// Where keys come from.
enum Source {
    Known(Arc<Keys>),
    Remote(Arc<Remote>),
}

impl Jwt {
    fn token(&self, request: &Request) -> Result<Vec<u8>, No> {
        let mut all = self.places.iter().map(|place| place.find(request));
        match all.find(|found| *found != Found::Nothing) {
            None => Err(No::Nothing),
            Some(Found::One(token)) => Ok(token),
            Some(_) => Err(No::Wrong("there is more than one")),
        }
    }

    /// Verifies with the keys that are known.
    fn look(&self, token: &Token<'_>) -> Result<Claims, Refusal> {
        let keys = match &self.source {
            Source::Known(keys) => Some(Arc::clone(keys)),
            Source::Remote(remote) => remote.known(),
        };
        keys.map_or(Err(Refusal::NoKey), |keys| token.verify(&keys))
    }

    /// Verifies once more after the keys were fetched: they may have changed.
    async fn look_again(&self, remote: &Arc<Remote>, token: &[u8]) -> Result<Claims, No> {
        let token = Token::read(token, &self.algorithms).map_err(No::Wrong)?;
        let keys = remote.newer().await.ok_or(No::Unknown)?;
        token.verify(&keys).map_err(|refusal| match refusal {
            Refusal::NoKey => No::Wrong("its key is not known"),
            Refusal::Wrong(why) => No::Wrong(why),
        })
    }

    fn let_in(&self, claims: &Claims, cx: &mut Context, request: &mut Request) -> Outcome<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs_f64();
        if let Err(why) = self.expected.check(claims, now) {
            return refuse(No::Wrong(why));
        }
        if let Some(user) = self.user.find(claims) {
            cx.record.user = Some(claims::text(user).into());
        }
        if self.condition.as_ref().is_some_and(|it| !it.holds(claims)) {
            return refuse(No::Forbidden);
        }
        if !self.forward_token {
            for place in &self.places {
                place.take(request);
            }
        }
        for (name, path) in &self.told {
            let text = path.find(claims).map(claims::text).unwrap_or_default();
            // As in Traefik Hub, a claim that is not there is an empty field; so is one that no field can hold.
            let value = HeaderValue::from_bytes(text.as_bytes());
            let value = value.unwrap_or_else(|_| HeaderValue::from_static(""));
            credential::vouch(&mut request.headers, name, Some(value));
        }
        Outcome::Next
    }
}

impl Act for Jwt {
    type Memo = ();

    /// Keys that were fetched.
    const KEEPS_STATE: bool = true;

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        for place in &self.places {
            place.hide(&mut cx.record);
        }
        let token = match self.token(request) {
            Ok(token) => token,
            Err(no) => return Step::Done(refuse(no)),
        };
        let read = match Token::read(&token, &self.algorithms) {
            Ok(read) => read,
            Err(why) => return Step::Done(refuse(No::Wrong(why))),
        };
        Step::Done(match (self.look(&read), &self.source) {
            (Ok(claims), _) => self.let_in(&claims, cx, request),
            (Err(Refusal::NoKey), Source::Remote(remote)) => {
                return Step::Later(Box::pin(async move {
                    match self.look_again(remote, &token).await {
                        Ok(claims) => self.let_in(&claims, cx, request),
                        Err(no) => refuse(no),
                    }
                }));
            }
            (Err(Refusal::NoKey), Source::Known(_)) => refuse(No::Wrong("its key is not known")),
            (Err(Refusal::Wrong(why)), _) => refuse(No::Wrong(why)),
        })
    }
}
