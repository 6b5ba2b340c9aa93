//! Escapes and bracketed classes of Go's expressions.

use std::fmt::Write;

use super::RegexpError;
use super::translate::{Cursor, push_char};

pub(super) const BAD_RANGE: &str = "invalid character class range";
const BAD_ESCAPE: &str = "invalid escape sequence";
const MISSING_BRACKET: &str = "missing closing ]";

/// A class that no character is in, for what Go accepts and can never match.
pub(super) const NOTHING: &str = "[a&&b]";

/// Go's general categories, short and long; names compare without case, `_`, `-` and spaces.
const CATEGORIES: &[&str] = &[
    "c",
    "cc",
    "cf",
    "cn",
    "co",
    "cs",
    "l",
    "lc",
    "ll",
    "lm",
    "lo",
    "lt",
    "lu",
    "m",
    "mc",
    "me",
    "mn",
    "n",
    "nd",
    "nl",
    "no",
    "p",
    "pc",
    "pd",
    "pe",
    "pf",
    "pi",
    "po",
    "ps",
    "s",
    "sc",
    "sk",
    "sm",
    "so",
    "z",
    "zl",
    "zp",
    "zs",
    "other",
    "control",
    "cntrl",
    "format",
    "unassigned",
    "privateuse",
    "surrogate",
    "letter",
    "casedletter",
    "lowercaseletter",
    "modifierletter",
    "otherletter",
    "titlecaseletter",
    "uppercaseletter",
    "mark",
    "combiningmark",
    "spacingmark",
    "enclosingmark",
    "nonspacingmark",
    "number",
    "decimalnumber",
    "digit",
    "letternumber",
    "othernumber",
    "punctuation",
    "punct",
    "connectorpunctuation",
    "dashpunctuation",
    "closepunctuation",
    "finalpunctuation",
    "initialpunctuation",
    "otherpunctuation",
    "openpunctuation",
    "symbol",
    "currencysymbol",
    "modifiersymbol",
    "mathsymbol",
    "othersymbol",
    "separator",
    "lineseparator",
    "paragraphseparator",
    "spaceseparator",
];

/// Scripts whose whole name is four letters; other names of four letters are ISO 15924 codes, which Go does not know.
const SHORT_SCRIPTS: [&str; 10] = [
    "ahom", "cham", "garay", "lisu", "modi", "newa", "thai", "toto", "sidetic", "yezidi",
];

