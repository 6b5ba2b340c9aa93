//! HTTP matchers against requests, as recorded from Traefik v3.7.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::rule::testing::Request;

/// A rule, requests it takes, requests it does not.
type Case = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const V3: &[Case] = &[
    (
        "Host(`B.Test`)",
        &[
            "GET / | Host: b.test",
            "GET / | Host: B.TEST:80",
            "GET / | Host: b.test.",
        ],
        &["GET /", "GET / | Host: b.test.."],
    ),
    (
        "Host(`c.test.`)",
        &["GET / | Host: c.test", "GET / | Host: c.test.."],
        &["GET / | Host: c.test..."],
    ),
    (
        "Host(`*.wild.test`)",
        &["GET / | Host: X.WILD.test:1", "GET / | Host: .wild.test"],
        &["GET / | Host: x.y.wild.test", "GET / | Host: wild.test"],
    ),
    (
        "Host(`*`)",
        &["GET /", "GET / | -", "GET / | Host: [::1]:9"],
        &[],
    ),
    (
        "Host(`::1`)",
        &["GET / | Host: [::1]:9", "GET / | Host: [::1]"],
        &["GET /"],
    ),
    ("HostRegexp(`^.+$`)", &["GET /"], &["GET / | -"]),
    (
        "HostRegexp(`^(x\\.test)?$`)",
        &["GET / | Host: x.test", "GET / | Host: any.test"],
        &[],
    ),
    ("!HostRegexp(`.`)", &["GET / | -"], &["GET /"]),
    ("Method(`get`)", &["GET /"], &["get /", "POST /"]),
    (
        "Path(`/foo bar`)",
        &["GET /foo%20bar", "GET /%66oo%20bar"],
        &["GET /foo+bar", "GET /foo%2520bar"],
    ),
    (
        "Path(`/enc%2Fslash`)",
        &["GET /enc%2Fslash", "GET /enc%2fslash"],
        &["GET /enc/slash"],
    ),
    (
        "PathPrefix(`/a`)",
        &["GET /a", "GET /ab", "GET /a/b"],
        &["GET /", "GET /A"],
    ),
    (
        "PathRegexp(`\\.(jpe?g|png)$`)",
        &["GET /x.png", "GET /x.png?y"],
        &["GET /x.PNG", "GET /x?f=x.png"],
    ),
    (
        "PathRegexp(`^/13/.$`)",
        &["GET /13/%FF", "GET /13/%C3%A9"],
        &["GET /13/%0A"],
    ),
    (
        "Header(`x-kind`, `one`)",
        &["GET / | X-KIND: one", "GET / | X-Kind: zero | X-Kind: one"],
        &["GET / | X-Kind: One", "GET / | X-Kind: zero, one"],
    ),
    (
        "HeaderRegexp(`X-Any`, `.*`)",
        &["GET / | X-Any: ", "GET / | X-Any: v"],
        &["GET /"],
    ),
    (
        "Header(`Host`, `a.test`)",
        &[],
        &["GET /", "GET / | host: a.test"],
    ),
    ("Header(`a b`, `1`)", &[], &["GET /"]),
    (
        "Query(`a`, `1`)",
        &["GET /?a=2&a=1", "GET /?%61=%31", "GET /?a=%zz&a=1"],
        &["GET /?A=1", "GET /?a=10", "GET /"],
    ),
    (
        "Query(`flag`)",
        &["GET /?flag", "GET /?x&flag="],
        &["GET /?flag=x", "GET /"],
    ),
    (
        "QueryRegexp(`q`, `^x`)",
        &["GET /?q=a&q=xb"],
        &["GET /?q=ax", "GET /?q"],
    ),
    ("QueryRegexp(`only`)", &["GET /?only"], &["GET /?only=y"]),
    (
        "ClientIP(`127.0.0.0/22`)",
        &["GET /", "GET / | Client: ::ffff:127.0.1.1"],
        &["GET / | Client: 127.0.4.4", "GET / | Client: none"],
    ),
    (
        "Path(`/1`) && Header(`X`, `b`) || Path(`/2`)",
        &["GET /2", "GET /1 | X: b"],
        &["GET /1"],
    ),
    (
        "Path(`/4`) && !(Header(`X`, `a`) && Header(`Y`, `d`))",
        &["GET /4", "GET /4 | X: a"],
        &["GET /4 | X: a | Y: d"],
    ),
];

