//! v2 rules in v3 syntax, for advice: what to write where somebody brings a rule of Traefik v2.

use super::template::{Part, Template};
use super::{Syntax, compile, parse};
use crate::rule::ast::{Call, Expr};

/// The rule in v3 syntax, where it is one of v2 and can be said there.
pub fn to_v3(rule: &str) -> Option<String> {
    compile(rule, Syntax::V2).ok()?;
    let expr = parse(rule, Syntax::V2).ok()?;
    let text = expression(&expr)?.to_string();
    compile(&text, Syntax::V3).ok()?;
    Some(text)
}

/// The first value with a `{name:expression}` of v2 in it which v3 takes for plain text, in a rule that v3 accepts.
pub fn templates_taken_literally(rule: &str) -> Option<String> {
    fn find(expr: &Expr) -> Option<String> {
        match expr {
            Expr::Matcher(call) => match call.name {
                "Host" | "HostRegexp" | "Path" | "PathPrefix" => {
                    call.args.iter().find(|value| is_template(value)).cloned()
                }
                _ => None,
            },
            Expr::Not(inner) => find(inner),
            Expr::And(children) | Expr::Or(children) => children.iter().find_map(find),
        }
    }
    find(&parse(rule, Syntax::V3).ok()?)
}

/// Whether a value has a variable in braces: a name, with or without an expression. `{2,3}` of expressions is none.
fn is_template(value: &str) -> bool {
    value.split('{').skip(1).any(|part| {
        let end = part.find(['}', ':', ',']).unwrap_or(0);
        let name = part.get(..end).unwrap_or_default();
        let closed = part.get(end..).is_some_and(|rest| !rest.starts_with(','));
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        closed && name.bytes().all(letter) && name.bytes().any(|byte| byte.is_ascii_alphabetic())
    })
}

fn expression(expr: &Expr) -> Option<Expr> {
    let all = |children: &[Expr]| children.iter().map(expression).collect::<Option<Vec<_>>>();
    Some(match expr {
        Expr::Matcher(call) => matcher(call)?,
        Expr::Not(inner) => Expr::Not(Box::new(expression(inner)?)),
        Expr::And(children) => Expr::And(all(children)?),
        Expr::Or(children) => Expr::Or(all(children)?),
    })
}

/// One v2 matcher takes several values, which v3 writes as several matchers.
fn matcher(call: &Call) -> Option<Expr> {
    let values = call.args.iter();
    match call.name {
        "Host" | "HostHeader" => any(values.map(|name| v3("Host", &[name]))),
        "HostRegexp" => any(
            values.map(|text| match Template::expression(text, Part::Host) {
                None => v3("Host", &[text]),
                Some(expression) => {
                    // Hosts are matched in lower case.
                    let meant = text.replace("A-Z", "");
                    let upper = meant.bytes().any(|byte| byte.is_ascii_uppercase());
                    let flag = if upper { "(?i)" } else { "" };
                    v3("HostRegexp", &[&format!("{flag}^{expression}$")])
                }
            }),
        ),
        "Path" => any(
            values.map(|text| match Template::expression(text, Part::Path) {
                None => v3("Path", &[text]),
                Some(expression) => v3("PathRegexp", &[&format!("^{expression}$")]),
            }),
        ),
        "PathPrefix" => {
            any(
                values.map(|text| match Template::expression(text, Part::PathPrefix) {
                    None => v3("PathPrefix", &[text]),
                    Some(expression) => v3("PathRegexp", &[&format!("^{expression}")]),
                }),
            )
        }
        "Method" => any(values.map(|method| v3("Method", &[method]))),
        "ClientIP" => any(values.map(|range| v3("ClientIP", &[range]))),
        "Headers" => every(pairs(call).map(|(name, value)| v3("Header", &[name, value]))),
        "HeadersRegexp" => {
            every(pairs(call).map(|(name, value)| v3("HeaderRegexp", &[name, value])))
        }
        "Query" => query(call),
        _ => None,
    }
}

fn query(call: &Call) -> Option<Expr> {
    let parts: Vec<&str> = call
        .args
        .iter()
        .flat_map(|arg| arg.splitn(2, '='))
        .collect();
    let pairs = parts.chunks_exact(2).filter_map(|pair| match pair {
        [name, value] => Some((*name, *value)),
        _ => None,
    });
    let mut all = Vec::new();
    for (name, value) in pairs {
        if name.contains('{') {
            return None;
        }
        all.push(match Template::expression(value, Part::Query) {
            _ if value.is_empty() => v3("QueryRegexp", &[name, ".*"]),
            None => v3("Query", &[name, value]),
            Some(expression) => v3("QueryRegexp", &[name, &format!("^{expression}$")]),
        });
    }
    every(all.into_iter())
}

fn pairs(call: &Call) -> impl Iterator<Item = (&String, &String)> {
    call.args.chunks_exact(2).filter_map(|pair| match pair {
        [name, value] => Some((name, value)),
        _ => None,
    })
}

