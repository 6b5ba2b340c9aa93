//! `httpCache`: answers requests with what the server said before (RFC 9111), while that is fresh, and lets one request
//! ask for many.

mod caches;
mod directives;
mod entry;
mod fill;
mod key;
mod lead;
mod policy;
mod status;
mod store;
#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::sync::watch;

pub use self::caches::{Caches, Listed, Purge};

use self::directives::Asked;
use self::entry::{Conditions, Entry};
use self::key::Key;
use self::policy::{Policy, Use};
use self::status::{Forwarded, Part};
use self::store::{Found, Joined, Stage, Store};
use super::build::Site;
use super::chain::Chain;
use super::wrapper::Wrap;
use crate::config::dynamic::HttpCache as Config;
use crate::http::{Body, Context, HandlerFuture, ProxyError, Request, Response, answer};
use crate::observe::metrics::CacheResult;

/// So long a request waits for another's answer to begin, before it asks for itself (nginx's figure).
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// So often one whose turn came to nothing waits for the next.
const ROUNDS: usize = 3;

/// See the module.
pub struct HttpCache(Arc<Inner>);

struct Inner {
    policy: Policy,
    /// Longer bodies, in bytes, are not stored.
    longest_body: u64,
    /// Whether clients are told of the cache.
    tells: bool,
    store: Arc<Store>,
}

/// A request, as the steps of the cache need it.
struct Asker {
    primary: Key,
    asked: Asked,
    conditions: Conditions,
    /// Why it goes to the server, if it does.
    why: Forwarded,
    /// What is stored for it, but must not be used without asking.
    stale: Option<Arc<Entry>>,
}

impl HttpCache {
    /// All that use one name share what is stored.
    pub fn new(config: &Config, site: &mut Site<'_>) -> Result<Self, String> {
        let longest_body = u64::try_from(config.max_body_bytes)
            .map_err(|_| "maxBodyBytes must not be negative".to_owned())?;
        Ok(Self(Arc::new(Inner {
            policy: Policy::new(config)?,
            longest_body,
            tells: !config.disable_cache_status_header,
            store: site.caches.open(site.name, config, longest_body)?,
        })))
    }
}

impl Asker {
    /// Notes why what was found is no answer; the key to ask the server for, if others may have the answer too.
    fn missed(&mut self, found: Found) -> Option<Key> {
        let (why, stale, key) = match found {
            Found::Entry(entry, key) if self.asked.no_cache => {
                (Forwarded::Request, Some(entry), Some(key))
            }
            Found::Entry(entry, key) => (Forwarded::Stale, Some(entry), Some(key)),
            Found::Nothing { key, varies: true } => (Forwarded::VaryMiss, None, Some(key)),
            Found::Nothing { key, .. } => (Forwarded::UriMiss, None, Some(key)),
            Found::Pass => (Forwarded::Bypass, None, None),
        };
        (self.why, self.stale) = (why, stale);
        key
    }
}

impl Inner {
    async fn run(
        self: &Arc<Self>,
        cx: &mut Context,
        request: Request,
        rest: &Arc<Chain>,
    ) -> Result<Response, ProxyError> {
        if !policy::concerns(&request) {
            return self.other(cx, request, rest).await;
        }
        let mut asker = Asker {
            primary: key::of(cx, &request),
            asked: Asked::of(&request.headers),
            conditions: Conditions::of(&request.method, &request.headers),
            why: Forwarded::Request,
            stale: None,
        };
        if asker.asked.no_store {
            return self.around(cx, request, rest, asker.why).await;
        }
        for _ in 0..ROUNDS {
            let found = self.store.find(&asker.primary, &request.headers);
            if let Found::Entry(entry, key) = &found
                && let Some(response) = self.stored(cx, &request, rest, &asker, entry, key)
            {
                return Ok(response);
            }
            let key = asker.missed(found);
            if asker.asked.only_if_cached {
                return Ok(self.told(nothing_stored(), Part::Nothing, CacheResult::Miss));
            }
            // An answer to these is no answer to others.
            let alone =
                request.method == Method::HEAD || request.headers.contains_key(header::RANGE);
            let Some(key) = key.filter(|_| !alone) else {
                break;
            };
            match self.store.join(&asker.primary, &key) {
                Joined::Lead(lead) => {
                    return self.lead(cx, request, rest, asker, Rc::new(lead)).await;
                }
                Joined::Follow(stage) => {
                    if let Some(response) = self.follow(stage, &request, &asker).await {
                        return Ok(response);
                    }
                }
            }
        }
        self.alone(cx, request, rest, asker).await
    }

