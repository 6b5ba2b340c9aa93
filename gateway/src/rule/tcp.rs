//! TCP rules: from text to a matcher of connections.

use std::net::IpAddr;

use super::Syntax;
use super::ast::{self, Call, Expr};
use super::error::{Fault, RuleError, go_quote};
use super::host::HostPattern;
use super::http::{Part, Template};
use super::ip::IpSet;
use super::regexp::GoRegexp;
use super::tree::{Leaf, Tree, check_arguments};

/// A rule ready to be matched against connections.
pub type Matcher = Tree<TcpLeaf>;

/// The matchers of TCP rules, in both syntaxes.
pub const MATCHERS: [&str; 4] = ["ALPN", "ClientIP", "HostSNI", "HostSNIRegexp"];

/// The protocol of ACME's TLS-ALPN-01 challenge, which routers must not take.
const ACME_TLS: &str = "acme-tls/1";

/// What a new connection shows to rules.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionView<'a> {
    /// The server name of the ClientHello, lower-case; empty for plain connections and where the client sent none.
    pub server_name: &'a str,
    /// The protocols that the client offers, in its order.
    pub alpn: &'a [&'a [u8]],
    /// The address of the peer, or the one that the PROXY protocol told.
    pub client_ip: Option<IpAddr>,
}

/// One matcher.
#[derive(Debug, Clone)]
pub enum TcpLeaf {
    /// `HostSNI` of v3, without a trailing dot.
    HostSni(HostPattern),
    /// `HostSNI` of v2: names without wildcards, lower-case and as written; `*` among them takes every name.
    HostSniNames {
        names: Box<[Box<str>]>,
        first_is_star: bool,
    },
    HostSniRegexp(Box<[GoRegexp]>),
    Alpn(Box<[Box<str>]>),
    ClientIp(IpSet),
}

impl Leaf for TcpLeaf {
    type View<'a> = ConnectionView<'a>;

    fn matches(&self, view: &ConnectionView<'_>) -> bool {
        let name = view.server_name;
        match self {
            Self::HostSni(HostPattern::Star) => true,
            Self::HostSni(pattern) => !name.is_empty() && pattern.matches_exactly(name),
            Self::HostSniNames {
                first_is_star: true,
                ..
            } => true,
            Self::HostSniNames { names, .. } => {
                !name.is_empty() && names.iter().any(|wanted| v2_name_matches(wanted, name))
            }
            Self::HostSniRegexp(expressions) => expressions
                .iter()
                .any(|expression| expression.is_match(name)),
            Self::Alpn(protocols) => view.alpn.iter().any(|offered| {
                protocols
                    .iter()
                    .any(|protocol| protocol.as_bytes() == *offered)
            }),
            Self::ClientIp(set) => view.client_ip.is_some_and(|address| set.contains(address)),
        }
    }

    fn saw(&self, view: &ConnectionView<'_>) -> String {
        match self {
            Self::HostSni(_) | Self::HostSniNames { .. } | Self::HostSniRegexp(_) => {
                match view.server_name {
                    "" => "no server name".into(),
                    name => format!("server name {name}"),
                }
            }
            Self::Alpn(_) if view.alpn.is_empty() => "no protocols".into(),
            Self::Alpn(_) => {
                let protocols: Vec<_> = view
                    .alpn
                    .iter()
                    .map(|protocol| String::from_utf8_lossy(protocol))
                    .collect();
                format!("protocols {}", protocols.join(", "))
            }
            Self::ClientIp(_) => view
                .client_ip
                .map_or("no client address".into(), |address| {
                    format!("client {address}")
                }),
        }
    }
}

fn v2_name_matches(wanted: &str, name: &str) -> bool {
    wanted == "*"
        || wanted == name
        || wanted
            .strip_suffix('.')
            .is_some_and(|wanted| wanted == name)
}

/// Parses `rule` without looking at the arguments of its matchers.
pub fn parse(rule: &str) -> Result<Expr, RuleError> {
    ast::parse(rule, &MATCHERS).map_err(|mut fault| {
        // Where HTTP names the reason, TCP does not.
        let prefix = match fault.message == ast::NO_TREE {
            true => {
                fault.message.clear();
                format!("error while parsing rule {rule}")
            }
            false => format!("error while parsing rule {rule}: "),
        };
        RuleError::wrap(rule, &prefix, fault)
    })
}

/// Parses and compiles `rule`.
pub fn compile(rule: &str, syntax: Syntax) -> Result<Matcher, RuleError> {
    let expr = parse(rule)?;
    let leaf = |call: &Call| {
        check_arguments(call)?;
        match syntax {
            Syntax::V2 => leaf_v2(call),
            Syntax::V3 => leaf_v3(call),
        }
    };
    Tree::compile(&expr, &leaf, &|fault, _| fault)
        .map_err(|fault| RuleError::wrap(rule, &format!("error while adding rule {rule}: "), fault))
}

