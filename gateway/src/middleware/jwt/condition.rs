//! The option `claims`: what claims must be, in Traefik Hub's words.

use serde_json::Value;

use super::super::predicate::{Constant, Fact, Kind, Predicate};
use super::claims::{Claims, Path, text};

/// See the module.
#[derive(Debug)]
pub(super) struct Condition(Predicate<Function>);

/// A question to the claims.
#[derive(Debug)]
pub(super) struct Function {
    path: Path,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Equals(Box<str>),
    Prefix(Box<str>),
    Contains(Box<str>),
    SplitContains(Box<str>, Box<str>),
    OneOf(Vec<Box<str>>),
}

impl Condition {
    pub(super) fn new(source: &str) -> Result<Self, String> {
        Ok(Self(Predicate::parse_with_not(source, find)?))
    }

    pub(super) fn holds(&self, claims: &Claims) -> bool {
        self.0
            .holds(&mut |function| Fact::Flag(function.holds(claims)))
    }
}

impl Function {
    fn holds(&self, claims: &Claims) -> bool {
        let Some(value) = self.path.find(claims) else {
            return false;
        };
        let scalar =
            (!value.is_array() && !value.is_object() && !value.is_null()).then(|| text(value));
        let scalar = scalar.as_deref();
        let element = |wanted: &str| match value {
            Value::Array(all) => all.iter().any(|one| text(one) == wanted),
            _ => false,
        };
        match &self.test {
            Test::Equals(wanted) => scalar == Some(wanted),
            Test::Prefix(wanted) => scalar.is_some_and(|text| text.starts_with(&**wanted)),
            Test::Contains(wanted) => {
                element(wanted) || scalar.is_some_and(|text| text.contains(&**wanted))
            }
            Test::SplitContains(separator, wanted) => {
                scalar.is_some_and(|text| text.split(&**separator).any(|part| part == &**wanted))
            }
            Test::OneOf(all) => all.iter().any(|wanted| element(wanted)),
        }
    }
}

fn find(name: &str, arguments: &[Constant]) -> Result<(Function, Kind), String> {
    let mut texts = Vec::new();
    for argument in arguments {
        match argument {
            Constant::Text(text) => texts.push(text.clone()),
            _ => return Err(format!("{name} takes texts: write them between ` or \"")),
        }
    }
    let unknown = || {
        format!(
            "no function {name} with {} texts; there are Equals(`claim`, `x`), Prefix(`claim`, `x`), Contains(`claim`, `x`), SplitContains(`claim`, ` `, `x`) and OneOf(`claim`, `x`, `y`)",
            texts.len()
        )
    };
    let (path, rest) = texts.split_first().ok_or_else(unknown)?;
    let test = match (name, rest) {
        ("Equals", [wanted]) => Test::Equals(wanted.clone()),
        ("Prefix", [wanted]) => Test::Prefix(wanted.clone()),
        ("Contains", [wanted]) => Test::Contains(wanted.clone()),
        ("SplitContains", [separator, wanted]) if !separator.is_empty() => {
            Test::SplitContains(separator.clone(), wanted.clone())
        }
        ("OneOf", [_, ..]) => Test::OneOf(rest.to_vec()),
        _ => return Err(unknown()),
    };
    let path = Path::new(path)?;
    Ok((Function { path, test }, Kind::Flag))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn as_the_paid_edition_documents_it() {
        let claims = json!({
            "active": true, "level": 3, "grp": "admin", "scope": "reader writer", "none": null,
            "referrer": "http://example.com/foo/bar", "areas": ["office", "home"], "user": {"name": "x"},
        });
        let claims = claims.as_object().unwrap();
        for (source, wanted) in [
            ("Equals(`grp`, `admin`)", true),
            ("Equals(`grp`, `adm`)", false),
            ("Equals(`active`, `true`) && Equals(\"level\", \"3\")", true),
            ("!Equals(`grp`, `testers`)", true),
            ("Equals(`none`, ``)", false),
            ("Equals(`areas`, `office`)", false),
            ("Prefix(`referrer`, `http://example.com`)", true),
            ("Contains(`referrer`, `/foo/`)", true),
            ("Contains(`areas`, `home`)", true),
            ("Contains(`areas`, `hom`)", false),
            ("SplitContains(`scope`, ` `, `writer`)", true),
            ("SplitContains(`scope`, ` `, `write`)", false),
            ("OneOf(`areas`, `lab`, `office`)", true),
            ("OneOf(`areas`, `lab`)", false),
            ("Equals(`user.name`, `x`)", true),
            ("Contains(`user`, `x`) || Equals(`missing`, ``)", false),
        ] {
            assert_eq!(
                Condition::new(source).unwrap().holds(claims),
                wanted,
                "{source}"
            );
        }
        for wrong in [
            "Equals(`a`)",
            "Equals(`a`, 1)",
            "Is(`a`, `b`)",
            "OneOf(`a`)",
            "Equals(",
            "SplitContains(`a`, ``, `b`)",
            "Equals(``, `b`)",
        ] {
            assert!(Condition::new(wrong).is_err(), "{wrong}");
        }
    }
}
