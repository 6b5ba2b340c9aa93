//! Matchers of v3 rules.

use super::leaf::{HeaderTest, HttpLeaf, PathTest, ValueTest};
use crate::rule::ast::Call;
use crate::rule::error::{Fault, go_quote};
use crate::rule::host::HostPattern;
use crate::rule::ip::IpSet;
use crate::rule::regexp::GoRegexp;

/// Compiles one call. Its arguments are there and none is empty.
pub(super) fn leaf(call: &Call) -> Result<HttpLeaf, Fault> {
    match call.name {
        "ClientIP" => {
            one(call)?;
            let set = IpSet::new(&call.args);
            Ok(HttpLeaf::ClientIp(set.map_err(|fault| {
                fault.prefixed("initializing IP checker for ClientIP matcher: ")
            })?))
        }
        "Method" => Ok(HttpLeaf::Method([one(call)?.to_uppercase().into()].into())),
        "Host" => host(one(call)?),
        "HostRegexp" => host_regexp(one(call)?),
        "Path" => Ok(HttpLeaf::Path(
            [PathTest::Exact(absolute(one(call)?)?)].into(),
        )),
        "PathPrefix" => Ok(HttpLeaf::Path(
            [PathTest::Prefix(absolute(one(call)?)?)].into(),
        )),
        // The name in this message is Traefik's slip, kept because texts are compared.
        "PathRegexp" => Ok(HttpLeaf::Path(
            [PathTest::Regexp(regexp(one(call)?, "PathPrefix")?)].into(),
        )),
        "Header" => {
            let (name, value) = two(call)?;
            Ok(HttpLeaf::Headers(
                [HeaderTest::new(name, ValueTest::Is(value.into()))].into(),
            ))
        }
        "HeaderRegexp" => {
            let (name, value) = two(call)?;
            Ok(HttpLeaf::Headers(
                [HeaderTest::new(
                    name,
                    ValueTest::Regexp(regexp(value, call.name)?),
                )]
                .into(),
            ))
        }
        "Query" | "QueryRegexp" => query(call),
        _ => Err(Fault::new(format!("unsupported function: {}", call.name))),
    }
}

fn one(call: &Call) -> Result<&str, Fault> {
    match call.args.as_slice() {
        [only] => Ok(only),
        args => Err(wrong_number(args.len(), "1").hint(match call.name {
            "Host" | "Path" | "PathPrefix" | "Method" | "ClientIP" | "HostRegexp" => {
                format!("v3 rules take one value: {0}(`a`) || {0}(`b`)", call.name)
            }
            name => format!("{name} takes one value"),
        })),
    }
}

fn two(call: &Call) -> Result<(&str, &str), Fault> {
    match call.args.as_slice() {
        [name, value] => Ok((name, value)),
        args => Err(wrong_number(args.len(), "2").hint(format!("{}(`name`, `value`)", call.name))),
    }
}

fn wrong_number(got: usize, expected: &str) -> Fault {
    Fault::new(format!(
        "unexpected number of parameters; got {got}, expected one of [{expected}]"
    ))
}

fn host(text: &str) -> Result<HttpLeaf, Fault> {
    ascii(text, "Host")?;
    Ok(HttpLeaf::Host(HostPattern::new(text)))
}

fn host_regexp(text: &str) -> Result<HttpLeaf, Fault> {
    ascii(text, "HostRegexp")?;
    let expression = regexp(text, "HostRegexp")?;
    let empty = expression.is_match("");
    Ok(HttpLeaf::HostRegexp { expression, empty })
}

pub(super) fn ascii(text: &str, matcher: &str) -> Result<(), Fault> {
    match text.is_ascii() {
        true => Ok(()),
        false => Err(Fault::new(format!(
            "invalid value {} for {matcher} matcher, non-ASCII characters are not allowed",
            go_quote(text)
        ))
        .hint("write the name in its ASCII form (xn--…)")),
    }
}

fn absolute(path: &str) -> Result<Box<[u8]>, Fault> {
    match path.starts_with('/') {
        true => Ok(path.as_bytes().into()),
        false => Err(Fault::new(format!(
            "path {} does not start with a '/'",
            go_quote(path)
        ))),
    }
}

fn regexp(text: &str, matcher: &str) -> Result<GoRegexp, Fault> {
    GoRegexp::new(text).map_err(|error| Fault::new(format!("compiling {matcher} matcher: {error}")))
}

/// One value means a parameter without one, for both matchers.
fn query(call: &Call) -> Result<HttpLeaf, Fault> {
    let (name, value) = match call.args.as_slice() {
        [name] => (name, ValueTest::Is("".into())),
        [name, value] if call.name == "Query" => (name, ValueTest::Is(value.as_str().into())),
        [name, value] => (name, ValueTest::Regexp(regexp(value, call.name)?)),
        args => {
            return Err(
                wrong_number(args.len(), "1 2").hint(format!("{}(`name`, `value`)", call.name))
            );
        }
    };
    Ok(HttpLeaf::Query {
        name: name.as_str().into(),
        value,
    })
}
