//! `/api/http/caches`: what `httpCache` middlewares hold, and, where their configuration allows it, making them forget.

use ::http::{HeaderMap, Method, StatusCode, header};
use serde::Serialize;

use super::json;
use super::query::{Query, decoded};
use crate::http::Response;
use crate::middleware::{Caches, ListedCache, Purge};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    name: &'a str,
    entries: u64,
    bytes: u64,
    limit: u64,
    purge: bool,
    requests: std::collections::BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct Purged {
    purged: u64,
}

/// The answer to a request for `path`, below the list's own; `None` where nothing stands there or for that method.
pub(super) fn answer(
    caches: &Caches,
    path: &str,
    method: &Method,
    headers: &HeaderMap,
    query: &Query,
) -> Option<Response> {
    let name = match path.strip_prefix('/') {
        None if path.is_empty() => return (*method == Method::GET).then(|| list(caches)),
        None => return None,
        Some(name) if name.is_empty() || name.contains('/') => return None,
        Some(name) => decoded(name, false)?,
    };
    match *method {
        Method::GET => Some(one(caches, &name)),
        Method::DELETE => Some(purge(caches, &name, headers, query)),
        _ => None,
    }
}

fn list(caches: &Caches) -> Response {
    let listed = caches.list();
    let shown: Vec<Shown<'_>> = listed.iter().map(shown).collect();
    json::document(&shown)
}

fn one(caches: &Caches, name: &str) -> Response {
    match caches.list().iter().find(|cache| cache.name == name) {
        Some(cache) => json::document(&shown(cache)),
        None => not_found(name),
    }
}

fn shown(cache: &ListedCache) -> Shown<'_> {
    Shown {
        name: &cache.name,
        entries: cache.entries,
        bytes: cache.bytes,
        limit: cache.limit,
        purge: cache.purge,
        requests: cache.requests.iter().copied().collect(),
    }
}

fn purge(caches: &Caches, name: &str, headers: &HeaderMap, query: &Query) -> Response {
    // Browsers name the page's origin with every DELETE: no page, whosever it is, may do this with a visitor's access.
    if headers.contains_key(header::ORIGIN) {
        let why = "a cache is purged by programs, not by pages: send no Origin";
        return json::refusal(StatusCode::FORBIDDEN, why);
    }
    let purge = match query.get("url") {
        "" => Ok(Purge::All),
        url => Purge::parse(url),
    };
    let purge = match purge {
        Ok(purge) => purge,
        Err(why) => return json::refusal(StatusCode::BAD_REQUEST, &why),
    };
    match caches.purge(name, &purge) {
        Ok(purged) => {
            tracing::info!(cache = name, ?purge, purged, "answers were purged");
            json::document(&Purged { purged })
        }
        Err(Some(why)) => json::refusal(StatusCode::FORBIDDEN, &why),
        Err(None) => not_found(name),
    }
}

fn not_found(name: &str) -> Response {
    let message = format!("cache not found: {name}; GET the list for those in use");
    json::refusal(StatusCode::NOT_FOUND, &message)
}
