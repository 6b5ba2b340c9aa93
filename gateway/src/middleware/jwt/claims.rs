//! What a token says: read by path, and held against the clock and against who we are (RFC 7519 section 4.1).

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The claims of a token whose signature is right.
pub(super) type Claims = Map<String, Value>;

/// Which claim: names from the outside in. Written with dots between them; `\.` is a dot in a name, `\\` a backslash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let mut names = vec![String::new()];
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match (letter, names.last_mut()) {
                ('.', _) => names.push(String::new()),
                ('\\', Some(name)) => match letters.next() {
                    Some(escaped @ ('.' | '\\')) => name.push(escaped),
                    _ => {
                        return Err(format!(
                            "claim {text:?}: behind \\ stands a dot or another \\"
                        ));
                    }
                },
                (letter, Some(name)) => name.push(letter),
                (_, None) => {}
            }
        }
        match names.iter().any(String::is_empty) {
            true => Err(format!("claim {text:?} has an empty name")),
            false => Ok(Self(names)),
        }
    }

    pub(super) fn find<'a>(&self, claims: &'a Claims) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter()
            .try_fold(claims.get(first)?, |value, name| value.get(name))
    }
}

/// A value as text: of texts their letters, of anything else its JSON.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.into(),
        Value::Null => "".into(),
        other => other.to_string().into(),
    }
}

/// What the standard claims must say.
#[derive(Debug)]
pub(super) struct Expected {
    /// Empty means any.
    pub(super) issuers: Vec<String>,
    /// Empty means any.
    pub(super) audiences: Vec<String>,
    /// How far clocks may differ, in seconds.
    pub(super) leeway: f64,
}

impl Expected {
    /// Why the claims are not those of a token that counts `now` (seconds since 1970).
    pub(super) fn check(&self, claims: &Claims, now: f64) -> Result<(), &'static str> {
        let time = |name: &str| match claims.get(name) {
            None => Ok(None),
            // A time that is none must not count as a time that is not there.
            Some(value) => value.as_f64().map(Some).ok_or("a time is no number"),
        };
        if time("exp")?.is_some_and(|end| now >= end + self.leeway) {
            return Err("it has expired");
        }
        if time("nbf")?.is_some_and(|start| now < start - self.leeway) {
            return Err("it does not count yet");
        }
        if time("iat")?.is_some_and(|made| now < made - self.leeway) {
            return Err("it was made in the future");
        }
        let is_one_of = |value: &Value, known: &[String]| {
            value
                .as_str()
                .is_some_and(|text| known.iter().any(|one| one == text))
        };
        let issuer = claims.get("iss");
        if !self.issuers.is_empty() && !issuer.is_some_and(|iss| is_one_of(iss, &self.issuers)) {
            return Err("its issuer is not believed");
        }
        let ours = match claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(|aud| is_one_of(aud, &self.audiences)),
            Some(one) => is_one_of(one, &self.audiences),
            None => false,
        };
        if !self.audiences.is_empty() && !ours {
            return Err("it is for others");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn claims(value: &Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_path_leads_to_a_claim() {
        let claims = claims(&json!({"a": {"b.c": 1, "d\\": {"e": [true]}}, "n": null}));
        let find = |path: &str| Path::new(path).unwrap().find(&claims).map(text);
        assert_eq!(find("a.b\\.c").unwrap(), "1");
        assert_eq!(find("a.d\\\\.e").unwrap(), "[true]");
        assert_eq!(find("n").unwrap(), "");
        assert_eq!(find("a.b.c"), None);
        assert_eq!(find("n.x"), None);
        for wrong in ["", ".", "a.", "a\\", "a\\b"] {
            assert!(Path::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_standard_claims() {
        let expected = Expected {
            issuers: vec!["me".to_owned(), "you".to_owned()],
            audiences: vec!["api".to_owned()],
            leeway: 10.0,
        };
        let good =
            json!({"iss": "you", "aud": ["web", "api"], "exp": 1000, "nbf": 900.5, "iat": 900});
        for (name, value, counts) in [
            ("exp", json!(991), true),
            ("exp", json!(990), false),
            ("exp", json!("2000"), false),
            ("exp", json!(null), false),
            ("exp", json!(-1), false),
            ("nbf", json!(1010), true),
            ("nbf", json!(1011), false),
            ("nbf", json!([0]), false),
            ("iat", json!(1011), false),
            ("iss", json!("them"), false),
            ("iss", json!(["me"]), false),
            ("aud", json!("api"), true),
            ("aud", json!("API"), false),
            ("aud", json!([]), false),
            ("aud", json!({"api": 1}), false),
        ] {
            let mut claims = claims(&good);
            claims.insert("exp".to_owned(), json!(1001));
            claims.insert(name.to_owned(), value.clone());
            let found = expected.check(&claims, 1000.0);
            assert_eq!(found.is_ok(), counts, "{name} {value}: {found:?}");
        }
        for name in ["iss", "aud"] {
            let mut claims = claims(&good);
            claims.remove(name);
            assert!(expected.check(&claims, 1000.0).is_err(), "without {name}");
        }
    }
}
