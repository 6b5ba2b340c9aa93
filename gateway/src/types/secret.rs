//! A text that must not appear in logs, debug output or the API.

use std::fmt;

use serde::{Serialize, Serializer};

/// What is shown in place of a secret.
const REDACTED: &str = "xxxx";

/// A password or token. `Debug` and `Serialize` show `xxxx`; only [`Secret::expose`] gives the text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Call it where it is used, never to print it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { REDACTED })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_empty() { "" } else { REDACTED })
    }
}

/// A line of a user file: a name, and behind its first colon what proves it. `Debug` and `Serialize` show the name only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UserLine(Secret);

impl UserLine {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text))
    }

    /// The whole line. Call it where it is used, never to print it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn shown(&self) -> String {
        match self.expose().split_once(':') {
            Some((name, _)) => format!("{name}:{REDACTED}"),
            None if self.is_empty() => String::new(),
            // Perhaps the hash alone.
            None => REDACTED.to_owned(),
        }
    }
}

impl fmt::Debug for UserLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown().fmt(f)
    }
}

impl Serialize for UserLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn never_shown() {
        let secret = Secret::new("hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert!(!serde_json::to_string(&secret).unwrap().contains("hunter2"));
        assert_eq!(secret.expose(), "hunter2");
        let line = UserLine::new("me:realm:hunter2");
        assert_eq!(format!("{line:?}"), "\"me:xxxx\"");
        assert_eq!(serde_json::to_string(&line).unwrap(), "\"me:xxxx\"");
        assert!(!format!("{:?}", UserLine::new("hunter2")).contains("hunter2"));
        assert_eq!(line.expose(), "me:realm:hunter2");
    }
}
