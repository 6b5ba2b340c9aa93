//! Templates as users write them, and what is said of those that cannot be expanded.
#![allow(clippy::unwrap_used)]

use super::*;

fn expanded(text: &str) -> String {
    expand("d.yml", text, |name| match name {
        "NAME" => "b".to_owned(),
        "HOSTS" => "a.test,b.test".to_owned(),
        _ => String::new(),
    })
    .unwrap()
}

#[test]
fn values_are_put_in() {
    for (text, expected) in [
        ("no template }}", "no template }}"),
        ("Host(`{{ env \"NAME\" }}.test`)", "Host(`b.test`)"),
        ("/{{ `{{ x }}` }}", "/{{ x }}"),
        ("{{\"lit\\\"\"}}", "lit\""),
        ("a {{- /* gone */ -}} b", "ab"),
        ("a\n{{- \" x \" -}}\n b", "a x b"),
        ("{{ env \"NONE\" | default \"d\" | upper }}", "D"),
        (
            "{{ trimPrefix \"/\" \"/x\" }}{{ replace \"a\" \"b\" `aa` | quote }}",
            "x\"bb\"",
        ),
        ("{{ normalize \"a.b_c--d\" }}", "a-b-c-d"),
        (
            "{{ add 1 2 3 }}{{ div 7 2 }}{{ mod 7 2 }}{{ max 1 5 2 }}",
            "6315",
        ),
        ("{{ substr 1 3 \"grün\" }}{{ title \"ab cd\" }}", "rüAb Cd"),
        ("{{ \"x\" | b64enc | b64dec | nindent 2 }}", "\n  x"),
        (
            "{{ get (dict \"a\" 1 \"b\" 2) \"b\" }}{{ hasKey (dict \"a\" 1) \"z\" }}",
            "2false",
        ),
    ] {
        assert_eq!(expanded(text), expected, "{text}");
    }
}

#[test]
fn blocks_repeat_and_choose() {
    let text = r#"http:
  routers:
{{- range $i, $host := split (env "HOSTS") "," }}
    r{{ $i }}: { rule: "Host(`{{ $host }}`)", service: app }
{{- end }}
{{- if eq (env "NAME") "b" }}
  middlewares: {{ template "m" dict "prefix" "/x" }}
{{- else }}
  nothing: {}
{{- end }}
{{- define "m" }}{ strip: { stripPrefix: { prefixes: [{{ .prefix }}] } } }{{ end }}
{{- with env "NONE" }}never{{ end }}
{{- range until 2 }} {{ . }}{{ end }}
"#;
    let expected = r#"http:
  routers:
    r0: { rule: "Host(`a.test`)", service: app }
    r1: { rule: "Host(`b.test`)", service: app }
  middlewares: { strip: { stripPrefix: { prefixes: [/x] } } } 0 1
"#;
    assert_eq!(expanded(text), expected);
}

#[test]
fn what_is_wrong_is_told_with_its_place_where_it_has_one() {
    for (text, expected) in [
        ("a:\n  b: {{ nofunc }}", "nofunc"),
        ("{{ fail \"no\" }}", "d.yml: template: no"),
        ("a\n {{ if true }}", "d.yml:2:2: template: unexpected EOF"),
        ("{{ end }}b", "d.yml:1:1: template: unexpected {{end}}"),
        ("{{ env }}", "wrong number of arguments"),
        ("{{ env \"x\"", "d.yml:1:"),
        ("{{ }}", "d.yml:1:"),
        ("{{ \"a\" | }}", "d.yml:1:"),
        ("{{ div 1 0 }}", "division by zero"),
        ("{{ repeat 99999999 \"xxxx\" }}", "too long"),
        ("{{ until 99999999 }}", "too long"),
        ("{{ required \"say who\" (env \"NONE\") }}", "say who"),
        (
            "{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}",
            "recursion",
        ),
    ] {
        let message = expand_template("d.yml", text).unwrap_err().to_string();
        assert!(message.contains(expected), "{text}: {message}");
    }
}
