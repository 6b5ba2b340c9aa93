//! Asking the server for many: the one request that goes there, and what becomes of its answer.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::Bytes;

use super::directives::Asked;
use super::entry::{self, Conditions, Entry};
use super::fill::Fill;
use super::key::Key;
use super::policy::{self, Lifetime};
use super::status::{Forwarded, Part};
use super::store::Lead;
use super::{Asker, Inner, copy};
use crate::http::{Body, Context, ProxyError, Request, Response};
use crate::middleware::chain::Chain;
use crate::observe::metrics::CacheResult;

impl Inner {
    /// Asks the server. The request loses what would make its answer one for this client only.
    pub(super) async fn lead(
        &self,
        cx: &mut Context,
        mut request: Request,
        rest: &Chain,
        asker: Asker,
        lead: Rc<Lead>,
    ) -> Result<Response, ProxyError> {
        let asked = request.headers.clone();
        Conditions::strip(&mut request.headers);
        if let Some(stale) = &asker.stale {
            stale.validate(&mut request.headers);
        }
        let begun = Instant::now();
        let result = rest.run(cx, request).await;
        let status = result.as_ref().ok().map(Response::status);
        if let Some(stale) = &asker.stale {
            let failed = status.is_none_or(policy::is_failure);
            if failed && self.stands_in(stale, &asker.asked) {
                let part = Part::InsteadOfError {
                    status: status.map(|status| status.as_u16()),
                };
                return Ok(self.told(stale.answer(&asker.conditions), part, CacheResult::Stale));
            }
            if status == Some(StatusCode::NOT_MODIFIED) {
                let news = result?;
                return Ok(self.confirmed(&asker, stale, news.headers(), &asked, &lead, begun));
            }
        }
        let response = result.inspect_err(|_| self.store.counters.count(CacheResult::Miss))?;
        Ok(self.answered(response, &asker, &asked, &lead, begun))
    }

    /// Fetches a new answer while the client has the stale one.
    pub(super) fn refresh(
        self: &Arc<Self>,
        cx: &Context,
        request: &Request,
        rest: &Arc<Chain>,
        primary: Key,
        stale: Arc<Entry>,
        lead: Lead,
    ) {
        let mut own = Context::new(Rc::clone(&cx.connection), cx.host.clone(), Instant::now());
        own.hide_client = cx.hide_client;
        own.record = cx.record.of_copy(Instant::now());
        let request = Request {
            method: ::http::Method::GET,
            ..copy(request, request.headers.clone())
        };
        let asker = Asker {
            primary,
            asked: Asked::default(),
            conditions: Conditions::default(),
            why: Forwarded::Stale,
            stale: Some(stale),
        };
        let (this, rest, lead) = (Arc::clone(self), Arc::clone(rest), Rc::new(lead));
        tokio::task::spawn_local(async move {
            match this.lead(&mut own, request, &rest, asker, lead).await {
                Ok(response) => {
                    let mut body = response.into_body();
                    while let Some(Ok(_)) = body.frame().await {}
                }
                Err(error) => tracing::debug!(%error, "a stored answer could not be refreshed"),
            }
        });
    }

    /// How long an answer may be stored.
    pub(super) fn lifetime(
        &self,
        asked: &HeaderMap,
        response: &Response,
        begun: Instant,
    ) -> Option<Lifetime> {
        let now = SystemTime::now();
        self.policy.lifetime(asked, response, begun.elapsed(), now)
    }

    fn stands_in(&self, stale: &Entry, asked: &Asked) -> bool {
        let since = stale.stored.elapsed();
        self.policy.on_error(&stale.lifetime, since, asked)
    }

    /// The server said that what is stored is still right.
    fn confirmed(
        &self,
        asker: &Asker,
        stale: &Entry,
        news: &HeaderMap,
        asked: &HeaderMap,
        lead: &Lead,
        begun: Instant,
    ) -> Response {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = stale.status;
        *response.headers_mut() = stale.refreshed(news);
        let lifetime = self.lifetime(asked, &response, begun);
        let entry = Arc::new(Entry {
            status: stale.status,
            headers: std::mem::take(response.headers_mut()),
            body: Arc::clone(&stale.body),
            lifetime: lifetime.unwrap_or(stale.lifetime),
            stored: Instant::now(),
        });
        let stored = match lifetime {
            Some(_) => {
                lead.announce(&entry, asked);
                lead.keep(Arc::clone(&entry), asked)
            }
            None => {
                lead.forget();
                false
            }
        };
        let part = Part::Asked {
            why: asker.why,
            status: Some(StatusCode::NOT_MODIFIED.as_u16()),
            stored,
        };
        self.told(
            entry.answer(&asker.conditions),
            part,
            CacheResult::Revalidated,
        )
    }

    /// The server gave a new answer.
    fn answered(
        &self,
        mut response: Response,
        asker: &Asker,
        asked: &HeaderMap,
        lead: &Rc<Lead>,
        begun: Instant,
    ) -> Response {
        let longest = self.longest_body.min(self.store.limit / 8);
        let fits = response
            .body()
            .length()
            .is_none_or(|length| length <= longest);
        let lifetime = self.lifetime(asked, &response, begun).filter(|_| fits);
        let mut stored = lifetime.is_some();
        if let Some(lifetime) = lifetime {
            date(response.headers_mut());
            stored = self.store_it(&mut response, lifetime, asked, lead, longest);
        } else if !asked.contains_key(header::AUTHORIZATION)
            && !policy::is_failure(response.status())
        {
            // One that was refused to this client may be fine for another.
            lead.pass();
        }
        let status = Some(response.status().as_u16());
        if asker
            .conditions
            .met_by(response.status(), response.headers())
        {
            entry::not_modified(&mut response);
        }
        let part = Part::Asked {
            why: asker.why,
            status,
            stored,
        };
        self.told(response, part, CacheResult::Miss)
    }

    /// Stores the answer, at once or as it comes.
    fn store_it(
        &self,
        response: &mut Response,
        lifetime: Lifetime,
        asked: &HeaderMap,
        lead: &Rc<Lead>,
        longest: u64,
    ) -> bool {
        let status = response.status();
        let entry = move |body, headers: &HeaderMap| {
            Arc::new(Entry {
                status,
                headers: headers.clone(),
                body,
                lifetime,
                stored: Instant::now(),
            })
        };
        let budget = &self.store.budget;
        let whole = match response.body() {
            Body::Empty => Some(Bytes::new()),
            Body::Full(bytes) => Some(bytes.clone()),
            Body::Stream(_) => None,
        };
        if let Some(bytes) = whole {
            let entry = entry(Fill::whole(&bytes, budget), response.headers());
            lead.announce(&entry, asked);
            return lead.keep(entry, asked);
        }
        let body = std::mem::take(response.body_mut());
        let coming: Rc<std::cell::OnceCell<Arc<Entry>>> = Rc::default();
        let (came, leading, fields) = (Rc::clone(&coming), Rc::clone(lead), asked.clone());
        let (fill, body) = Fill::start(body, longest, budget, move |whole| {
            if let Some(entry) = came.get().filter(|_| whole.is_some()) {
                leading.keep(Arc::clone(entry), &fields);
            }
        });
        let entry = entry(fill, response.headers());
        lead.announce(&entry, asked);
        // The task that reads it starts when this one waits.
        let _ = coming.set(entry);
        *response.body_mut() = body;
        true
    }
}

/// What is stored has a date (RFC 9110 section 6.6.1).
fn date(headers: &mut HeaderMap) {
    if !headers.contains_key(header::DATE)
        && let Ok(now) = HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now()))
    {
        headers.insert(header::DATE, now);
    }
}
