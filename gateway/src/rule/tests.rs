//! The language as a whole: what parses, what is said of what does not, and that compiled rules mean what they say.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::testing::{Rng, naive, random_expr, random_request};
use super::{Syntax, http};

/// What Traefik v3.7 says of rules that it refuses. `%` stands for the rule.
const REFUSED: &[(&str, &str)] = &[
    (
        "Host('a.test')",
        "parsing rule %: 1:6: illegal rune literal",
    ),
    (
        "Host()",
        "adding rule %: error while checking rule Host: no args for matcher Host",
    ),
    (
        "Host(``)",
        "adding rule %: error while checking rule Host: empty args for matcher Host, []",
    ),
    (
        "Host(`a.test`, `b.test`)",
        "adding rule %: error while adding rule Host: unexpected number of parameters; got 2, expected one of [1]",
    ),
    (
        "Cookie(`a`)",
        "parsing rule %: unsupported function: Cookie",
    ),
    (
        "pathPrefix(`/a`)",
        "parsing rule %: unsupported function: pathPrefix",
    ),
    ("Host", "parsing rule %: Host is not defined"),
    (
        "Host(`a.test`) Path(`/`)",
        "parsing rule %: 1:16: expected 'EOF', found Path",
    ),
    (
        "Host(`a.test`) & Path(`/`)",
        "parsing rule %: & is not supported",
    ),
    ("`a.test`", "obtaining build tree"),
    ("true", "parsing rule %: true is not defined"),
    (
        "Host(1)",
        "parsing rule %: reflect: cannot use int as type string in Call",
    ),
    ("Host(a)", "parsing rule %: a is not defined"),
    (
        "Host((`a`))",
        "parsing rule %: *ast.ParenExpr is not supported",
    ),
    (
        "Host(`a` + `b`)",
        "parsing rule %: *ast.BinaryExpr is not supported",
    ),
    (
        "Host(`a`) && `b`",
        "parsing rule %: reflect: Call using string as type rules.TreeBuilder",
    ),
    ("", "parsing rule %: 1:1: expected operand, found 'EOF'"),
    (
        "Path(`x`)",
        "adding rule %: error while adding rule Path: path \"x\" does not start with a '/'",
    ),
    (
        "Host(`bücher.test`)",
        "adding rule %: error while adding rule Host: invalid value \"bücher.test\" for Host matcher, non-ASCII characters are not allowed",
    ),
    (
        "ClientIP(`nope`)",
        "adding rule %: error while adding rule ClientIP: initializing IP checker for ClientIP matcher: parsing CIDR trusted IPs <nil>: invalid CIDR address: nope",
    ),
    (
        "PathRegexp(`(`)",
        "adding rule %: error while adding rule PathRegexp: compiling PathPrefix matcher: error parsing regexp: missing closing ): `(`",
    ),
    (
        "Query(`a`, `b`, `c`)",
        "adding rule %: error while adding rule Query: unexpected number of parameters; got 3, expected one of [1 2]",
    ),
    (
        "Host() && Path(`/`) && Path(`/`)",
        "adding rule %: error while adding rule and: error while adding rule and: error while checking rule Host: no args for matcher Host",
    ),
    (
        "!(Path(`/`) || Host() || Path(`/`))",
        "adding rule %: error while adding rule and: error while checking rule Host: no args for matcher Host",
    ),
];

