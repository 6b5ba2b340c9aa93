//! All caches of the process, by the names of their middlewares: opened when a configuration is compiled, listed and
//! purged through the API.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::store::Store;
use crate::config::dynamic::HttpCache as Config;
use crate::observe::metrics::{CacheCounters, Metrics};
use crate::types::Size;

/// Where the configuration names no limit.
const LIMIT: Size = Size::from_bytes(128 << 20);
/// Less could not keep one answer of some size.
const LEAST: Size = Size::from_bytes(1 << 20);

/// See the module.
#[derive(Default)]
pub struct Caches {
    metrics: Option<Arc<Metrics>>,
    open: Mutex<BTreeMap<String, Open>>,
}

struct Open {
    config: Config,
    /// The middlewares of the configuration in force hold it.
    store: Weak<Store>,
}

/// A cache as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Of the middleware, with its provider.
    pub name: String,
    /// Answers stored.
    pub entries: u64,
    /// Bytes that they and what is known of others take.
    pub bytes: u64,
    /// Most bytes, with those of bodies on their way.
    pub limit: u64,
    /// Whether it may be purged through the API.
    pub purge: bool,
    /// Requests, by what became of them.
    pub requests: Vec<(&'static str, u64)>,
}

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purge {
    /// All.
    All,
    /// One address: host (lower-case, no port) and target.
    One(String, Vec<u8>),
    /// All addresses of a host whose targets begin so.
    Below(String, Vec<u8>),
}

impl Purge {
    /// What `url` says, as clients see it; one with `*` at its end means all that begin so.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (text, below) = match url.strip_suffix('*') {
            Some(text) => (text, true),
            None => (url, false),
        };
        let wrong = |why: &str| {
            Err(format!(
                "{url:?} is no address of a page: {why}; write for example https://example.com/news or https://example.com/news/*"
            ))
        };
        let parsed = match url::Url::parse(text) {
            Ok(parsed) => parsed,
            Err(error) => return wrong(&error.to_string()),
        };
        let Some(host) = parsed
            .host_str()
            .filter(|_| matches!(parsed.scheme(), "http" | "https"))
        else {
            return wrong("it must begin with http:// or https:// and a host");
        };
        // As it was written: a parser would change escapes and dots, and requests came as they were.
        let after = text.split_once("://").map_or("", |(_, after)| after);
        let target = after.find(['/', '?']).map_or("", |at| &after[at..]);
        let target = target.split('#').next().unwrap_or_default();
        let target = match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("/{target}"),
        };
        let (host, target) = (host.to_ascii_lowercase(), target.into_bytes());
        Ok(match below {
            true => Self::Below(host, target),
            false => Self::One(host, target),
        })
    }

    fn wants(&self, host: &[u8], target: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::One(of, one) => host == of.as_bytes() && target == one,
            Self::Below(of, start) => host == of.as_bytes() && target.starts_with(start),
        }
    }
}

impl Caches {
    /// None yet; their counters will be `metrics`'.
    pub fn new(metrics: Option<Arc<Metrics>>) -> Arc<Self> {
        Arc::new(Self {
            metrics,
            open: Mutex::default(),
        })
    }

    /// The cache of that name: the one that is open, unless its configuration changed.
    pub(super) fn open(
        &self,
        name: &str,
        config: &Config,
        longest: u64,
    ) -> Result<Arc<Store>, String> {
        let mut open = self.lock();
        open.retain(|_, open| open.store.strong_count() > 0);
        if let Some(open) = open.get(name).filter(|open| open.config == *config)
            && let Some(store) = open.store.upgrade()
        {
            return Ok(store);
        }
        let memory = config
            .store
            .as_ref()
            .and_then(|store| store.memory.as_ref());
        let limit = match memory.map_or("", |memory| memory.limit.as_str()) {
            "" => LIMIT,
            limit => limit
                .parse()
                .map_err(|error| format!("store.memory.limit: {error}"))?,
        };
        if limit < LEAST {
            return Err(format!(
                "store.memory.limit must be 1MiB or more, not {limit} bytes"
            ));
        }
        let counters = match &self.metrics {
            Some(metrics) => metrics.cache(name),
            None => Arc::new(CacheCounters::default()),
        };
        let store = Arc::new(Store::new(limit.bytes(), longest, counters)?);
        let opened = Open {
            config: config.clone(),
            store: Arc::downgrade(&store),
        };
        open.insert(name.to_owned(), opened);
        Ok(store)
    }

    /// All that are in use.
    pub fn list(&self) -> Vec<Listed> {
        let open = self.lock();
        let listed = open.iter().filter_map(|(name, open)| {
            let store = open.store.upgrade()?;
            let (entries, bytes) = store.size();
            Some(Listed {
                name: name.clone(),
                entries,
                bytes,
                limit: store.limit,
                purge: open.config.purge,
                requests: store.counters.results().collect(),
            })
        });
        listed.collect()
    }

    /// Forgets answers of the cache of that name, and says how many; `Err(Some(_))` where its configuration does not allow
    /// that, `Err(None)` where there is none.
    pub fn purge(&self, name: &str, purge: &Purge) -> Result<u64, Option<String>> {
        let (store, allowed) = {
            let open = self.lock();
            let open = open.get(name).ok_or(None)?;
            (open.store.upgrade().ok_or(None)?, open.config.purge)
        };
        if !allowed {
            return Err(Some(format!(
                "the middleware {name} does not allow it; set its option httpCache.purge"
            )));
        }
        Ok(store.purge(|host, target| purge.wants(host, target)))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses() {
        let one = |target: &str| Ok(Purge::One("a.test".to_owned(), target.into()));
        assert_eq!(Purge::parse("http://A.test/x?y#z"), one("/x?y"));
        assert_eq!(Purge::parse("https://a.test:8443/%41/"), one("/%41/"));
        assert_eq!(Purge::parse("https://a.test"), one("/"));
        assert_eq!(Purge::parse("https://a.test?x"), one("/?x"));
        let below = Purge::parse("https://a.test/news/*").unwrap();
        assert!(below.wants(b"a.test", b"/news/1") && !below.wants(b"b.test", b"/news/1"));
        assert!(!below.wants(b"a.test", b"/new"));
        for bad in ["", "*", "/news", "a.test/news", "ftp://a.test/", "http://"] {
            assert!(Purge::parse(bad).is_err(), "{bad}");
        }
    }
}
