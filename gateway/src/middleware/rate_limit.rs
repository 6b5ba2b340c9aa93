//! `rateLimit`: a token bucket for each client. Bursts pass, a little too much is slowed down, more is refused.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::http::{HeaderName, HeaderValue, StatusCode, header};

use super::filter::{Act, Outcome, Step};
use super::source::Source;
use crate::config::dynamic::RateLimit as Config;
use crate::http::{Context, Request, Response, plain};
use crate::types::{self, IpStrategy};

const RETRY_IN: HeaderName = HeaderName::from_static("x-retry-in");
/// Clients whose buckets are kept at most (Traefik's figure).
const MOST: usize = 65_536;

/// See the module.
#[derive(Debug)]
pub struct RateLimit {
    source: Source,
    /// `None` lets everything pass.
    limit: Option<Limit>,
    buckets: Mutex<HashMap<Box<[u8]>, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    /// Tokens in a second.
    rate: f64,
    /// Tokens that a bucket holds.
    burst: f64,
    /// A request waits this long for its token, and is refused where it would be longer.
    longest_wait: Duration,
    /// A bucket that was not used for so long is forgotten.
    forget: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled: Instant,
    used: Instant,
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
        if config.redis.is_some() {
            return Err("rateLimit with redis is not supported yet".to_owned());
        }
        Ok(Self {
            source,
            limit: Limit::new(config),
            buckets: Mutex::default(),
        })
    }

    fn take(&self, limit: &Limit, client: &[u8]) -> Duration {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(client)
            && now.duration_since(bucket.used) < limit.forget
        {
            return bucket.take(limit, now);
        }
        if buckets.len() >= MOST {
            make_room(&mut buckets, limit, now);
        }
        let mut bucket = Bucket {
            tokens: limit.burst,
            filled: now,
            used: now,
        };
        let wait = bucket.take(limit, now);
        buckets.insert(client.into(), bucket);
        wait
    }
}

impl Limit {
    fn new(config: &Config) -> Option<Self> {
        if config.average <= 0 {
            return None;
        }
        let period = match config.period.as_std() {
            Duration::ZERO => Duration::from_secs(1),
            period => period,
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rate of 2^53 requests is no limit"
        )]
        let (average, burst) = (config.average as f64, config.burst.max(1) as f64);
        let rate = average / period.as_secs_f64();
        // Traefik's figures: half the time between two tokens, but half a second where tokens are rarer than that.
        let longest_wait = match rate {
            slow if slow < 1.0 => Duration::from_millis(500),
            fast => Duration::from_secs_f64(0.5 / fast.floor()),
        };
        let forget = match rate {
            slow if slow < 1.0 => 1.0 + (1.0 / slow).floor(),
            _ => 2.0,
        };
        Some(Self {
            rate,
            burst,
            longest_wait,
            forget: Duration::try_from_secs_f64(forget).unwrap_or(Duration::MAX),
        })
    }
}

impl Bucket {
    /// Takes a token, and tells how long to wait for it. Where that is too long, none is taken.
    fn take(&mut self, limit: &Limit, now: Instant) -> Duration {
        let passed = now.duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * limit.rate).min(limit.burst);
        (self.filled, self.used) = (now, now);
        let after = self.tokens - 1.0;
        let wait = (-after / limit.rate).max(0.0);
        let wait = Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX);
        if wait <= limit.longest_wait {
            self.tokens = after;
        }
        wait
    }
}

/// Forgets what is stale; where that is not enough, the eighth that was not used for longest. Many at once, so that
/// a flood of new clients does not look through all of them each time.
fn make_room(buckets: &mut HashMap<Box<[u8]>, Bucket>, limit: &Limit, now: Instant) {
    buckets.retain(|_, bucket| now.duration_since(bucket.used) < limit.forget);
    if buckets.len() < MOST {
        return;
    }
    let mut used: Vec<Instant> = buckets.values().map(|bucket| bucket.used).collect();
    let (_, oldest, _) = used.select_nth_unstable(MOST / 8);
    let oldest = *oldest;
    buckets.retain(|_, bucket| bucket.used > oldest);
}

fn refuse(wait: Duration) -> Response {
    let mut response = plain(StatusCode::TOO_MANY_REQUESTS);
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    if let Ok(value) = HeaderValue::try_from(types::Duration::from(wait).to_string()) {
        headers.insert(RETRY_IN, value);
    }
    response
}

impl Act for RateLimit {
    type Memo = ();
    const KEEPS_STATE: bool = true;

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        let Some(limit) = &self.limit else {
            return Step::NEXT;
        };
        let take = |client: &[u8]| self.take(limit, client);
        match self.source.with(cx, request, take) {
            Duration::ZERO => Step::NEXT,
            wait if wait > limit.longest_wait => Step::answer(refuse(wait)),
            wait => Step::Later(Box::pin(async move {
                tokio::time::sleep(wait).await;
                Outcome::Next
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::middleware::testing::{answered, request, through};

    fn limit(average: i64, period: &str, burst: i64) -> RateLimit {
        RateLimit::new(&Config {
            average,
            period: period.parse().unwrap(),
            burst,
            ..Config::default()
        })
        .unwrap()
    }

    #[test]
    fn a_burst_passes_and_the_rest_is_told_when_to_return() {
        let limit = limit(1, "1h", 2);
        through(&limit, request("/"));
        through(&limit, request("/"));
        let response = answered(&limit, request("/"));
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[header::RETRY_AFTER], "3600");
        assert!(
            response.headers()[RETRY_IN]
                .to_str()
                .unwrap()
                .starts_with("59m59.")
        );
    }

    #[test]
    fn a_token_comes_back_in_time_and_a_refusal_takes_none() {
        let limit = limit(10, "1s", 1);
        let bound = limit.limit.unwrap();
        let start = Instant::now();
        let mut bucket = Bucket {
            tokens: 1.0,
            filled: start,
            used: start,
        };
        assert_eq!(bucket.take(&bound, start), Duration::ZERO);
        assert!(bucket.take(&bound, start) > bound.longest_wait);
        let later = start + Duration::from_millis(60);
        let wait = bucket.take(&bound, later);
        assert!(
            wait <= bound.longest_wait && wait > Duration::from_millis(35),
            "{wait:?}"
        );
    }

    #[test]
    fn clients_are_forgotten_when_there_are_too_many() {
        let limit = limit(1, "1h", 1);
        let bound = limit.limit.unwrap();
        for client in 0..u32::try_from(MOST).unwrap() + 10 {
            limit.take(&bound, &client.to_be_bytes());
        }
        let buckets = limit.buckets.lock().unwrap();
        assert!(buckets.len() <= MOST && buckets.len() > MOST / 2);
        assert!(buckets.contains_key(&(u32::try_from(MOST).unwrap() + 9).to_be_bytes()[..]));
    }

    #[test]
    fn no_average_is_no_limit_and_nonsense_is_refused() {
        let open = limit(0, "1s", 1);
        for _ in 0..10 {
            through(&open, request("/"));
        }
        let negative = Config {
            period: types::Duration::from_secs(-1),
            ..Config::default()
        };
        assert_eq!(
            RateLimit::new(&negative).unwrap_err(),
            "negative value not valid for period: -1s"
        );
    }
}