#[test]
fn errors_are_those_of_traefik() {
    for (rule, text) in REFUSED {
        let error = http::compile(rule, Syntax::V3).expect_err(rule);
        let expected = format!(
            "error while parsing rule {rule}: {}",
            text.replace('%', rule)
        );
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn errors_name_the_place_and_what_to_do() {
    let cases = [
        ("Hosst(`a`)", Syntax::V3, 1, "did you mean Host?"),
        (
            "Path(`/`) && Headers(`a`, `b`)",
            Syntax::V3,
            14,
            "in v3 syntax it is Header(`name`, `value`)",
        ),
        (
            "Header(`a`, `b`)",
            Syntax::V2,
            1,
            "it is a matcher of v3 syntax; v2 writes Headers(`name`, `value`)",
        ),
        (
            "Path(`/`) && Host(`a`, `b`)",
            Syntax::V3,
            14,
            "v3 rules take one value: Host(`a`) || Host(`b`)",
        ),
        (
            "Host('a')",
            Syntax::V3,
            6,
            "write values between backquotes",
        ),
        (
            "Host(`a`) Path(`/`)",
            Syntax::V3,
            11,
            "join matchers with && or ||",
        ),
        (
            "HostSNI(`a`)",
            Syntax::V3,
            1,
            "it is a matcher of TCP routers; for HTTP write Host(`name`)",
        ),
    ];
    for (rule, syntax, column, hint) in cases {
        let error = http::compile(rule, syntax).expect_err(rule);
        assert_eq!(
            error.position().map(|position| position.column),
            Some(column),
            "{rule}"
        );
        assert_eq!(error.hint(), Some(hint), "{rule}");
        assert!(
            error.detailed().contains(&format!("column {column}")),
            "{rule}"
        );
    }
}

#[test]
fn what_go_takes_is_taken() {
    let rules = [
        "  Host( `a` )&&(  !Path(`/`)  )  ",
        "Host(`a`) // note",
        "Host(`a`) /* note */ && /* two\nlines */ Path(`/`)",
        "Host(`a`) ||\n\tHost(`b`)\n",
        r#"Host("a\x62\\" ,) || Path(`/`)"#,
        "Host(`a`...)",
        "HOST(`a`) && host(`b`) && Pathprefix(`/`) && PATHPREFIX(`/`) && clientip(`::1`)",
        "((((((((((Host(`a`)))))))))))",
        "!!!!Host(`a`)",
    ];
    for rule in rules {
        assert!(
            http::compile(rule, Syntax::V3).is_ok(),
            "{rule}: {:?}",
            http::compile(rule, Syntax::V3)
        );
    }
    // A newline ends the expression after a value, a name or a parenthesis.
    for rule in [
        "Host(`a`)\n&& Path(`/`)",
        "Host(`a`\n)",
        "(Host(`a`)\n)",
        "Host(`a`) // note\n|| Host(`b`)",
    ] {
        assert!(http::compile(rule, Syntax::V3).is_err(), "{rule}");
    }
}

#[test]
fn a_printed_rule_parses_to_itself() {
    let mut rng = Rng::new(1);
    for _ in 0..2_000 {
        let expr = random_expr(&mut rng, 4);
        let text = expr.to_string();
        assert_eq!(http::parse(&text, Syntax::V3).as_ref(), Ok(&expr), "{text}");
    }
}

#[test]
fn compiled_rules_mean_what_they_say() {
    let mut rng = Rng::new(2);
    for _ in 0..2_000 {
        let expr = random_expr(&mut rng, 3);
        let matcher =
            http::compile(&expr.to_string(), Syntax::V3).expect("generated rules are valid");
        for _ in 0..10 {
            let request = random_request(&mut rng);
            let expected = naive(&expr, &request);
            assert_eq!(
                matcher.matches(&request.view()),
                expected,
                "{expr} on {request:?}"
            );
            let explained = matcher.explain(&request.view());
            assert_eq!(explained.matched, expected);
            assert_eq!(explained.failures().is_empty(), expected);
        }
    }
}

#[test]
fn mangled_rules_end_in_an_answer() {
    let bits = [
        "Host", "(", ")", "`a`", "\"", "\\", "'", "&&", "||", "!", ",", "\n", "//", "/*", "*/",
        ".", "é", "1", "{", "\u{feff}", "\0",
    ];
    let mut rng = Rng::new(3);
    for _ in 0..20_000 {
        let rule: String = (0..rng.below(12)).map(|_| rng.pick(&bits)).collect();
        for syntax in [Syntax::V2, Syntax::V3] {
            if let Err(error) = http::compile(&rule, syntax) {
                assert!(!error.detailed().is_empty());
            }
        }
        let _ = super::tcp::compile(&rule, Syntax::V3);
    }
}

#[test]
fn size_and_depth_are_no_danger() {
    let deep = |levels: usize| format!("{}Path(`/`){}", "(".repeat(levels), ")".repeat(levels));
    assert!(http::compile(&deep(150), Syntax::V3).is_ok());
    assert!(http::compile(&deep(1_000_000), Syntax::V3).is_err());
    assert!(http::compile(&format!("{}Path(`/`)", "!".repeat(1_000_001)), Syntax::V3).is_ok());
    assert!(
        http::compile(
            &format!("Path(`/`){}", " || Path(`/`)".repeat(50_000)),
            Syntax::V3
        )
        .is_ok()
    );
    assert!(http::compile(&"Path(".repeat(1_000_000), Syntax::V3).is_err());
}

#[test]
fn unknown_syntaxes_mean_v3() {
    assert_eq!(Syntax::named("v2"), Syntax::V2);
    for name in ["v3", "", "V2", "v9", "default"] {
        assert_eq!(Syntax::named(name), Syntax::V3);
    }
}