const V2: &[Case] = &[
    (
        "Host(`one.v2`, `Two.v2`)",
        &["GET / | Host: TWO.v2:80", "GET / | Host: one.v2."],
        &["GET /"],
    ),
    ("HostHeader(`*.v2`)", &[], &["GET / | Host: x.v2"]),
    (
        "HostRegexp(`{sub:[a-z]+}.re.v2`)",
        &["GET / | Host: ABC.re.v2"],
        &["GET / | Host: 9.re.v2", "GET / | Host: abc.re.v2."],
    ),
    (
        "HostRegexp(`{sub}.v2`, `b.test`)",
        &["GET / | Host: x.v2", "GET / | Host: b.test"],
        &["GET / | Host: x.y.v2"],
    ),
    (
        "Path(`/item/{id:[0-9]+}`)",
        &["GET /item/42"],
        &["GET /item/x", "GET /item/42/more"],
    ),
    (
        "PathPrefix(`/pfx/{id:[0-9]+}`, `/b`)",
        &["GET /pfx/7/more", "GET /bc"],
        &["GET /pfx/x"],
    ),
    (
        "Method(`put`, `POST`)",
        &["PUT /", "POST /"],
        &["GET /", "post /"],
    ),
    (
        "Headers(`X-A`, `1`, `X-B`, `2`)",
        &["GET / | X-A: 1 | X-B: 2"],
        &["GET / | X-A: 1"],
    ),
    (
        "HeadersRegexp(`X-R`, `[a-z]+`)",
        &["GET / | X-R: abc1"],
        &["GET / | X-R: 1"],
    ),
    (
        "Query(`a=1`, `b=2`)",
        &["GET /?b=2&a=1"],
        &["GET /?a=1", "GET /?a=1&b="],
    ),
    (
        "Query(`n={v:[0-9]+}`)",
        &["GET /?n=77"],
        &["GET /?n=x", "GET /?n=x&n=1"],
    ),
    ("Query(`a=`)", &["GET /?a=x", "GET /?a"], &["GET /"]),
    (
        "ClientIP(`10.0.0.1`, `127.0.0.1`)",
        &["GET /"],
        &["GET / | Client: 10.0.0.2"],
    ),
];

fn check(cases: &[Case], syntax: Syntax) {
    for (rule, taken, left) in cases {
        let matcher = compile(rule, syntax).unwrap_or_else(|error| panic!("{}", error.detailed()));
        for (requests, expected) in [(taken, true), (left, false)] {
            for request in *requests {
                assert_eq!(
                    matcher.matches(&Request::parse(request).view()),
                    expected,
                    "{rule} on {request}"
                );
            }
        }
    }
}

#[test]
fn v3_matchers() {
    check(V3, Syntax::V3);
}

#[test]
fn v2_matchers() {
    check(V2, Syntax::V2);
}

#[test]
fn v2_mistakes() {
    let cases = [
        ("Path(`x`)", "mux: path must start with a slash, got \"x\""),
        ("Path(`/{x`)", "mux: unbalanced braces in \"/{x\""),
        ("Path(`/{:a}`)", "mux: missing name or pattern in \"{:a}\""),
        (
            "Path(`/{a:(}`)",
            "error parsing regexp: missing closing ): `^($`",
        ),
        (
            "Headers(`a`)",
            "mux: number of parameters must be multiple of 2, got [a]",
        ),
        (
            "Query(`a`)",
            "mux: number of parameters must be multiple of 2, got [a]",
        ),
        (
            "Query(`a={v}`, `b={v}`)",
            "mux: duplicated route variable \"v\"",
        ),
    ];
    for (rule, text) in cases {
        let error = compile(rule, Syntax::V2).expect_err(rule).to_string();
        assert!(error.ends_with(text), "{error}");
    }
}

#[test]
fn an_alias_counts_as_the_host() {
    let matcher = |rule| compile(rule, Syntax::V3).unwrap();
    let mut request = Request::parse("GET / | Host: www.test");
    request.flat_host = Some("cdn.test".into());
    assert!(matcher("Host(`cdn.test`)").matches(&request.view()));
    assert!(matcher("Host(`www.test`)").matches(&request.view()));
    assert!(!matcher("Host(`www.test.`)").matches(&request.view()));
    assert!(matcher("HostRegexp(`^cdn`)").matches(&request.view()));
    assert!(!matcher("HostRegexp(`^$`)").matches(&request.view()));
    assert!(
        compile("Host(`cdn.test`)", Syntax::V2)
            .unwrap()
            .matches(&request.view())
    );
}

#[test]
fn a_failure_says_what_was_seen() {
    let matcher = compile(
        "Host(`b.test`) && (Header(`X`, `1`) || !Query(`q`, `1`))",
        Syntax::V3,
    )
    .unwrap();
    let explained = matcher.explain(&Request::parse("GET /?q=1 | X: 2 | X: 3").view());
    assert!(!explained.matched);
    let failures: Vec<_> = explained
        .failures()
        .into_iter()
        .map(|part| (part.text.as_str(), part.saw.as_deref()))
        .collect();
    let expected = [
        ("Host(`b.test`)", Some("host a.test")),
        ("Header(`X`, `1`)", Some("x: 2 | 3")),
        ("!Query(`q`, `1`)", Some("q=1")),
    ];
    assert_eq!(failures, expected);
}

#[test]
fn domains_come_from_every_host_matcher_that_must_hold() {
    let rule = "Host(`A.test`) && (Path(`/`) || Host(`b.test`)) || HostRegexp(`c`)";
    assert_eq!(domains(rule).unwrap(), ["a.test", "b.test"]);
    // A router has no say in the TLS options of a host that it is not for (CVE-2026-85596).
    let rule = "PathPrefix(`/`) && !Host(`b.test`) && !(!Host(`c.test`))";
    assert_eq!(domains(rule).unwrap(), ["c.test"]);
    assert_eq!(
        domains("Host(`a`, `b`) || HostHeader(`c`)").unwrap(),
        ["a", "b"]
    );
    assert!(domains("Host(").is_err());
}

#[test]
fn the_default_priority_is_the_length_in_bytes() {
    assert_eq!(default_priority("Path(`/é`)"), 11);
    assert_eq!(default_priority("Path( `/s` )"), 12);
}
