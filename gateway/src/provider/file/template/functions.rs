//! Functions on texts and numbers, by Sprig's names and in Sprig's order of arguments; `normalize` and `split` are Traefik's.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gotmpl::{FuncMap, TemplateError, Value, is_true};

use super::lists;

pub(super) type Result = gotmpl::Result<Value>;

/// All of them. `env` reads the environment.
pub(super) fn all(env: impl Fn(&str) -> String + Send + Sync + 'static) -> FuncMap {
    let mut functions = FuncMap::new();
    let mut add = |name: &str, function: fn(&[Value]) -> Result| {
        functions.insert(name.to_owned(), Arc::new(function));
    };
    TEXTS
        .iter()
        .for_each(|(name, function)| add(name, *function));
    NUMBERS
        .iter()
        .for_each(|(name, function)| add(name, *function));
    lists::ALL
        .iter()
        .for_each(|(name, function)| add(name, *function));
    functions.insert(
        "env".to_owned(),
        Arc::new(move |given: &[Value]| {
            let [name] = exactly("env", given)?;
            Ok(env(&text(name)).into())
        }),
    );
    functions
}

/// A function and what templates call it.
pub(super) type Named = (&'static str, fn(&[Value]) -> Result);

const TEXTS: &[Named] = &[
    ("default", |given| {
        // `default "x"` alone stands where a value is missing altogether.
        let (fallback, value) = match given {
            [fallback] => (fallback, &Value::Nil),
            [fallback, value] => (fallback, value),
            _ => return count("default", 2, given),
        };
        Ok(if is_true(value) { value } else { fallback }.clone())
    }),
    ("empty", |given| {
        let [value] = exactly("empty", given)?;
        Ok(Value::Bool(!is_true(value)))
    }),
    ("coalesce", |given| {
        let found = given.iter().find(|value| is_true(value));
        Ok(found.cloned().unwrap_or(Value::Nil))
    }),
    ("ternary", |given| {
        let [yes, no, which] = exactly("ternary", given)?;
        Ok(if is_true(which) { yes } else { no }.clone())
    }),
    ("required", |given| {
        let [message, value] = exactly("required", given)?;
        if is_true(value) {
            Ok(value.clone())
        } else {
            Err(TemplateError::Exec(text(message)))
        }
    }),
    ("fail", |given| {
        let [message] = exactly("fail", given)?;
        Err(TemplateError::Exec(text(message)))
    }),
    ("toString", |given| {
        on_text("toString", given, str::to_owned)
    }),
    ("lower", |given| on_text("lower", given, str::to_lowercase)),
    ("upper", |given| on_text("upper", given, str::to_uppercase)),
    ("title", |given| on_text("title", given, title)),
    ("trim", |given| {
        on_text("trim", given, |text| text.trim().to_owned())
    }),
    ("nospace", |given| {
        on_text("nospace", given, |text| text.split_whitespace().collect())
    }),
    ("quote", |given| {
        on_text("quote", given, |text| format!("{text:?}"))
    }),
    ("squote", |given| {
        on_text("squote", given, |text| format!("'{text}'"))
    }),
    ("normalize", |given| on_text("normalize", given, normalize)),
    ("b64enc", |given| {
        on_text("b64enc", given, |text| STANDARD.encode(text))
    }),
    ("b64dec", |given| {
        let [value] = exactly("b64dec", given)?;
        let bytes = STANDARD.decode(text(value));
        let decoded = bytes.map_err(|error| TemplateError::Exec(format!("b64dec: {error}")))?;
        Ok(String::from_utf8_lossy(&decoded).into_owned().into())
    }),
    ("trimAll", |given| {
        on_two("trimAll", given, |set, text| {
            text.trim_matches(|c| set.contains(c)).to_owned()
        })
    }),
    ("trimPrefix", |given| {
        on_two("trimPrefix", given, |prefix, text| {
            text.strip_prefix(prefix).unwrap_or(text).to_owned()
        })
    }),
    ("trimSuffix", |given| {
        on_two("trimSuffix", given, |suffix, text| {
            text.strip_suffix(suffix).unwrap_or(text).to_owned()
        })
    }),
    ("contains", |given| {
        ask("contains", given, |part, text| text.contains(part))
    }),
    ("hasPrefix", |given| {
        ask("hasPrefix", given, |prefix, text| text.starts_with(prefix))
    }),
    ("hasSuffix", |given| {
        ask("hasSuffix", given, |suffix, text| text.ends_with(suffix))
    }),
    ("replace", |given| {
        let [from, to, value] = exactly("replace", given)?;
        Ok(text(value).replace(&text(from), &text(to)).into())
    }),
    ("repeat", |given| {
        let [times, value] = exactly("repeat", given)?;
        let (times, value) = (number(times)?, text(value));
        let times = usize::try_from(times).unwrap_or_default();
        if times.saturating_mul(value.len()) > LONGEST {
            return Err(TemplateError::Exec(
                "repeat: the text gets too long".to_owned(),
            ));
        }
        Ok(value.repeat(times).into())
    }),
    ("substr", |given| {
        let [start, end, value] = exactly("substr", given)?;
        let (start, end, value) = (number(start)?, number(end)?, text(value));
        let start = usize::try_from(start).unwrap_or_default();
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        let part = value.chars().take(end).skip(start);
        Ok(part.collect::<String>().into())
    }),
    ("indent", |given| {
        let [spaces, value] = exactly("indent", given)?;
        Ok(indented(number(spaces)?, &text(value)).into())
    }),
    ("nindent", |given| {
        let [spaces, value] = exactly("nindent", given)?;
        Ok(format!("\n{}", indented(number(spaces)?, &text(value))).into())
    }),
];

const NUMBERS: &[Named] = &[
    ("int", |given| {
        let [value] = exactly("int", given)?;
        Ok(Value::Int(number(value)?))
    }),
    ("atoi", |given| {
        let [value] = exactly("atoi", given)?;
        Ok(Value::Int(number(value)?))
    }),
    ("add1", |given| {
        let [value] = exactly("add1", given)?;
        Ok(Value::Int(number(value)?.wrapping_add(1)))
    }),
    ("add", |given| fold(given, i64::wrapping_add)),
    ("mul", |given| fold(given, i64::wrapping_mul)),
    ("max", |given| fold(given, i64::max)),
    ("min", |given| fold(given, i64::min)),
    ("sub", |given| {
        let [one, other] = exactly("sub", given)?;
        Ok(Value::Int(number(one)?.wrapping_sub(number(other)?)))
    }),
    ("div", |given| divide("div", given, i64::checked_div)),
    ("mod", |given| divide("mod", given, i64::checked_rem)),
];

/// Texts longer than this are no configuration.
const LONGEST: usize = 16 << 20;

/// The arguments, if they are as many as they must be.
pub(super) fn exactly<'v, const N: usize>(
    name: &str,
    given: &'v [Value],
) -> gotmpl::Result<&'v [Value; N]> {
    given.try_into().map_err(|_| wrong_count(name, N, given))
}