/// Whether `rule` is exactly ``HostSNI(`*`)``, which takes what no other router does.
pub fn is_catch_all(rule: &str) -> bool {
    // Traefik looks at the matcher alone, so `!` changes nothing here.
    fn star(expr: &Expr) -> bool {
        match expr {
            Expr::Matcher(call) => call.name == "HostSNI" && call.args == ["*"],
            Expr::Not(inner) => star(inner),
            Expr::And(_) | Expr::Or(_) => false,
        }
    }
    ast::parse(rule, &["HostSNI"]).is_ok_and(|expr| star(&expr))
}

/// The priority of a router that sets none: the length of its rule in bytes, and -1 for the catch-all.
pub fn default_priority(rule: &str) -> i64 {
    match is_catch_all(rule) {
        true => -1,
        false => super::http::default_priority(rule),
    }
}

/// The names in the rule's `HostSNI` matchers, lower-case and in order, whatever the operators around them.
pub fn domains(rule: &str) -> Result<Vec<String>, RuleError> {
    ast::parse(rule, &MATCHERS)
        .map(|expr| expr.values_of("HostSNI"))
        .map_err(|fault| RuleError::wrap(rule, "", fault))
}

fn leaf_v3(call: &Call) -> Result<TcpLeaf, Fault> {
    let [value] = call.args.as_slice() else {
        return Err(Fault::new(format!(
            "unexpected number of parameters; got {}, expected 1",
            call.args.len()
        ))
        .hint(format!(
            "v3 rules take one value: {0}(`a`) || {0}(`b`)",
            call.name
        )));
    };
    match call.name {
        "ALPN" if value == ACME_TLS => Err(Fault::new(format!(
            "invalid protocol value for ALPN matcher, {} is not allowed",
            go_quote(value)
        ))),
        "ALPN" => Ok(TcpLeaf::Alpn([value.as_str().into()].into())),
        "ClientIP" => {
            let set = IpSet::new(&call.args);
            Ok(TcpLeaf::ClientIp(set.map_err(|fault| {
                fault.prefixed("initializing IP checker for ClientIP matcher: ")
            })?))
        }
        "HostSNI" => host_sni(value),
        "HostSNIRegexp" if !value.is_ascii() => Err(Fault::new(format!(
            "invalid value for HostSNIRegexp matcher, {} is not a valid hostname",
            go_quote(value)
        ))),
        "HostSNIRegexp" => {
            let expression = GoRegexp::new(value)
                .map_err(|error| Fault::new(format!("compiling HostSNIRegexp matcher: {error}")))?;
            Ok(TcpLeaf::HostSniRegexp([expression].into()))
        }
        _ => Err(Fault::new(format!("unsupported function: {}", call.name))),
    }
}

fn host_sni(value: &str) -> Result<TcpLeaf, Fault> {
    if value == "*" {
        return Ok(TcpLeaf::HostSni(HostPattern::Star));
    }
    if !is_name_or_address(value.strip_prefix("*.").unwrap_or(value)) {
        return Err(Fault::new(format!(
            "invalid value for HostSNI matcher, {} is not a valid hostname",
            go_quote(value)
        ))
        .hint("write a name in its ASCII form, *.name, or * for every connection"));
    }
    Ok(TcpLeaf::HostSni(HostPattern::new(
        value.strip_suffix('.').unwrap_or(value),
    )))
}

/// Letters, digits, `_`, `.`, `-` and `:`, as Traefik allows.
fn is_name_or_address(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b':'))
}

