//! What one HTTP matcher tests, in either syntax.

use http::HeaderName;
use http::header::{HOST, TRAILER, TRANSFER_ENCODING};

use super::RequestView;
use crate::rule::host::HostPattern;
use crate::rule::ip::IpSet;
use crate::rule::query;
use crate::rule::regexp::GoRegexp;
use crate::rule::secret::is_secret;
use crate::rule::tree::Leaf;

/// One matcher. Lists of alternatives have one entry in v3 syntax.
#[derive(Debug, Clone)]
pub enum HttpLeaf {
    /// `Host` of v3.
    Host(HostPattern),
    /// `Host` and `HostHeader` of v2: names without wildcards, lower-case.
    HostNames(Box<[Box<str>]>),
    /// `HostRegexp` of v3; `empty` when the expression also matches no text.
    HostRegexp {
        expression: GoRegexp,
        empty: bool,
    },
    /// `HostRegexp` of v2.
    HostTemplates(Box<[GoRegexp]>),
    /// Upper-case methods.
    Method(Box<[Box<str>]>),
    Path(Box<[PathTest]>),
    /// All of these fields must be there.
    Headers(Box<[HeaderTest]>),
    Query {
        name: Box<str>,
        value: ValueTest,
    },
    /// `Query` of v2: all of these must match.
    QueryTemplates(Box<[QueryTemplate]>),
    ClientIp(IpSet),
}

/// A test of the path.
#[derive(Debug, Clone)]
pub enum PathTest {
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Regexp(GoRegexp),
}

/// A field and what one of its values has to be. No name: rules can never see such a field.
#[derive(Debug, Clone)]
pub struct HeaderTest {
    pub(super) name: Option<HeaderName>,
    pub(super) value: ValueTest,
}

/// A test of a header's or parameter's value.
#[derive(Debug, Clone)]
pub enum ValueTest {
    Is(Box<str>),
    Regexp(GoRegexp),
}

/// `name=template` of v2: the expression is matched against the name and the parameter's first value.
#[derive(Debug, Clone)]
pub struct QueryTemplate {
    pub(super) name: Box<str>,
    pub(super) expression: GoRegexp,
}

impl Leaf for HttpLeaf {
    type View<'a> = RequestView<'a>;

    fn matches(&self, view: &RequestView<'_>) -> bool {
        match self {
            Self::Host(pattern) => host_matches(pattern, view),
            Self::HostNames(names) => host_name_matches(names, view),
            // Without an alias Traefik also tries the expression on no text at all.
            Self::HostRegexp { expression, empty } => {
                expression.is_match(view.host)
                    || view
                        .flat_host
                        .map_or(*empty, |flat| expression.is_match(flat))
            }
            Self::HostTemplates(expressions) => expressions
                .iter()
                .any(|expression| expression.is_match(view.host)),
            Self::Method(methods) => methods.iter().any(|method| **method == *view.method),
            Self::Path(tests) => tests.iter().any(|test| test.matches(view.path)),
            Self::Headers(tests) => tests.iter().all(|test| test.matches(view)),
            Self::Query { name, value } => query::values(view.query.unwrap_or_default(), name)
                .any(|found| value.matches_encoded(found)),
            Self::QueryTemplates(templates) => {
                templates.iter().all(|template| template.matches(view))
            }
            Self::ClientIp(set) => view.client_ip.is_some_and(|address| set.contains(address)),
        }
    }

    fn saw(&self, view: &RequestView<'_>) -> String {
        match self {
            Self::Host(_)
            | Self::HostNames(_)
            | Self::HostRegexp { .. }
            | Self::HostTemplates(_) => match view.flat_host {
                None if view.host.is_empty() => "no host".into(),
                None => format!("host {}", view.host),
                Some(flat) => format!("host {}, an alias of {flat}", view.host),
            },
            Self::Method(_) => format!("method {}", view.method),
            Self::Path(_) => format!("path {}", String::from_utf8_lossy(view.path)),
            Self::Headers(tests) => tests
                .iter()
                .map(|test| test.saw(view))
                .collect::<Vec<_>>()
                .join(", "),
            Self::Query { name, .. } => saw_parameter(view, name),
            Self::QueryTemplates(templates) => templates
                .iter()
                .map(|template| saw_parameter(view, &template.name))
                .collect::<Vec<_>>()
                .join(", "),
            Self::ClientIp(_) => view
                .client_ip
                .map_or("no client address".into(), |address| {
                    format!("client {address}")
                }),
        }
    }
}