    /// The answer by what is stored, if it will do.
    fn stored(
        self: &Arc<Self>,
        cx: &Context,
        request: &Request,
        rest: &Arc<Chain>,
        asker: &Asker,
        entry: &Arc<Entry>,
        key: &Key,
    ) -> Option<Response> {
        let since = entry.stored.elapsed();
        let usable = self.policy.usable(&entry.lifetime, since, &asker.asked);
        let result = match usable {
            Use::Ask => return None,
            Use::Fresh => CacheResult::Hit,
            Use::Accepted | Use::WhileRevalidating => CacheResult::Stale,
        };
        if usable == Use::WhileRevalidating
            && let Joined::Lead(lead) = self.store.join(&asker.primary, key)
        {
            self.refresh(
                cx,
                request,
                rest,
                asker.primary.clone(),
                Arc::clone(entry),
                lead,
            );
        }
        let part = Part::Hit { ttl: entry.ttl() };
        Some(self.told(entry.answer(&asker.conditions), part, result))
    }

    /// Waits for the answer to another's request; `None` where that is none for this one.
    async fn follow(
        &self,
        mut stage: watch::Receiver<Stage>,
        request: &Request,
        asker: &Asker,
    ) -> Option<Response> {
        let begun = stage.wait_for(|stage| !matches!(stage, Stage::Asking));
        let stage = tokio::time::timeout(LONGEST_WAIT, begun)
            .await
            .ok()?
            .ok()?
            .clone();
        let entry = stage.entry(&asker.primary, &request.headers)?;
        if !entry.body.shared() {
            return None;
        }
        let part = Part::Collapsed { why: asker.why };
        Some(self.told(
            entry.answer(&asker.conditions),
            part,
            CacheResult::Collapsed,
        ))
    }

    /// Lets the server answer what no cache may.
    async fn other(
        &self,
        cx: &mut Context,
        request: Request,
        rest: &Chain,
    ) -> Result<Response, ProxyError> {
        let safe = request.method.is_safe();
        let primary = key::of(cx, &request);
        let response = self.around(cx, request, rest, Forwarded::Method).await?;
        // It may have changed what is stored (RFC 9111 section 4.4).
        if !safe && (response.status().is_success() || response.status().is_redirection()) {
            self.store.invalidate(&primary);
            for name in [header::LOCATION, header::CONTENT_LOCATION] {
                if let Some(target) = same_host(cx, response.headers().get(name)) {
                    self.store.invalidate(&key::with_target(cx, &target));
                }
            }
        }
        Ok(response)
    }

    /// Lets the server answer, and looks only at whether the answer could have been stored.
    async fn alone(
        &self,
        cx: &mut Context,
        request: Request,
        rest: &Chain,
        asker: Asker,
    ) -> Result<Response, ProxyError> {
        let asked = request.headers.clone();
        let whole = request.method == Method::GET && !asked.contains_key(header::RANGE);
        let begun = Instant::now();
        let response = self.around(cx, request, rest, asker.why).await?;
        if whole
            && asker.why == Forwarded::Bypass
            && self.lifetime(&asked, &response, begun).is_some()
        {
            // The next one leads again.
            self.store.invalidate(&asker.primary);
        }
        Ok(response)
    }

    async fn around(
        &self,
        cx: &mut Context,
        request: Request,
        rest: &Chain,
        why: Forwarded,
    ) -> Result<Response, ProxyError> {
        let response = rest.run(cx, request).await;
        if response.is_err() {
            self.store.counters.count(CacheResult::Bypass);
        }
        let response = response?;
        let part = Part::Asked {
            why,
            status: None,
            stored: false,
        };
        Ok(self.told(response, part, CacheResult::Bypass))
    }

    /// Counts what became of a request, and tells the client.
    fn told(&self, mut response: Response, part: Part, result: CacheResult) -> Response {
        self.store.counters.count(result);
        if self.tells && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            part.tell(response.headers_mut());
        }
        response
    }
}

fn nothing_stored() -> Response {
    answer(
        StatusCode::GATEWAY_TIMEOUT,
        "nothing is stored for this request, and it asked that no server be\n",
    )
}

/// The target of a link, if it leads to the host of the request.
fn same_host(cx: &Context, link: Option<&HeaderValue>) -> Option<Vec<u8>> {
    let link = link?.to_str().ok()?;
    if link.starts_with('/') && !link.starts_with("//") {
        let end = link.find('#').unwrap_or(link.len());
        return Some(link.as_bytes()[..end].to_vec());
    }
    let url = url::Url::parse(link).ok()?;
    if url.host_str() != Some(cx.host.as_str()) {
        return None;
    }
    let query = url.query().map(|query| format!("?{query}"));
    Some(format!("{}{}", url.path(), query.unwrap_or_default()).into_bytes())
}

impl Wrap for HttpCache {
    fn handle<'a>(
        &'a self,
        cx: &'a mut Context,
        request: Request,
        rest: &'a Arc<Chain>,
    ) -> HandlerFuture<'a> {
        Box::pin(self.0.run(cx, request, rest))
    }
}

/// The same request, without a body.
fn copy(request: &Request, headers: HeaderMap) -> Request {
    Request {
        method: request.method.clone(),
        target: request.target.clone(),
        version: request.version,
        headers,
        body: Body::Empty,
    }
}