fn wrong_count(name: &str, expected: usize, given: &[Value]) -> TemplateError {
    TemplateError::ArgCount {
        name: name.to_owned(),
        expected,
        got: given.len(),
    }
}

fn count(name: &str, expected: usize, given: &[Value]) -> Result {
    Err(wrong_count(name, expected, given))
}

/// A value as it would be put in; nothing for nil.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Nil => String::new(),
        value => value.to_string(),
    }
}

/// A whole number, also where it is written as text.
pub(super) fn number(value: &Value) -> gotmpl::Result<i64> {
    match value {
        Value::String(written) => written
            .trim()
            .parse()
            .map_err(|_| TemplateError::Exec(format!("{written:?} is no whole number"))),
        Value::Uint(number) => i64::try_from(*number)
            .map_err(|_| TemplateError::Exec(format!("{number} is too large"))),
        value => value
            .as_int()
            .ok_or_else(|| TemplateError::Exec(format!("{} is no whole number", text(value)))),
    }
}

fn on_text(name: &str, given: &[Value], change: fn(&str) -> String) -> Result {
    let [value] = exactly(name, given)?;
    Ok(change(&text(value)).into())
}

fn on_two(name: &str, given: &[Value], change: fn(&str, &str) -> String) -> Result {
    let [how, value] = exactly(name, given)?;
    Ok(change(&text(how), &text(value)).into())
}

fn ask(name: &str, given: &[Value], question: fn(&str, &str) -> bool) -> Result {
    let [part, value] = exactly(name, given)?;
    Ok(Value::Bool(question(&text(part), &text(value))))
}

fn fold(given: &[Value], step: fn(i64, i64) -> i64) -> Result {
    let numbers: Vec<i64> = given.iter().map(number).collect::<gotmpl::Result<_>>()?;
    let all = numbers.into_iter().reduce(step);
    Ok(Value::Int(all.unwrap_or_default()))
}

fn divide(name: &str, given: &[Value], step: fn(i64, i64) -> Option<i64>) -> Result {
    let [one, other] = exactly(name, given)?;
    let result = step(number(one)?, number(other)?);
    let nothing = || TemplateError::Exec(format!("{name}: division by zero"));
    result.map(Value::Int).ok_or_else(nothing)
}

fn title(text: &str) -> String {
    let mut start = true;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        start = c.is_whitespace();
    }
    out
}

/// Traefik's: what is neither letter nor digit becomes one dash between words.
fn normalize(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

fn indented(spaces: i64, text: &str) -> String {
    let pad = " ".repeat(usize::try_from(spaces).unwrap_or_default().min(1000));
    format!("{pad}{}", text.replace('\n', &format!("\n{pad}")))
}