fn leaf_v2(call: &Call) -> Result<TcpLeaf, Fault> {
    match call.name {
        "ALPN" if call.args.iter().any(|protocol| protocol == ACME_TLS) => {
            Err(Fault::new(format!(
                "invalid protocol value for \"ALPN\" matcher, {} is not allowed",
                go_quote(ACME_TLS)
            )))
        }
        "ALPN" => Ok(TcpLeaf::Alpn(
            call.args
                .iter()
                .map(|protocol| protocol.as_str().into())
                .collect(),
        )),
        "ClientIP" => {
            let set = IpSet::new(&call.args);
            Ok(TcpLeaf::ClientIp(set.map_err(|fault| {
                fault.prefixed("could not initialize IP Checker for \"ClientIP\" matcher: ")
            })?))
        }
        "HostSNI" => {
            if let Some(bad) = call
                .args
                .iter()
                .find(|name| *name != "*" && !is_name_or_address(name))
            {
                return Err(Fault::new(format!(
                    "invalid value for \"HostSNI\" matcher, {} is not a valid hostname or IP",
                    go_quote(bad)
                )));
            }
            let names: Box<[Box<str>]> = call
                .args
                .iter()
                .map(|name| name.to_ascii_lowercase().into())
                .collect();
            let first_is_star = names.first().is_some_and(|name| **name == *"*");
            Ok(TcpLeaf::HostSniNames {
                names,
                first_is_star,
            })
        }
        "HostSNIRegexp" => {
            let expression = |text: &String| {
                let template = Template::new(text, Part::Host).map_err(|fault| {
                    let prefix = format!("invalid pattern value for \"HostSNIRegexp\" matcher, {} is not a valid pattern: ", go_quote(text));
                    fault.prefixed(&prefix)
                })?;
                template.compile()
            };
            Ok(TcpLeaf::HostSniRegexp(
                call.args.iter().map(expression).collect::<Result<_, _>>()?,
            ))
        }
        _ => Err(Fault::new(format!("unsupported function: {}", call.name))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn matches(rule: &str, syntax: Syntax, server_name: &str, alpn: &[&[u8]]) -> bool {
        let client_ip = Some([127, 0, 0, 2].into());
        let view = ConnectionView {
            server_name,
            alpn,
            client_ip,
        };
        compile(rule, syntax).expect(rule).matches(&view)
    }

    #[test]
    fn v3_matchers() {
        let name = |rule, name| matches(rule, Syntax::V3, name, &[]);
        assert!(name("HostSNI(`*`)", "") && name("HostSNI(`*`)", "a.test"));
        assert!(name("HostSNI(`A.Test.`)", "a.test") && !name("HostSNI(`a.test`)", ""));
        assert!(name("HostSNI(`*.test`)", "a.test") && !name("HostSNI(`*.test`)", "x.a.test"));
        assert!(name("HostSNIRegexp(`^.+\\.test$`)", "a.test"));
        assert!(name(
            "!HostSNI(`a.test`) && ClientIP(`127.0.0.2/32`)",
            "b.test"
        ));
        assert!(matches("ALPN(`h2`)", Syntax::V3, "", &[b"http/1.1", b"h2"]));
        assert!(!matches("ALPN(`h2`)", Syntax::V3, "", &[]));
    }

    #[test]
    fn v2_matchers() {
        let name = |rule, name| matches(rule, Syntax::V2, name, &[]);
        assert!(name("HostSNI(`a.test`, `B.test`)", "b.test"));
        assert!(name("HostSNI(`*`, `a.test`)", "") && !name("HostSNI(`a.test`, `*`)", ""));
        assert!(name("HostSNIRegexp(`{sub:[a-z]+}.c.test`)", "x.c.test"));
        assert!(!name("HostSNIRegexp(`{sub:[a-z]+}.c.test`)", "1.c.test"));
        assert!(matches("ALPN(`h2`, `x`)", Syntax::V2, "", &[b"x"]));
    }

    #[test]
    fn the_catch_all_comes_last() {
        for (rule, priority) in [
            ("HostSNI(`*`)", -1),
            ("(hostsni(`*`))", -1),
            ("!HostSNI(`*`)", -1),
            ("HostSNI(`*`) && ClientIP(`::1`)", 31),
            ("HostSNI(`a`)", 12),
        ] {
            assert_eq!(default_priority(rule), priority, "{rule}");
            assert_eq!(is_catch_all(rule), priority == -1, "{rule}");
        }
    }

    #[test]
    fn errors_are_those_of_traefik() {
        let cases = [
            (
                "HostSNI(`*`",
                "error while parsing rule %: 1:12: missing ',' before newline in argument list",
            ),
            (
                "Host(`a`)",
                "error while parsing rule %: unsupported function: Host",
            ),
            ("`a`", "error while parsing rule %"),
            (
                "HostSNI()",
                "error while adding rule %: no args for matcher HostSNI",
            ),
            (
                "HostSNI(`a`, `b`)",
                "error while adding rule %: unexpected number of parameters; got 2, expected 1",
            ),
            (
                "HostSNI(`ä`)",
                "error while adding rule %: invalid value for HostSNI matcher, \"ä\" is not a valid hostname",
            ),
            (
                "ALPN(`acme-tls/1`)",
                "error while adding rule %: invalid protocol value for ALPN matcher, \"acme-tls/1\" is not allowed",
            ),
        ];
        for (rule, text) in cases {
            let error = compile(rule, Syntax::V3).expect_err(rule).to_string();
            assert_eq!(error, text.replace('%', rule));
        }
    }

    #[test]
    fn domains_are_lower_case() {
        assert_eq!(
            domains("HostSNI(`A.test`) || HostSNI(`*`) || !HostSNI(`b.test`)").unwrap(),
            ["a.test", "*"]
        );
    }
}
