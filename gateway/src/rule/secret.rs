//! Which fields and parameters hold what nobody should read in an explanation or a log.

/// Parts of names that give secrets away.
const TELLING: [&str; 12] = [
    "auth",
    "cookie",
    "token",
    "secret",
    "passw",
    "api-key",
    "apikey",
    "api_key",
    "session",
    "signature",
    "credential",
    "jwt",
];

/// Whether the value of a field or parameter of this name is not to be shown.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in [
            "Authorization",
            "Cookie",
            "X-Api-Key",
            "access_token",
            "Proxy-Authorization",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["Host", "User-Agent", "Accept", "page"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
