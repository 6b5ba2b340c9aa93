//! Media types as `Content-Type` holds them, read as Go's `mime.ParseMediaType` does.

/// Media types without parameters, lower-case.
#[derive(Debug, Default)]
pub(super) struct MediaTypes(Vec<Box<str>>);

impl MediaTypes {
    /// Reads configured types. Their parameters do not count.
    pub(super) fn new(configured: &[String]) -> Result<Self, String> {
        let read = |text: &String| {
            let found = parse(text.as_bytes()).and_then(|found| str::from_utf8(found).ok());
            found
                .map(|found| found.to_ascii_lowercase().into())
                .ok_or_else(|| format!("{text:?} is no media type, such as text/html"))
        };
        configured
            .iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Adds one, lower-case.
    pub(super) fn add(&mut self, name: &str) {
        self.0.push(name.into());
    }

    /// Whether `found` is one of them.
    pub(super) fn contains(&self, found: &[u8]) -> bool {
        self.0
            .iter()
            .any(|known| known.as_bytes().eq_ignore_ascii_case(found))
    }
}

/// The type before the parameters; `None` where the whole is not well-formed.
pub(super) fn parse(value: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let (found, mut rest) = value.split_at_checked(end)?;
    let found = found.trim_ascii();
    let mut parts = found.splitn(2, |&byte| byte == b'/');
    // Go takes a type without a slash, too.
    if !parts.all(is_token) {
        return None;
    }
    while !rest.is_empty() {
        rest = match parameter(rest) {
            Some(rest) => rest,
            None if rest.trim_ascii() == b";" => break,
            None => return None,
        };
    }
    Some(found)
}

/// What follows a `; name=value` at the front of `rest`.
fn parameter(rest: &[u8]) -> Option<&[u8]> {
    let rest = rest.trim_ascii_start().strip_prefix(b";")?;
    let rest = token(rest.trim_ascii_start())?;
    let rest = rest.trim_ascii_start().strip_prefix(b"=")?;
    let rest = rest.trim_ascii_start();
    let Some(mut quoted) = rest.strip_prefix(b"\"") else {
        return token(rest).map(<[u8]>::trim_ascii_start);
    };
    loop {
        match quoted {
            [b'"', rest @ ..] => return Some(rest.trim_ascii_start()),
            [b'\\', _, rest @ ..] | [_, rest @ ..] => quoted = rest,
            [] => return None,
        }
    }
}

/// What follows a token.
fn token(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().position(|&byte| !is_token_byte(byte));
    let (token, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    (!token.is_empty()).then_some(rest)
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_token_byte(byte))
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_or_nothing() {
        for (value, found) in [
            ("text/html", Some("text/html")),
            (" text/html ; charset=utf-8", Some("text/html")),
            ("text/html;", Some("text/html")),
            ("text/html; a=\"x\\\";y\"; b=c", Some("text/html")),
            ("bad", Some("bad")),
            ("", None),
            ("/", None),
            ("text/", None),
            ("text/a b", None),
            ("text/html; charset", None),
            ("text/html; a=\"x", None),
        ] {
            assert_eq!(parse(value.as_bytes()), found.map(str::as_bytes), "{value}");
        }
    }
}
