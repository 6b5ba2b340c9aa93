//! HTTP rules: from text to a matcher of requests.

mod leaf;
mod migrate;
mod template;
#[cfg(test)]
mod tests;
mod v2;
mod v3;
mod view;

pub use leaf::{HeaderTest, HttpLeaf, PathTest, QueryTemplate, ValueTest};
pub use migrate::{templates_taken_literally, to_v3};
pub(super) use template::{Part, Template};
pub use view::RequestView;

use std::sync::LazyLock;

use super::Syntax;
use super::ast::{self, Call, Expr};
use super::error::{Fault, RuleError};
use super::tree::{Tree, check_arguments};

/// A rule ready to be matched against requests.
pub type Matcher = Tree<HttpLeaf>;

/// The matchers of v3 rules.
pub const MATCHERS: [&str; 11] = [
    "ClientIP",
    "Header",
    "HeaderRegexp",
    "Host",
    "HostRegexp",
    "Method",
    "Path",
    "PathPrefix",
    "PathRegexp",
    "Query",
    "QueryRegexp",
];
/// The matchers of v2 rules.
pub const MATCHERS_V2: [&str; 10] = [
    "ClientIP",
    "Headers",
    "HeadersRegexp",
    "Host",
    "HostHeader",
    "HostRegexp",
    "Method",
    "Path",
    "PathPrefix",
    "Query",
];

fn names(syntax: Syntax) -> &'static [&'static str] {
    match syntax {
        Syntax::V2 => &MATCHERS_V2,
        Syntax::V3 => &MATCHERS,
    }
}

/// Parses `rule` without looking at the arguments of its matchers.
pub fn parse(rule: &str, syntax: Syntax) -> Result<Expr, RuleError> {
    ast::parse(rule, names(syntax)).map_err(|fault| parse_error(rule, fault))
}

/// Parses and compiles `rule`.
pub fn compile(rule: &str, syntax: Syntax) -> Result<Matcher, RuleError> {
    let expr = parse(rule, syntax)?;
    let leaf = |call: &Call| -> Result<HttpLeaf, Fault> {
        let at = |fault: Fault, doing: &str| {
            fault.prefixed(&format!("error while {doing} rule {}: ", call.name))
        };
        check_arguments(call).map_err(|fault| at(fault, "checking"))?;
        match syntax {
            Syntax::V2 => v2::leaf(call),
            Syntax::V3 => v3::leaf(call),
        }
        .map_err(|fault| at(fault, "adding"))
    };
    let chained = |fault: Fault, operator: &str| {
        fault.prefixed(&format!("error while adding rule {operator}: "))
    };
    Tree::compile(&expr, &leaf, &chained).map_err(|fault| {
        RuleError::wrap(
            rule,
            &format!("error while parsing rule {rule}: adding rule {rule}: "),
            fault,
        )
    })
}

fn parse_error(rule: &str, fault: Fault) -> RuleError {
    let prefix = match fault.message == ast::NO_TREE {
        true => format!("error while parsing rule {rule}: "),
        false => format!("error while parsing rule {rule}: parsing rule {rule}: "),
    };
    RuleError::wrap(rule, &prefix, fault)
}

/// The priority of a router that sets none: the length of its rule in bytes, spaces and all.
pub fn default_priority(rule: &str) -> i64 {
    i64::try_from(rule.len()).unwrap_or(i64::MAX)
}

/// The names in the rule's `Host` matchers that must hold, lower-case and in order.
///
/// They decide which certificates are asked for and which TLS options belong to a name. The rule may use matchers of both
/// syntaxes, as in Traefik.
pub fn domains(rule: &str) -> Result<Vec<String>, RuleError> {
    static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let of_v2 = MATCHERS_V2.iter().filter(|name| !MATCHERS.contains(name));
        MATCHERS.iter().chain(of_v2).copied().collect()
    });
    let expr = ast::parse(rule, &NAMES).map_err(|fault| {
        RuleError::wrap(rule, &format!("error while parsing rule {rule}: "), fault)
    })?;
    Ok(expr.values_of("Host"))
}
