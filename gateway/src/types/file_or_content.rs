//! A certificate, key or token given as its text or as the path of a file that holds it.

use std::fmt;
use std::path::Path;

use serde::{Serialize, Serializer};

/// Traefik's rule: if a file of that name exists it is read, otherwise the text itself is the content.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileOrContent(String);

impl FileOrContent {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it was configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What may be a path: anything but PEM and text of several lines. There need not be such a file.
    pub fn as_path(&self) -> Option<&Path> {
        let content = self.0.is_empty() || self.0.contains("-----BEGIN") || self.0.contains('\n');
        (!content).then(|| Path::new(&self.0))
    }

    /// The path, where the text is not itself the content. PEM is recognised without asking the file system.
    pub fn path(&self) -> Option<&Path> {
        self.as_path().filter(|path| path.exists())
    }

    /// The content: of the file if there is one, else the text itself. Reads the file anew each time.
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        match self.path() {
            Some(path) => std::fs::read(path),
            None => Ok(self.0.clone().into_bytes()),
        }
    }

    /// The same where only PEM will do: a text that is neither PEM nor the name of a file is a file that is missing.
    pub fn read_pem(&self) -> std::io::Result<Vec<u8>> {
        if self.path().is_none() && !self.0.contains("-----BEGIN") {
            let missing = "there is no such file";
            return Err(std::io::Error::new(std::io::ErrorKind::NotFound, missing));
        }
        self.read()
    }
}

impl fmt::Debug for FileOrContent {
    /// Shows a path, but never the content, which may be a private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains('\n') || self.0.contains("-----BEGIN") {
            write!(f, "<{} bytes>", self.0.len())
        } else {
            fmt::Debug::fmt(&self.0, f)
        }
    }
}

impl Serialize for FileOrContent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.contains("PRIVATE KEY") {
            return serializer.serialize_str("xxxx");
        }
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn file_if_it_exists() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.crt");
        std::fs::write(&path, "from the file").unwrap();
        assert_eq!(
            FileOrContent::new(path.to_str().unwrap()).read().unwrap(),
            b"from the file"
        );
        assert_eq!(
            FileOrContent::new("/no/such/file").read().unwrap(),
            b"/no/such/file"
        );
    }

    #[test]
    fn a_key_is_never_shown() {
        let key = FileOrContent::new("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----");
        assert!(!format!("{key:?}").contains("abc"));
        assert!(!serde_json::to_string(&key).unwrap().contains("abc"));
    }
}
