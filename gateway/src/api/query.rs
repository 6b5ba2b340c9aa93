//! What a list is asked for: page, search, filters, order.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

const PER_PAGE: usize = 100;

/// A query's parameters; of several with one name the first counts.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Takes a query (without `?`) apart, as Go does: pairs with a broken escape or a `;` do not count.
    pub(super) fn parse(query: Option<&[u8]>) -> Self {
        let text = String::from_utf8_lossy(query.unwrap_or_default());
        let pairs = text.split('&').filter_map(|pair| {
            if pair.is_empty() || pair.contains(';') {
                return None;
            }
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(key, true)?, decoded(value, true)?))
        });
        Self(pairs.collect())
    }

    /// A parameter; empty where it is not there.
    pub(super) fn get(&self, key: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map_or("", |(_, value)| value)
    }

    /// All values of a parameter.
    pub(super) fn all<'q>(&'q self, key: &'q str) -> impl Iterator<Item = &'q str> {
        let found = self.0.iter().filter(move |(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }

    fn number(&self, key: &str, default: usize) -> Result<usize, String> {
        let text = self.get(key);
        if text.is_empty() {
            return Ok(default);
        }
        // Go names 0 for what is no number.
        let number: i64 = text.parse().unwrap_or(0);
        usize::try_from(number)
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| format!("invalid request: {key}: {number}"))
    }
}

/// Percent-decoded text; `None` where an escape is broken or the text is no UTF-8.
pub(super) fn decoded(text: &str, plus: bool) -> Option<String> {
    let bytes = text.as_bytes();
    let broken = bytes.iter().enumerate().any(|(at, &byte)| {
        let hex = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_hexdigit);
        byte == b'%' && !(hex(at + 1) && hex(at + 2))
    });
    if broken {
        return None;
    }
    let text: Cow<'_, str> = if plus {
        text.replace('+', " ").into()
    } else {
        text.into()
    };
    let decoded = percent_decode_str(&text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Part of a list, and the number of the page that follows; 1 means none does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) range: std::ops::Range<usize>,
    pub(super) next: usize,
}

impl Page {
    /// The page that `query` asks for, of `count` items.
    pub(super) fn of(query: &Query, count: usize) -> Result<Self, String> {
        let per_page = query.number("per_page", PER_PAGE)?;
        let page = query.number("page", 1)?;
        let start = (page - 1).saturating_mul(per_page);
        if start != 0 && start >= count {
            return Err(format!(
                "invalid request: page: {page}, per_page: {per_page}"
            ));
        }
        let end = start.saturating_add(per_page);
        Ok(Self {
            range: start..end.min(count),
            next: if end < count { page + 1 } else { 1 },
        })
    }
}

/// Which items are wanted.
#[derive(Debug)]
pub(super) struct Criterion<'q> {
    search: String,
    status: &'q str,
    service: &'q str,
    middleware: &'q str,
}

impl<'q> Criterion<'q> {
    pub(super) fn of(query: &'q Query) -> Self {
        Self {
            search: query.get("search").to_lowercase(),
            status: query.get("status"),
            service: query.get("serviceName"),
            middleware: query.get("middlewareName"),
        }
    }

    pub(super) fn has_status(&self, status: &str) -> bool {
        self.status.is_empty() || self.status.eq_ignore_ascii_case(status)
    }

    pub(super) fn finds<'v>(&self, values: impl IntoIterator<Item = &'v str>) -> bool {
        self.search.is_empty()
            || values
                .into_iter()
                .any(|value| value.to_lowercase().contains(&self.search))
    }

    /// A service named with its provider is meant with it, one without in any.
    pub(super) fn leads_to(&self, service: &str) -> bool {
        if self.service.is_empty() {
            return true;
        }
        if service.contains('@') {
            return self.service == service;
        }
        self.service.split('@').next() == Some(service)
    }

    pub(super) fn passes(&self, middlewares: &[String]) -> bool {
        self.middleware.is_empty() || middlewares.iter().any(|name| name == self.middleware)
    }
}
