//! `rateLimit`: a token bucket for each client. Bursts pass, a little too much is slowed down, more is refused.

mod bucket;
mod headers;
mod redis;
#[cfg(test)]
mod tests;

use ::http::StatusCode;

use self::bucket::{Buckets, Limit, Taken};
use self::headers::{Left, Policy};
use self::redis::{Fallback, Redis};
use super::filter::{Act, Outcome, Step};
use super::source::Source;
use crate::config::dynamic::RateLimit as Config;
use crate::http::{Body, Context, Request, Response};
use crate::types::IpStrategy;

/// See the module.
#[derive(Debug)]
pub struct RateLimit {
    source: Source,
    /// `None` lets everything pass.
    limit: Option<Limit>,
    buckets: Buckets,
    /// Where the buckets are that count, if not here.
    redis: Option<Redis>,
    /// What clients are told; `None` where they are told nothing.
    policy: Option<Policy>,
}

impl RateLimit {
    /// Clients are told apart by address, unless the configuration says otherwise.
    pub fn new(config: &Config) -> Result<Self, String> {
        let address = Source::Address(IpStrategy::default());
        let source = Source::new(config.source_criterion.as_ref(), address)
            .map_err(|error| format!("getting source extractor: {error}"))?;
        if config.period.is_negative() {
            let period = config.period;
            return Err(format!("negative value not valid for period: {period}"));
        }
        let redis = config.redis.as_ref().map(Redis::new).transpose();
        let limit = Limit::new(config);
        let told = limit.filter(|_| config.headers.unwrap_or(true));
        Ok(Self {
            source,
            limit,
            buckets: Buckets::default(),
            redis: redis.map_err(|error| format!("creating redis limiter: {error}"))?,
            policy: told.map(|limit| Policy::new("", &limit)),
        })
    }

    /// What follows from what a bucket says.
    fn decided(&self, limit: &Limit, taken: &Taken) -> Outcome<Left> {
        let left = Left::new(limit, taken);
        match (&self.policy, taken.granted) {
            (Some(_), true) => Outcome::Keep(left),
            (None, true) => Outcome::Next,
            (policy, false) => {
                let mut response = headers::refusal(taken.wait);
                if let Some(policy) = policy {
                    policy.tell(left, response.headers_mut());
                }
                Outcome::Answer(Box::new(response))
            }
        }
    }

    /// Takes the token, and waits for it.
    async fn ask(&self, redis: &Redis, limit: &Limit, client: &[u8]) -> Outcome<Left> {
        let taken = match (redis.take(limit, client).await, redis.fallback) {
            (Some(taken), _) => taken,
            (None, Fallback::Local) => self.buckets.take(limit, client),
            (None, Fallback::Allow) => return Outcome::Next,
            (None, Fallback::Deny) => return Outcome::Answer(Box::new(denial())),
        };
        if taken.granted && !taken.wait.is_zero() {
            tokio::time::sleep(taken.wait).await;
        }
        self.decided(limit, &taken)
    }
}

/// The answer where nobody can tell whether a request is within its limit, in Traefik's words.
fn denial() -> Response {
    let mut response = Response::new(Body::from("Could not insert/update bucket\n"));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

impl Act for RateLimit {
    type Memo = Left;
    const KEEPS_STATE: bool = true;

    fn named(&mut self, name: &str) {
        if let Some(redis) = &mut self.redis {
            redis.named(name);
        }
        if let (Some(policy), Some(limit)) = (&mut self.policy, &self.limit) {
            *policy = Policy::new(name, limit);
        }
    }

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, Left> {
        let Some(limit) = &self.limit else {
            return Step::NEXT;
        };
        if let Some(redis) = &self.redis {
            let key = self
                .source
                .with_text(cx, request, |client| redis.key(client));
            return Step::Later(Box::pin(async move { self.ask(redis, limit, &key).await }));
        }
        let take = |client: &[u8]| self.buckets.take(limit, client);
        let taken = self.source.with(cx, request, take);
        let decided = self.decided(limit, &taken);
        if !taken.granted || taken.wait.is_zero() {
            return Step::Done(decided);
        }
        Step::Later(Box::pin(async move {
            tokio::time::sleep(taken.wait).await;
            decided
        }))
    }

    fn response(&self, _: &Context, memo: Option<Left>, response: &mut Response) {
        // Nobody who switches protocols reads fields for the next request.
        if let (Some(policy), Some(left)) = (&self.policy, memo)
            && response.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            policy.tell(left, response.headers_mut());
        }
    }
}
