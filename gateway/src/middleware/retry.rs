//! `retry`: sends a request again where no server saw it, or where the answer's status asks for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{Method, StatusCode};

use super::build::Site;
use super::chain::{Chain, Unsent};
use super::wrapper::Wrap;
use crate::config::dynamic::Retry as Config;
use crate::http::{
    Body, Context, Gathered, HandlerFuture, ProxyError, Request, Response, SharedBody, gather,
};
use crate::types::StatusRanges;

/// Longest pause between two attempts, and how far each pause may be from the computed one (the figures of Go's
/// `backoff` package, which Traefik uses).
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const SPREAD: f64 = 0.5;

/// See the module.
#[derive(Debug)]
pub struct Retry {
    attempts: u32,
    statuses: StatusRanges,
    /// Longest body that is kept for another attempt.
    keep: Option<u64>,
    network_errors: bool,
    any_method: bool,
    /// No attempt starts later than this after the first.
    timeout: Option<Duration>,
    /// Zero means no pause.
    initial_pause: Duration,
}

impl Retry {
    /// There must be something that is tried again.
    pub fn new(config: &Config, _: &mut Site<'_>) -> Result<Self, String> {
        if config.status.is_empty() && config.disable_retry_on_network_error {
            return Err(
                "retry middleware requires at least HTTP status codes or retry on TCP".to_owned(),
            );
        }
        let attempts = u32::try_from(config.attempts).unwrap_or_default();
        if attempts == 0 {
            let given = config.attempts;
            return Err(format!("incorrect (or empty) value for attempt ({given})"));
        }
        let statuses = StatusRanges::parse(&config.status)
            .map_err(|error| format!("creating HTTP code ranges: {error}"))?;
        let keep = config.max_request_body_bytes.unwrap_or(2 * 1024 * 1024);
        Ok(Self {
            attempts,
            statuses,
            keep: u64::try_from(keep).ok(),
            network_errors: !config.disable_retry_on_network_error,
            any_method: config.retry_non_idempotent_method,
            timeout: config.timeout.limit(),
            initial_pause: config.initial_interval.as_std(),
        })
    }

    async fn run(
        &self,
        cx: &mut Context,
        request: Request,
        rest: &Chain,
    ) -> Result<Response, ProxyError> {
        let idempotent =
            !matches!(request.method, Method::POST | Method::PATCH) && request.method != "LOCK";
        let mut by_status = !self.statuses.is_empty() && (self.any_method || idempotent);
        let (request, body) = split(request);
        let body = if by_status && !body.is_empty() {
            match gather(body, self.keep).await? {
                Gathered::Whole(bytes) => Body::Full(bytes),
                Gathered::TooLong(body) => {
                    by_status = false;
                    body
                }
            }
        } else {
            body
        };
        let body = SharedBody::new(body);
        let start = Instant::now();
        for attempt in 1..self.attempts {
            let result = rest.run(cx, copy(&request, body.body())).await;
            let in_time = self.timeout.is_none_or(|timeout| start.elapsed() < timeout);
            if !in_time || !self.again(&result, by_status) {
                return result;
            }
            drop(result);
            tracing::debug!(attempt, router = ?cx.record.router(), "sending the request again");
            cx.record.retries += 1;
            let pause = self.pause(attempt);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        rest.run(cx, copy(&request, body.body())).await
    }

    fn again(&self, result: &Result<Response, ProxyError>, by_status: bool) -> bool {
        match result {
            Err(error) if self.network_errors && error.is_retryable() => true,
            Err(error) => by_status && self.statuses.contains(error.status().as_u16()),
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => false,
            Ok(response) => {
                let unsent = response.extensions().get::<Unsent>().is_some();
                (unsent && self.network_errors)
                    || (by_status && self.statuses.contains(response.status().as_u16()))
            }
        }
    }

    /// The pause after an attempt. It doubles over all attempts, and is spread so that clients do not return at once.
    fn pause(&self, attempt: u32) -> Duration {
        if self.initial_pause.is_zero() {
            return Duration::ZERO;
        }
        let step = 2_f64.powf(f64::from(attempt - 1) / f64::from(self.attempts - 1));
        let pause = self.initial_pause.mul_f64(step).min(LONGEST_PAUSE);
        pause.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * random())
    }
}

/// Between 0 and 1; good enough to spread pauses. The standard library seeds it from the operating system.
fn random() -> f64 {
    use std::hash::{BuildHasher as _, RandomState};
    let bits = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

fn split(mut request: Request) -> (Request, Body) {
    let body = std::mem::take(&mut request.body);
    (request, body)
}

fn copy(request: &Request, body: Body) -> Request {
    Request {
        method: request.method.clone(),
        target: request.target.clone(),
        version: request.version,
        headers: request.headers.clone(),
        body,
    }
}

impl Wrap for Retry {
    fn handle<'a>(
        &'a self,
        cx: &'a mut Context,
        request: Request,
        rest: &'a Arc<Chain>,
    ) -> HandlerFuture<'a> {
        if self.attempts == 1 {
            return Box::pin(rest.run(cx, request));
        }
        Box::pin(self.run(cx, request, rest))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::ErrorKind;
    use crate::middleware::testing::{Script, context, request, site, wrapped};

    fn retry(change: impl FnOnce(&mut Config)) -> Retry {
        let mut config = Config {
            attempts: 3,
            ..Config::default()
        };
        change(&mut config);
        site(|site| Retry::new(&config, site)).unwrap()
    }

    fn unsent() -> Result<StatusCode, ProxyError> {
        Err(ProxyError::upstream(ErrorKind::Unreachable).retryable())
    }

    #[tokio::test]
    async fn what_no_server_saw_is_sent_again_with_its_body() {
        let script = Script::new([unsent(), unsent(), Ok(StatusCode::OK)]);
        let mut post = request("/x");
        post.method = Method::POST;
        post.body = Body::from("hello");
        let mut cx = context();
        let response = wrapped(&retry(|_| {}), &script, &mut cx, post)
            .await
            .unwrap();
        assert_eq!((response.status(), cx.record.retries), (StatusCode::OK, 2));
        assert_eq!(script.bodies(), ["", "", "hello"]);
    }

    #[tokio::test]
    async fn attempts_end() {
        let script = Script::new([unsent(), unsent(), unsent(), Ok(StatusCode::OK)]);
        let error = wrapped(&retry(|_| {}), &script, &mut context(), request("/")).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Unreachable);
        let sent = Script::new([Err(ProxyError::upstream(ErrorKind::Unreachable))]);
        assert!(
            wrapped(&retry(|_| {}), &sent, &mut context(), request("/"))
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn statuses_are_for_idempotent_methods() {
        let by_status = |config: &mut Config| config.status = vec!["500-599".to_owned()];
        for (method, status) in [(Method::PUT, 200), (Method::POST, 503)] {
            let script = Script::new([Ok(StatusCode::SERVICE_UNAVAILABLE), Ok(StatusCode::OK)]);
            let mut sent = request("/");
            sent.method = method;
            sent.body = Body::from("body");
            let answer = wrapped(&retry(by_status), &script, &mut context(), sent).await;
            assert_eq!(answer.unwrap().status(), status);
        }
    }

    #[test]
    fn pauses_double_over_all_attempts() {
        let retry = retry(|config| {
            config.initial_interval = crate::types::Duration::from_millis(100);
        });
        for (attempt, most) in [(1, 150), (2, 213)] {
            let pause = retry.pause(attempt);
            assert!(pause >= Duration::from_millis(50) && pause <= Duration::from_millis(most));
        }
    }
}
