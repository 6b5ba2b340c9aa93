//! `forwardAuth`: asks another service whether a request may pass. Anything but a 2xx of its goes to the client.

mod address;
mod answer;
mod ask;
mod cookies;
mod exchange;
mod take_over;
#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::time::{Duration, Instant};

use ::http::{HeaderName, HeaderValue, StatusCode};

use self::address::Address;
use super::filter::{Act, Outcome, Step};
use crate::config::dynamic::ForwardAuth as Config;
use crate::http::{Body, Context, Request, Response, forwarded, location};
use crate::rule::regexp::GoRegexp;

/// For the connection, the question and the whole answer (Traefik's figure).
const PATIENCE: Duration = Duration::from_secs(30);

/// How long an answer may be where nothing is configured. Traefik reads without end, and warns (CVE-2026-26998).
const ANSWER: u64 = 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub struct ForwardAuth {
    address: Address,
    /// `None` is Traefik's former way, where `trustForwardHeader` is not written.
    trust: Option<bool>,
    /// Fields of the request that are shown; `None` means all.
    shown: Option<Box<[HeaderName]>>,
    /// Fields of the answer that the request takes over.
    taken: Box<[HeaderName]>,
    taken_regex: Option<GoRegexp>,
    /// Cookies of the answer that the client gets.
    cookies: Box<[Box<str>]>,
    /// Field of the answer with the user's name.
    user: Option<HeaderName>,
    /// Whether the request's body is sent, and how long it may be.
    body: Option<Option<u64>>,
    /// How long the answer's body may be.
    most: Option<u64>,
    keep_location: bool,
    keep_method: bool,
    /// Where clients are sent that must sign in.
    sign_in: Option<String>,
}

impl ForwardAuth {
    /// The address must be a URL, the TLS files readable, the expression one.
    pub fn new(config: &Config) -> Result<Self, String> {
        let taken_regex = match config.auth_response_headers_regex.as_str() {
            "" => None,
            source => {
                let compiled = GoRegexp::new(source);
                Some(compiled.map_err(|error| {
                    format!("error compiling regular expression {source}: {error}")
                })?)
            }
        };
        let mut shown = names(&config.auth_request_headers)?;
        match config.trust_forward_header {
            None => tracing::warn!(
                address = config.address,
                "trustForwardHeader is not set: some X-Forwarded fields of clients reach the service that is asked; please write true or false"
            ),
            Some(true) if !shown.is_empty() => {
                shown.extend(forwarded::MANAGED.map(HeaderName::from_static));
            }
            Some(_) => {}
        }
        let max_body = config.max_body_size.unwrap_or(-1);
        if config.forward_body && max_body < 0 {
            tracing::warn!(
                address = config.address,
                "forwardBody without maxBodySize keeps whole request bodies in memory; please set a limit"
            );
        }
        let user = match config.header_field.as_str() {
            "" => None,
            name => Some(field(name)?),
        };
        let sign_in = match config.auth_signin_url.as_str() {
            "" => None,
            url => Some(location(url).ok_or_else(|| format!("authSigninURL {url:?} is no URL"))?),
        };
        Ok(Self {
            address: Address::new(config)?,
            trust: config.trust_forward_header,
            shown: (!shown.is_empty()).then(|| shown.into()),
            taken: names(&config.auth_response_headers)?.into(),
            taken_regex,
            cookies: config
                .add_auth_cookies_to_response
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            user,
            body: config.forward_body.then(|| u64::try_from(max_body).ok()),
            most: match config.max_response_body_size {
                None => Some(ANSWER),
                Some(most) => u64::try_from(most).ok(),
            },
            keep_location: config.preserve_location_header,
            keep_method: config.preserve_request_method,
            sign_in,
        })
    }

    async fn run(&self, cx: &mut Context, request: &mut Request) -> Outcome<Vec<HeaderValue>> {
        let body = match self.shown_body(cx, request).await {
            Ok(body) => body,
            Err(refusal) => return Outcome::Answer(Box::new(refusal)),
        };
        let question = self.question(cx, request, body);
        let (question, asked) = (question, Instant::now());
        // What the other service does is not what the request's server does: it is not in the record.
        let mut own = Context::new(Rc::clone(&cx.connection), String::new(), asked);
        let exchange = tokio::time::timeout(PATIENCE, self.exchange(&mut own, question)).await;
        let answer = match exchange {
            Ok(Ok(answer)) => answer,
            Ok(Err(refusal)) => return Outcome::Answer(Box::new(refusal)),
            Err(_) => {
                tracing::error!(address = %self.address, "no answer within {PATIENCE:?}");
                return Outcome::Answer(Box::new(status(StatusCode::INTERNAL_SERVER_ERROR)));
            }
        };
        if let Some(field) = &self.user
            && let Some(user) = answer.headers().get(field)
        {
            cx.record.user = Some(String::from_utf8_lossy(user.as_bytes()).into());
        }
        if !answer.status().is_success() {
            return Outcome::Answer(Box::new(self.passed_on(request, answer)));
        }
        self.take_over(&mut request.headers, answer.headers());
        match cookies::named(answer.headers(), &self.cookies) {
            cookies if cookies.is_empty() => Outcome::Next,
            cookies => Outcome::Keep(cookies),
        }
    }
}

/// An answer that says nothing more.
fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}

fn field(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no header name"))
}

fn names(configured: &[String]) -> Result<Vec<HeaderName>, String> {
    configured.iter().map(|name| field(name)).collect()
}

impl Act for ForwardAuth {
    type Memo = Vec<HeaderValue>;

    fn request<'a>(
        &'a self,
        cx: &'a mut Context,
        request: &'a mut Request,
    ) -> Step<'a, Vec<HeaderValue>> {
        Step::Later(Box::pin(self.run(cx, request)))
    }

    fn response(&self, _: &Context, memo: Option<Vec<HeaderValue>>, response: &mut Response) {
        if let Some(cookies) = memo {
            cookies::replace(response.headers_mut(), &self.cookies, cookies);
        }
    }
}
