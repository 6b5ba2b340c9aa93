//! The Redis server's URL, from one variable or from its pieces.

use redis::IntoConnectionInfo as _;

use super::Secret;
use super::reader::Reader;

const ALLOWED: &str = "redis://[:PASSWORD@]HOST[:PORT][/DATABASE], or rediss:// for TLS";

/// The URL with its password, or `None` for the embedded store.
pub(super) fn read(reader: &mut Reader) -> Option<Secret> {
    let password = reader.secret("REDIS_PASSWORD");
    if let Some(url) = reader.text("REDIS_URL") {
        return whole(reader, &url, password.as_ref());
    }
    let host = reader.text("REDIS_HOST");
    // Whoever names a port means a server, by the name it has in the compose file.
    if host.is_none() && reader.text("REDIS_PORT").is_none() {
        if password.is_some() {
            let message = "is not used: neither REDIS_URL nor REDIS_HOST is set, so state is kept in the embedded store";
            reader.warn("REDIS_PASSWORD", message);
        }
        return None;
    }
    let host = host.unwrap_or_else(|| "redis".to_owned());
    let port = reader.number("REDIS_PORT", 6379_u16, 1..=65535);
    // A bare IPv6 address needs brackets in a URL.
    let shown = match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host,
    };
    match complete(&format!("redis://{shown}:{port}"), password.as_ref()) {
        Some(url) => Some(url),
        None => {
            reader.problem(
                "REDIS_HOST",
                "is not a host name",
                "a host name or an IP address",
            );
            None
        }
    }
}

fn whole(reader: &mut Reader, url: &str, password: Option<&Secret>) -> Option<Secret> {
    let known = url.starts_with("redis://") || url.starts_with("rediss://");
    let complete = known.then(|| complete(url, password)).flatten();
    if complete.is_none() {
        // It may hold the password, so it is not shown.
        let reason = if known {
            "can't be read as a URL (shown nowhere, as it may hold a password; special characters in passwords are percent-encoded)"
        } else {
            "does not begin with redis:// or rediss://"
        };
        reader.secret_problem("REDIS_URL", reason, ALLOWED);
    }
    complete
}

/// The URL with the password put in where it has none, if Redis clients can use it.
fn complete(url: &str, password: Option<&Secret>) -> Option<Secret> {
    let mut url = redis::parse_redis_url(url)?;
    if url.host_str().is_none_or(str::is_empty) {
        return None;
    }
    if let Some(password) = password
        && url.password().is_none()
    {
        url.set_password(Some(password.expose())).ok()?;
    }
    let text = url.to_string();
    text.as_str().into_connection_info().ok()?;
    Some(Secret::new(text))
}
