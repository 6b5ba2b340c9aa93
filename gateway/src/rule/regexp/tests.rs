//! What Go's `regexp` says of the same expressions; the answers were taken from Go itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

/// Expression, texts it matches, texts it does not.
const MATCHES: &[(&str, &[&str], &[&str])] = &[
    (r"^\d$", &["5"], &["٥"]),
    (r"^\w+$", &["ab_9"], &["é"]),
    (r"a\sb", &["a b", "a\tb"], &["a\u{a0}b"]),
    (r"\bcat\b", &["a-cat", "écat"], &["acat"]),
    (r"é\Ba", &[], &["éa"]),
    (r"(?i)^straße$", &["STRAßE"], &["strasse"]),
    (r"(?i)k", &["\u{212a}"], &["x"]),
    (r"^[[:alpha:]]+$", &["abc"], &["1", "é"]),
    (r"^\pL+$", &["éa"], &["1"]),
    (r"^\p{^L}+$", &["1"], &["a"]),
    (r"^\p{Uppercase_Letter}$", &["A"], &["a"]),
    (r"^[a&&b]$", &["&", "a", "b"], &["c"]),
    (r"^[a~~b]$", &["~", "a"], &["d"]),
    (r"^[[a]$", &["[", "a"], &["]"]),
    (r"^(?P<n>x)(?:y)?$", &["xy", "x"], &["y"]),
    (r"^(?<n>x)(?<n>y)$", &["xy"], &["x"]),
    (r"^\Qa.b\E$", &["a.b"], &["axb"]),
    (r"\Qa*", &["a*"], &["aa"]),
    (r"a\z", &["a"], &["ab", "a\n"]),
    (r"^.$", &["a", "é"], &["\n"]),
    (r"^a{,2}$", &["a{,2}"], &["aa"]),
    (r"^a{$", &["a{"], &["a"]),
    (r"^\/16\/x$", &["/16/x"], &["x"]),
    (r"^\x{41}\x42\101$", &["ABA"], &["A"]),
    (r"(?m)^a$", &["a", "b\na"], &["ab"]),
    (r"(?s)a.b", &["a\nb"], &["ab"]),
    (r"(?U)^a+$", &["aa"], &[""]),
    (r"^\<x\>$", &["<x>"], &["x"]),
    (r"^[]x]$", &["]", "x"], &["a"]),
    (r"^(|a)$", &["", "a"], &["b"]),
    (r"a(?i)?b", &["ab", "B"], &["x"]),
    (r"^[\x{d700}-\x{e001}]$", &["\u{d700}", "\u{e001}"], &["a"]),
    (r"\x{d800}", &[], &["a", "\u{fffd}"]),
];

/// Expression, and Go's complaint about it.
const REFUSED: &[(&str, &str)] = &[
    (r"(?<=x)b", "invalid named capture: `(?<=x)b`"),
    (r"(a)\1", r"invalid escape sequence: `\1`"),
    (r"a++", "invalid nested repetition operator: `++`"),
    (r"a**", "invalid nested repetition operator: `**`"),
    (r"(?x) a", "invalid or unsupported Perl syntax: `(?x`"),
    (r"a{1001}", "invalid repeat count: `{1001}`"),
    (r"(a{100}){11}", "invalid repeat count: `{11}`"),
    (r"a{3,1}", "invalid repeat count: `{3,1}`"),
    (r"\u0041", r"invalid escape sequence: `\u`"),
    (r"a\Z", r"invalid escape sequence: `\Z`"),
    (r"\h", r"invalid escape sequence: `\h`"),
    (r"(?-u)a", "invalid or unsupported Perl syntax: `(?-u`"),
    (
        r"(a)?(?(1)b|c)",
        "invalid or unsupported Perl syntax: `(?(`",
    ),
    (r"(?>a)", "invalid or unsupported Perl syntax: `(?>`"),
    (r"[z-a]", "invalid character class range: `z-a`"),
    (r"\p{Nope}", r"invalid character class range: `\p{Nope}`"),
    (r"\p{Grek}", r"invalid character class range: `\p{Grek}`"),
    (r"[[:nope:]]", "invalid character class range: `[:nope:]`"),
    (r"*a", "missing argument to repetition operator: `*`"),
    (r"(a", "missing closing ): `(a`"),
    (r"a)", "unexpected ): `a)`"),
    (r"[a", "missing closing ]: `[a`"),
    ("a\\", "trailing backslash at end of expression: ``"),
];

#[test]
fn matches_what_go_matches() {
    for (source, matched, unmatched) in MATCHES {
        let expression = GoRegexp::new(source).expect(source);
        for text in *matched {
            assert!(expression.is_match(text), "{source} should match {text:?}");
        }
        for text in *unmatched {
            assert!(
                !expression.is_match(text),
                "{source} should not match {text:?}"
            );
        }
    }
}

#[test]
fn refuses_what_go_refuses_in_its_words() {
    for (source, complaint) in REFUSED {
        let error = GoRegexp::new(source).expect_err(source);
        assert_eq!(
            error.to_string(),
            format!("error parsing regexp: {complaint}")
        );
    }
}

#[test]
fn bytes_that_are_no_text_count_as_one_character_each() {
    let two = GoRegexp::new("^/..$").unwrap();
    assert!(two.is_match_bytes(b"/\xff\xe2"));
    assert!(two.is_match_bytes("/éa".as_bytes()));
    assert!(!two.is_match_bytes(b"/\xff"));
}

#[test]
fn literal_prefixes_are_those_of_every_match() {
    let cases = [
        (r"^/api/v[0-9]+", Some("/api/v")),
        (r"\A/a\.b", Some("/a.b")),
        (r"^/ab?", Some("/a")),
        (r"^/a|/b", None),
        (r"/a", None),
        (r"^*/a", None),
        (r"(?i)^/a", None),
        (r"^/(?i)a", Some("/")),
        (r"(?m)^/a", None),
        (r"^/a{0}b", Some("/")),
    ];
    for (source, prefix) in cases {
        assert_eq!(
            GoRegexp::new(source).unwrap().literal_prefix(),
            prefix,
            "{source}"
        );
    }
}

#[test]
fn large_and_deep_expressions_end_in_an_answer() {
    assert!(GoRegexp::new(&"(".repeat(100_000)).is_err());
    assert!(GoRegexp::new(&format!("{}a{}", "(".repeat(200), ")".repeat(200))).is_ok());
    assert!(GoRegexp::new(&"a?".repeat(10_000)).is_ok());
}