fn v3(name: &'static str, args: &[&str]) -> Expr {
    Expr::Matcher(Call {
        name,
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        offset: 0,
    })
}

fn any(choices: impl Iterator<Item = Expr>) -> Option<Expr> {
    joined(choices, Expr::Or)
}

fn every(parts: impl Iterator<Item = Expr>) -> Option<Expr> {
    joined(parts, Expr::And)
}

fn joined(parts: impl Iterator<Item = Expr>, join: fn(Vec<Expr>) -> Expr) -> Option<Expr> {
    let mut parts: Vec<Expr> = parts.collect();
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(join(parts)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rule::testing::{Rng, random_request};

    #[test]
    fn what_people_wrote_for_v2() {
        for (v2, v3) in [
            ("Host(`a`,`b`)", "Host(`a`) || Host(`b`)"),
            (
                "Host(`a`, `b`) && PathPrefix(`/x`)",
                "(Host(`a`) || Host(`b`)) && PathPrefix(`/x`)",
            ),
            (
                "HostRegexp(`{sub:.+}.a.test`)",
                "HostRegexp(`^.+\\.a\\.test$`)",
            ),
            ("HostRegexp(`{any:.*}`)", "HostRegexp(`^.*$`)"),
            (
                "HostRegexp(`{x:[a-zA-Z]+}.a`)",
                "HostRegexp(`^[a-zA-Z]+\\.a$`)",
            ),
            (
                "HostRegexp(`{host:(www|api).a}`, `{x}.b`)",
                "HostRegexp(`^(?:(www|api).a)$`) || HostRegexp(`^[^.]+\\.b$`)",
            ),
            ("PathPrefix(`/{id:[0-9]+}`)", "PathRegexp(`^/[0-9]+`)"),
            (
                "Path(`/a-b/{id}`, `/c`)",
                "PathRegexp(`^/a-b/[^/]+$`) || Path(`/c`)",
            ),
            ("Headers(`A`, `1`)", "Header(`A`, `1`)"),
            ("HeadersRegexp(`A`, `1.*`)", "HeaderRegexp(`A`, `1.*`)"),
            ("Method(`GET`,`POST`)", "Method(`GET`) || Method(`POST`)"),
            (
                "Query(`a=1`, `b=`)",
                "Query(`a`, `1`) && QueryRegexp(`b`, `.*`)",
            ),
            ("!HostHeader(`a`)", "!Host(`a`)"),
        ] {
            assert_eq!(to_v3(v2).as_deref(), Some(v3), "{v2}");
        }
        assert_eq!(to_v3("Host(`a`"), None);
        assert_eq!(to_v3("PathRegexp(`a`)"), None);
    }

    #[test]
    fn templates_in_rules_that_v3_takes() {
        for (rule, value) in [
            ("PathPrefix(`/{id:[0-9]+}`)", Some("/{id:[0-9]+}")),
            ("Host(`a`) && !Path(`/{id}`)", Some("/{id}")),
            ("HostRegexp(`{sub:.+}.a`)", Some("{sub:.+}.a")),
            ("HostRegexp(`^a{2,3}[a-z]{2}$`)", None),
            ("PathRegexp(`/x{1,}`) || Path(`/}{`)", None),
        ] {
            assert_eq!(templates_taken_literally(rule).as_deref(), value, "{rule}");
        }
    }

    /// Both take the same requests, seeded.
    #[test]
    fn the_advice_says_the_same() {
        const PARTS: [&str; 10] = [
            "Host(`a.test`, `b.test`)",
            "HostRegexp(`{sub:[a-z]+}.a.test`, `b.test`)",
            "HostRegexp(`{any:.+}`)",
            "PathPrefix(`/a/{x}`, `/b`)",
            "Path(`/{x:a|b}`)",
            "PathPrefix(`/{x:a.*}`)",
            "Method(`get`, `PUT`)",
            "Headers(`X-A`, `1`)",
            "HeadersRegexp(`x-b`, `^[12]`)",
            "ClientIP(`127.0.0.1`, `::1`)",
        ];
        let mut rng = Rng::new(2);
        for _ in 0..300 {
            let mut rule = rng.pick(&PARTS).to_owned();
            for _ in 0..rng.below(3) {
                let operator = rng.pick(&[" && ", " || ", " && !"]);
                rule = format!("({rule}){operator}{}", rng.pick(&PARTS));
            }
            let old = compile(&rule, Syntax::V2).unwrap();
            let new = to_v3(&rule).unwrap();
            let new = compile(&new, Syntax::V3).unwrap();
            for _ in 0..40 {
                let mut request = random_request(&mut rng);
                // Trailing dots are forgiven by different rules.
                request.host = request.host.trim_end_matches('.').to_owned();
                let view = request.view();
                assert_eq!(old.matches(&view), new.matches(&view), "{rule} {request:?}");
            }
        }
    }
}
