//! Matchers of v2 rules, which take lists and templates.

use super::leaf::{HeaderTest, HttpLeaf, PathTest, QueryTemplate, ValueTest};
use super::template::{Part, Template};
use crate::rule::ast::Call;
use crate::rule::error::{Fault, go_quote};
use crate::rule::ip::IpSet;
use crate::rule::regexp::GoRegexp;

/// Compiles one call. Its arguments are there and none is empty.
pub(super) fn leaf(call: &Call) -> Result<HttpLeaf, Fault> {
    match call.name {
        "Host" | "HostHeader" => {
            let names = call
                .args
                .iter()
                .map(|name| ascii(name, "\"Host\"").map(|()| name.to_ascii_lowercase().into()));
            Ok(HttpLeaf::HostNames(names.collect::<Result<_, _>>()?))
        }
        "HostRegexp" => {
            let template = |text: &String| {
                ascii(text, "HostRegexp")?;
                Template::new(text, Part::Host)?.compile()
            };
            Ok(HttpLeaf::HostTemplates(
                call.args.iter().map(template).collect::<Result<_, _>>()?,
            ))
        }
        "ClientIP" => {
            let set = IpSet::new(&call.args);
            Ok(HttpLeaf::ClientIp(set.map_err(|fault| {
                fault.prefixed("could not initialize IP Checker for \"ClientIP\" matcher: ")
            })?))
        }
        "Path" => paths(call, Part::Path),
        "PathPrefix" => paths(call, Part::PathPrefix),
        "Method" => Ok(HttpLeaf::Method(
            call.args
                .iter()
                .map(|method| method.to_uppercase().into())
                .collect(),
        )),
        "Headers" => headers(call, |value| Ok(ValueTest::Is(value.into()))),
        "HeadersRegexp" => headers(call, |value| {
            GoRegexp::new(value)
                .map(ValueTest::Regexp)
                .map_err(|error| Fault::new(error.to_string()))
        }),
        "Query" => query(call),
        _ => Err(Fault::new(format!("unsupported function: {}", call.name))),
    }
}

fn ascii(text: &str, matcher: &str) -> Result<(), Fault> {
    super::v3::ascii(text, matcher)
}

fn paths(call: &Call, part: Part) -> Result<HttpLeaf, Fault> {
    let test = |text: &String| {
        if !text.starts_with('/') {
            return Err(Fault::new(format!(
                "mux: path must start with a slash, got {}",
                go_quote(text)
            )));
        }
        let template = Template::new(text, part)?;
        // As an expression U+FFFD also stands for a byte that is no character; plain text would not.
        Ok(
            match (
                template.names.is_empty() && !text.contains('\u{fffd}'),
                part,
            ) {
                (true, Part::PathPrefix) => PathTest::Prefix(text.as_bytes().into()),
                (true, _) => PathTest::Exact(text.as_bytes().into()),
                (false, _) => PathTest::Regexp(template.compile()?),
            },
        )
    };
    Ok(HttpLeaf::Path(
        call.args.iter().map(test).collect::<Result<_, _>>()?,
    ))
}

fn headers(
    call: &Call,
    value: impl Fn(&str) -> Result<ValueTest, Fault>,
) -> Result<HttpLeaf, Fault> {
    let pairs = call.args.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(odd(&call.args));
    }
    let mut tests: Vec<(&String, HeaderTest)> = Vec::new();
    for pair in pairs {
        if let [name, text] = pair {
            // The last one of a name counts, as in Go's map.
            tests.retain(|(earlier, _)| *earlier != name);
            tests.push((name, HeaderTest::new(name, value(text)?)));
        }
    }
    Ok(HttpLeaf::Headers(
        tests.into_iter().map(|(_, test)| test).collect(),
    ))
}

fn odd(parameters: &[impl AsRef<str>]) -> Fault {
    let parameters: Vec<_> = parameters.iter().map(AsRef::as_ref).collect();
    Fault::new(format!(
        "mux: number of parameters must be multiple of 2, got [{}]",
        parameters.join(" ")
    ))
    .hint("names and values come in pairs")
}

/// `name=value` as one argument or as two.
fn query(call: &Call) -> Result<HttpLeaf, Fault> {
    let parts: Vec<&str> = call
        .args
        .iter()
        .flat_map(|arg| arg.splitn(2, '='))
        .collect();
    let pairs = parts.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(odd(&parts).hint("write `name=value`, or `name=` for any value"));
    }
    let mut names: Vec<String> = Vec::new();
    let mut templates = Vec::new();
    for pair in pairs {
        let text = pair.join("=");
        let template = Template::new(&text, Part::Query)?;
        if let Some(twice) = template
            .names
            .iter()
            .find(|name| names.iter().any(|earlier| earlier == *name))
        {
            return Err(Fault::new(format!(
                "mux: duplicated route variable {}",
                go_quote(twice)
            )));
        }
        names.extend(template.names.iter().map(|name| (*name).to_owned()));
        let name = text.split('=').next().unwrap_or_default().into();
        templates.push(QueryTemplate {
            name,
            expression: template.compile()?,
        });
    }
    Ok(HttpLeaf::QueryTemplates(templates.into()))
}