fn host_matches(pattern: &HostPattern, view: &RequestView<'_>) -> bool {
    if *pattern == HostPattern::Star {
        return true;
    }
    if view.host.is_empty() {
        return false;
    }
    match view.flat_host {
        // With an alias, neither side's trailing dot is forgiven.
        Some(flat) => pattern.matches_exactly(view.host) || pattern.matches_exactly(flat),
        None => pattern.matches_dotted(view.host),
    }
}

fn host_name_matches(names: &[Box<str>], view: &RequestView<'_>) -> bool {
    let host = view.host;
    if host.is_empty() {
        return false;
    }
    if let Some(flat) = view.flat_host {
        return names.iter().any(|name| **name == *host || **name == *flat);
    }
    names.iter().map(|name| &**name).any(|name| {
        name == host
            || name.strip_suffix('.').is_some_and(|name| name == host)
            || host.strip_suffix('.').is_some_and(|host| name == host)
    })
}

impl PathTest {
    fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => path == &**exact,
            Self::Prefix(prefix) => path.starts_with(prefix),
            Self::Regexp(expression) => expression.is_match_bytes(path),
        }
    }
}

impl HeaderTest {
    pub(super) fn new(name: &str, value: ValueTest) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).ok();
        Self {
            name: name.filter(|name| ![HOST, TRAILER, TRANSFER_ENCODING].contains(name)),
            value,
        }
    }

    fn matches(&self, view: &RequestView<'_>) -> bool {
        let values = self.name.as_ref().map(|name| view.headers.get_all(name));
        values.is_some_and(|values| {
            values
                .iter()
                .any(|value| self.value.matches(value.as_bytes()))
        })
    }

    fn saw(&self, view: &RequestView<'_>) -> String {
        let Some(name) = &self.name else {
            return "a field that rules never see".into();
        };
        let values: Vec<_> = view
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        match values.is_empty() {
            true => format!("no {name}"),
            false if is_secret(name.as_str()) => format!("{name}: (not shown)"),
            false => format!("{name}: {}", values.join(" | ")),
        }
    }
}

impl ValueTest {
    fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Is(text) => text.as_bytes() == value,
            Self::Regexp(expression) => expression.is_match_bytes(value),
        }
    }

    /// The same for a parameter's value as it stands in the query.
    fn matches_encoded(&self, value: &str) -> bool {
        match self {
            Self::Is(text) => query::decoded_eq(value, text.as_bytes()),
            Self::Regexp(expression) => expression.is_match_bytes(&query::decode(value)),
        }
    }
}

impl QueryTemplate {
    fn matches(&self, view: &RequestView<'_>) -> bool {
        let Some(value) = query::values(view.query.unwrap_or_default(), &self.name).next() else {
            return self.expression.is_match("");
        };
        let mut pair = Vec::with_capacity(self.name.len() + 1 + value.len());
        pair.extend_from_slice(self.name.as_bytes());
        pair.push(b'=');
        pair.extend_from_slice(&query::decode(value));
        self.expression.is_match_bytes(&pair)
    }
}

fn saw_parameter(view: &RequestView<'_>, name: &str) -> String {
    let values: Vec<_> = query::values(view.query.unwrap_or_default(), name)
        .map(|value| String::from_utf8_lossy(&query::decode(value)).into_owned())
        .collect();
    match values.is_empty() {
        true => format!("no parameter {name}"),
        false if is_secret(name) => format!("{name}=(not shown)"),
        false => format!("{name}={}", values.join(" | ")),
    }
}
