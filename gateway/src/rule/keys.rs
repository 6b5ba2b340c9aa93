//! What a request must have for a rule to match at all: the keys under which a table of routes files the rule.
//!
//! Keys are coarser than the matchers, never finer: a table that looks at the rules under a request's keys, and at those
//! without keys, sees every rule that can match it.

use super::host::{HostPattern, first_label};
use super::http::{HttpLeaf, PathTest, RequestView};
use super::tcp::{ConnectionView, TcpLeaf};
use super::tree::{Leaf, Tree};

/// A name that a rule asks for, without trailing dots.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostKey {
    Exact(String),
    /// One label before this suffix, which has no dot in front.
    Wildcard(String),
}

/// A path that a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathKey {
    Exact(Vec<u8>),
    Prefix(Vec<u8>),
}

/// A kind of matcher whose rules a table can file by host and path.
pub trait Keyed: Leaf {
    /// Hosts of which the request's is one wherever this matcher matches; none when it takes any.
    fn host_keys(&self) -> Option<Vec<HostKey>>;

    /// Paths of which the request's is one, or starts with one, wherever this matcher matches; none when it takes any.
    fn path_keys(&self) -> Option<Vec<PathKey>>;

    /// The names that a view is known by.
    fn hosts<'v>(view: &'v Self::View<'_>) -> (&'v str, Option<&'v str>);

    /// The path of a view; layers without paths have the empty one.
    fn path<'v>(view: &'v Self::View<'_>) -> &'v [u8];
}

impl<L: Keyed> Tree<L> {
    /// Hosts of which the request's is one wherever the rule matches; none when the rule takes any.
    pub fn host_keys(&self) -> Option<Vec<HostKey>> {
        keys(self, &L::host_keys)
    }

    /// The same for paths.
    pub fn path_keys(&self) -> Option<Vec<PathKey>> {
        keys(self, &L::path_keys)
    }
}

/// Collects keys: of `&&` the shortest list of any part, of `||` all lists, if every part has one.
fn keys<L, K: Ord>(tree: &Tree<L>, of: &impl Fn(&L) -> Option<Vec<K>>) -> Option<Vec<K>> {
    let mut found: Vec<K> = match tree {
        Tree::Test(test) if test.negated() => return None,
        Tree::Test(test) => of(test.leaf())?,
        Tree::All(children) => children
            .iter()
            .filter_map(|child| keys(child, of))
            .min_by_key(Vec::len)?,
        Tree::Any(children) => children
            .iter()
            .map(|child| keys(child, of))
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect(),
    };
    found.sort_unstable();
    found.dedup();
    Some(found)
}

/// The keys that find `host`: the name itself, and what follows its first label.
pub fn keys_of_host(host: &str) -> (&str, Option<&str>) {
    let name = host.trim_end_matches('.');
    (name, first_label(name).1.strip_prefix('.'))
}

fn pattern_key(pattern: &HostPattern) -> Option<Vec<HostKey>> {
    match pattern {
        HostPattern::Exact(name) => exact(name).map(|key| vec![key]),
        HostPattern::Wildcard(suffix) => {
            let suffix = suffix.strip_prefix('.')?.trim_end_matches('.');
            (!suffix.is_empty()).then(|| vec![HostKey::Wildcard(suffix.to_owned())])
        }
        HostPattern::Star => None,
        HostPattern::Never => Some(Vec::new()),
    }
}

fn exact(name: &str) -> Option<HostKey> {
    let name = name.trim_end_matches('.');
    (!name.is_empty()).then(|| HostKey::Exact(name.to_owned()))
}

impl Keyed for HttpLeaf {
    fn host_keys(&self) -> Option<Vec<HostKey>> {
        match self {
            Self::Host(pattern) => pattern_key(pattern),
            Self::HostNames(names) => names.iter().map(|name| exact(name)).collect(),
            _ => None,
        }
    }

    fn path_keys(&self) -> Option<Vec<PathKey>> {
        match self {
            Self::Path(tests) => tests.iter().map(path_key).collect(),
            _ => None,
        }
    }

    fn hosts<'v>(view: &'v RequestView<'_>) -> (&'v str, Option<&'v str>) {
        (view.host, view.flat_host)
    }

    fn path<'v>(view: &'v RequestView<'_>) -> &'v [u8] {
        view.path
    }
}

fn path_key(test: &PathTest) -> Option<PathKey> {
    match test {
        PathTest::Exact(path) => Some(PathKey::Exact(path.to_vec())),
        PathTest::Prefix(path) => Some(PathKey::Prefix(path.to_vec())),
        // U+FFFD may stand for a byte of the request that is no character.
        PathTest::Regexp(expression) => {
            let text = expression
                .literal_prefix()
                .filter(|text| !text.contains('\u{fffd}'))?;
            Some(PathKey::Prefix(text.as_bytes().to_vec()))
        }
    }
}

impl Keyed for TcpLeaf {
    fn host_keys(&self) -> Option<Vec<HostKey>> {
        match self {
            Self::HostSni(pattern) => pattern_key(pattern),
            Self::HostSniNames { names, .. } if names.iter().any(|name| **name == *"*") => None,
            Self::HostSniNames { names, .. } => names.iter().map(|name| exact(name)).collect(),
            _ => None,
        }
    }

    fn path_keys(&self) -> Option<Vec<PathKey>> {
        None
    }

    fn hosts<'v>(view: &'v ConnectionView<'_>) -> (&'v str, Option<&'v str>) {
        (view.server_name, None)
    }

    fn path<'v>(_: &'v ConnectionView<'_>) -> &'v [u8] {
        b""
    }
}
