//! One of several: by the client's cookie where it names one that is up, else by the strategy.

use ::http::{HeaderMap, HeaderValue, header};

use super::{Sticky, Strategy};
use crate::http::{Context, ProxyError, Response};

/// Chooses among servers, or among services.
#[derive(Debug)]
pub struct Balancer {
    strategy: Strategy,
    sticky: Option<Sticky>,
}

/// What was chosen.
#[derive(Debug)]
pub(super) struct Pick<'a> {
    pub(super) index: usize,
    /// The client's cookie names it.
    pub(super) asked_for: bool,
    /// `Set-Cookie` for the client; `None` where its cookie is good, or there is none.
    cookie: Option<&'a HeaderValue>,
}

impl Balancer {
    /// Where `sticky` is `None`, clients are not told apart by cookies.
    pub fn new(strategy: Strategy, sticky: Option<Sticky>) -> Self {
        Self { strategy, sticky }
    }

    /// How choices are made, for what becomes of them.
    pub(super) fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// The next choice among those that are `up`; `None` where none is.
    pub(super) fn pick(
        &self,
        cx: &Context,
        headers: &HeaderMap,
        up: impl Fn(usize) -> bool,
    ) -> Option<Pick<'_>> {
        let found = self.sticky.as_ref().and_then(|sticky| sticky.find(headers));
        if let Some(found) = found.filter(|found| up(found.index)) {
            return Some(Pick {
                index: found.index,
                asked_for: true,
                cookie: self.cookie(found.index).filter(|_| found.outdated),
            });
        }
        let index = self
            .strategy
            .next(cx.connection.peer.text().as_bytes(), up)?;
        Some(Pick {
            index,
            asked_for: false,
            cookie: self.cookie(index),
        })
    }

    fn cookie(&self, index: usize) -> Option<&HeaderValue> {
        self.sticky.as_ref()?.line(index)
    }
}

impl Pick<'_> {
    /// Whether [`Pick::mark`] would do something.
    pub(super) fn has_cookie(&self) -> bool {
        self.cookie.is_some()
    }

    /// Puts the cookie before those of the server, and so the outermost balancer's first, as Traefik does.
    pub(super) fn mark(&self, answer: &mut Result<Response, ProxyError>) {
        let Some(cookie) = self.cookie else { return };
        match answer {
            Ok(response) => set_first(response.headers_mut(), cookie),
            Err(error) => set_first(error.headers_mut(), cookie),
        }
    }
}

fn set_first(headers: &mut HeaderMap, cookie: &HeaderValue) {
    let theirs = match headers.entry(header::SET_COOKIE) {
        header::Entry::Occupied(entry) => entry.remove_entry_mult().1.collect(),
        header::Entry::Vacant(_) => Vec::new(),
    };
    headers.append(header::SET_COOKIE, cookie.clone());
    for theirs in theirs {
        headers.append(header::SET_COOKIE, theirs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cookie_comes_first() {
        let mut headers = HeaderMap::new();
        for cookie in ["c=3", "b=2", "a=1"] {
            set_first(&mut headers, &HeaderValue::from_static(cookie));
        }
        let cookies: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1", "b=2", "c=3"]);
    }
}
