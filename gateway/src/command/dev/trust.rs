//! How to make this machine trust the local certificate authority, in words for a terminal.

use std::path::Path;

/// Instructions per system and browser; `ca` is named by its full path, so that the lines can be copied from anywhere.
pub fn instructions(ca: &Path) -> String {
    let ca = std::path::absolute(ca).unwrap_or_else(|_| ca.to_owned());
    let ca = quoted(&ca.to_string_lossy());
    format!(
        "\
To trust the local certificate authority (its key can sign for localhost only):
  Debian, Ubuntu   sudo cp {ca} /usr/local/share/ca-certificates/local-dev-ca.crt && sudo update-ca-certificates
  Fedora, RHEL     sudo cp {ca} /etc/pki/ca-trust/source/anchors/local-dev-ca.crt && sudo update-ca-trust
  Arch             sudo trust anchor --store {ca}
  macOS            sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {ca}
  Chrome on Linux  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n local-dev-ca -i {ca}   (package libnss3-tools)
  Firefox          Settings, Privacy & Security, View Certificates, Authorities, Import: {ca}
  curl, once       curl --cacert {ca} https://localhost:PORT/
"
    )
}

/// Safe in a shell line, whatever the folder is called.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_file_by_its_full_path() {
        let text = instructions(Path::new("certs/dev-ca.crt"));
        let here = std::env::current_dir().unwrap_or_default();
        assert!(here.is_absolute());
        assert!(text.contains("/certs/dev-ca.crt"));
        assert!(!text.contains(" certs/dev-ca.crt"));
    }

    #[test]
    fn quotes_what_a_shell_would_split() {
        assert_eq!(quoted("/a/b-c.crt"), "/a/b-c.crt");
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