/// `\d`, `\s`, `\w` and their opposites at the start, as a class.
pub(super) fn perl(cursor: &mut Cursor<'_>) -> Option<&'static str> {
    let class = match cursor.rest().as_bytes() {
        [b'\\', b'd', ..] => "[0-9]",
        [b'\\', b'D', ..] => "[^0-9]",
        [b'\\', b's', ..] => "[\\t\\n\\f\\r ]",
        [b'\\', b'S', ..] => "[^\\t\\n\\f\\r ]",
        [b'\\', b'w', ..] => "[0-9A-Za-z_]",
        [b'\\', b'W', ..] => "[^0-9A-Za-z_]",
        _ => return None,
    };
    cursor.skip(2);
    Some(class)
}

/// `\pL`, `\p{Greek}`, `\P{^Lu}` at the start, as a class.
pub(super) fn unicode(cursor: &mut Cursor<'_>) -> Result<Option<String>, RegexpError> {
    let start = cursor.rest();
    let mut negated = match start.as_bytes() {
        [b'\\', b'p', ..] => false,
        [b'\\', b'P', ..] => true,
        _ => return Ok(None),
    };
    cursor.skip(2);
    let name = match cursor.next() {
        None => return Err(RegexpError::new(BAD_RANGE, start)),
        Some('{') => {
            let end = cursor
                .rest()
                .find('}')
                .ok_or_else(|| RegexpError::new(BAD_RANGE, start))?;
            let name = &cursor.rest()[..end];
            cursor.skip(end + 1);
            name
        }
        Some(c) => &start[2..2 + c.len_utf8()],
    };
    let sequence = &start[..start.len() - cursor.rest().len()];
    let bare = name.strip_prefix('^').unwrap_or(name);
    negated ^= bare.len() != name.len();
    let bare: String = bare
        .chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let property = property(&bare).ok_or_else(|| RegexpError::new(BAD_RANGE, sequence))?;
    Ok(Some(format!(
        "\\{}{{{property}}}",
        if negated { 'P' } else { 'p' }
    )))
}

/// The property that Go knows as `name` (canonical), as this crate spells it.
fn property(name: &str) -> Option<String> {
    let property = match name {
        "any" | "ascii" | "assigned" => name.to_owned(),
        _ if CATEGORIES.contains(&name) => format!("gc={name}"),
        _ if name.len() == 4 && !SHORT_SCRIPTS.contains(&name) => return None,
        _ if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => format!("sc={name}"),
        _ => return None,
    };
    regex::Regex::new(&format!("\\p{{{property}}}"))
        .is_ok()
        .then_some(property)
}

/// One escaped character; the cursor stands at the backslash.
pub(super) fn escape(cursor: &mut Cursor<'_>) -> Result<u32, RegexpError> {
    let start = cursor.rest();
    cursor.skip(1);
    let Some(c) = cursor.next() else {
        return Err(RegexpError::new(
            "trailing backslash at end of expression",
            "",
        ));
    };
    let value = match c {
        '1'..='7' if !cursor.rest().starts_with(|c| matches!(c, '0'..='7')) => None,
        '0'..='7' => {
            let mut value = c.to_digit(8).unwrap_or(0);
            for _ in 1..3 {
                let Some(digit) = cursor.rest().chars().next().and_then(|c| c.to_digit(8)) else {
                    break;
                };
                value = value * 8 + digit;
                cursor.skip(1);
            }
            Some(value)
        }
        'x' => hexadecimal(cursor),
        'a' => Some(7),
        'f' => Some(12),
        'n' => Some(10),
        'r' => Some(13),
        't' => Some(9),
        'v' => Some(11),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(c as u32),
        _ => None,
    };
    value.ok_or_else(|| RegexpError::new(BAD_ESCAPE, &start[..start.len() - cursor.rest().len()]))
}

/// `\x41` or `\x{1F600}`, after the `x`.
fn hexadecimal(cursor: &mut Cursor<'_>) -> Option<u32> {
    match cursor.next()? {
        '{' => {
            let mut value = None;
            loop {
                match cursor.next()? {
                    '}' => return value,
                    c => {
                        value = Some(value.unwrap_or(0) * 16 + c.to_digit(16)?)
                            .filter(|value| *value <= char::MAX as u32);
                    }
                }
                value?;
            }
        }
        high => {
            let low = cursor.next()?;
            Some(high.to_digit(16)? * 16 + low.to_digit(16)?)
        }
    }
}

/// A bracketed class; the cursor stands at `[`.
pub(super) fn bracketed(cursor: &mut Cursor<'_>) -> Result<String, RegexpError> {
    let whole = cursor.rest();
    cursor.skip(1);
    let negated = cursor.take('^');
    let mut items = String::new();
    let mut first = true;
    while first || !cursor.rest().starts_with(']') {
        first = false;
        if let Some(class) = posix(cursor)? {
            items.push_str(class);
        } else if let Some(class) = unicode(cursor)? {
            items.push_str(&class);
        } else if let Some(class) = perl(cursor) {
            items.push_str(class);
        } else {
            range(cursor, whole, &mut items)?;
        }
    }
    cursor.skip(1);
    Ok(match (items.is_empty(), negated) {
        (true, false) => NOTHING.to_owned(),
        (true, true) => "[\\x00-\\x{10FFFF}]".to_owned(),
        (false, _) => format!("[{}{items}]", if negated { "^" } else { "" }),
    })
}

/// `[:alpha:]` and its like.
fn posix(cursor: &mut Cursor<'_>) -> Result<Option<&'static str>, RegexpError> {
    const NAMES: [&str; 28] = [
        "[:alnum:]",
        "[:^alnum:]",
        "[:alpha:]",
        "[:^alpha:]",
        "[:ascii:]",
        "[:^ascii:]",
        "[:blank:]",
        "[:^blank:]",
        "[:cntrl:]",
        "[:^cntrl:]",
        "[:digit:]",
        "[:^digit:]",
        "[:graph:]",
        "[:^graph:]",
        "[:lower:]",
        "[:^lower:]",
        "[:print:]",
        "[:^print:]",
        "[:punct:]",
        "[:^punct:]",
        "[:space:]",
        "[:^space:]",
        "[:upper:]",
        "[:^upper:]",
        "[:word:]",
        "[:^word:]",
        "[:xdigit:]",
        "[:^xdigit:]",
    ];
    let rest = cursor.rest();
    if !rest.starts_with("[:") {
        return Ok(None);
    }
    let Some(end) = rest.get(2..).and_then(|body| body.find(":]")) else {
        return Ok(None);
    };
    let written = &rest[..end + 4];
    let Some(name) = NAMES.iter().find(|name| **name == written) else {
        return Err(RegexpError::new(BAD_RANGE, written));
    };
    cursor.skip(written.len());
    Ok(Some(name))
}

/// One character or `a-z`.
fn range(cursor: &mut Cursor<'_>, whole: &str, out: &mut String) -> Result<(), RegexpError> {
    let start = cursor.rest();
    let low = class_char(cursor, whole)?;
    let mut high = low;
    if cursor.rest().len() >= 2
        && cursor.rest().starts_with('-')
        && !cursor.rest().starts_with("-]")
    {
        cursor.skip(1);
        high = class_char(cursor, whole)?;
        if high < low {
            return Err(RegexpError::new(
                BAD_RANGE,
                &start[..start.len() - cursor.rest().len()],
            ));
        }
    }
    // Surrogates are no characters: Go lets them stand in a range, where they match nothing.
    for (from, to) in [(low, high.min(0xd7ff)), (low.max(0xe000), high)] {
        if from <= to {
            push_range(from, to, out);
        }
    }
    Ok(())
}

fn push_range(low: u32, high: u32, out: &mut String) {
    // Two halves of one range when it lies on one side of the surrogates: the other half is empty, so no duplicate.
    push_char(low, out);
    if high > low {
        out.push('-');
        push_char(high, out);
    }
}

fn class_char(cursor: &mut Cursor<'_>, whole: &str) -> Result<u32, RegexpError> {
    if cursor.rest().starts_with('\\') {
        return escape(cursor);
    }
    cursor
        .next()
        .map(|c| c as u32)
        .ok_or_else(|| RegexpError::new(MISSING_BRACKET, whole))
}

/// Writes the character `value` so that it stands for itself inside and outside of classes.
pub(super) fn write_escaped(value: u32, out: &mut String) {
    match char::from_u32(value) {
        Some(c) if c.is_ascii_alphanumeric() || matches!(c, '/' | ' ' | '_') || !c.is_ascii() => {
            out.push(c);
        }
        // Writing to a string cannot fail.
        _ => _ = write!(out, "\\x{{{value:X}}}"),
    }
}
