//! Rules of routers: no text crashes or stalls the compiler, and what is printed means what was read.

use std::net::IpAddr;

use gateway::rule::Syntax;
use gateway::rule::http::{Matcher, RequestView, compile, default_priority, domains, parse};
use gateway::rule::tcp;
use http::{HeaderMap, HeaderValue};

/// Longer rules say nothing new.
const LONGEST: usize = 2048;

/// Reads the bytes as a rule of each language.
pub fn rules(bytes: &[u8]) {
    let Ok(rule) = std::str::from_utf8(bytes) else {
        return;
    };
    if rule.len() > LONGEST {
        return;
    }
    // Whatever it is, these answer.
    let _ = (default_priority(rule), domains(rule));
    for syntax in [Syntax::V2, Syntax::V3] {
        let _ = tcp::compile(rule, syntax);
        let compiled = compile(rule, syntax);
        match parse(rule, syntax) {
            // A text that is no rule compiles to nothing.
            Err(_) => assert!(compiled.is_err(), "{rule:?}: only compiled"),
            Ok(expr) => {
                let printed = expr.to_string();
                let again = parse(&printed, syntax);
                assert_eq!(
                    again.as_ref().ok(),
                    Some(&expr),
                    "{rule:?}: printed as {printed:?}"
                );
                match (compiled, compile(&printed, syntax)) {
                    (Ok(one), Ok(two)) => same(rule, &one, &two),
                    (Err(_), Err(_)) => {}
                    (one, two) => panic!("{rule:?}: {} and {}", one.is_ok(), two.is_ok()),
                }
            }
        }
    }
}

/// Both take the same requests.
fn same(rule: &str, one: &Matcher, two: &Matcher) {
    let mut headers = HeaderMap::new();
    headers.insert("x-a", HeaderValue::from_static("1"));
    let client: IpAddr = IpAddr::from([127, 0, 0, 1]);
    for (host, path, query) in [
        ("", &b"/"[..], None),
        ("a.test", b"/a", Some("q=1")),
        ("x.a.test.", b"/a/%2F\xff", Some("q=%zz&=")),
    ] {
        let view = RequestView {
            method: "GET",
            host,
            flat_host: None,
            path,
            query,
            headers: &headers,
            client_ip: Some(client),
        };
        assert_eq!(one.matches(&view), two.matches(&view), "{rule:?}: {host:?}");
    }
}
