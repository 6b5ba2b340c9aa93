//! Redirections. A `Location` is a URL parsed and put together again, as Go does it: what a template made is a URL or nothing.

use ::http::{HeaderValue, Method, StatusCode, header};

use super::{Body, Response, path};

/// The answer that sends a client to `url`, as Traefik gives it: the method decides whether it must be kept.
/// 500 where the text is no URL.
pub fn redirect(url: &str, method: &Method, permanent: bool) -> Response {
    let Some(Ok(location)) = location(url).map(HeaderValue::try_from) else {
        tracing::debug!(url, "a redirection leads to no URL");
        return plain(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = plain(match (permanent, *method == Method::GET) {
        (false, true) => StatusCode::FOUND,
        (false, false) => StatusCode::TEMPORARY_REDIRECT,
        (true, true) => StatusCode::MOVED_PERMANENTLY,
        (true, false) => StatusCode::PERMANENT_REDIRECT,
    });
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// An answer whose body is the status's text, without a Content-Type.
pub fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::from(status.canonical_reason().unwrap_or_default()));
    *response.status_mut() = status;
    response
}

/// `text` as Go's `url.Parse` and `URL.String` give it back; `None` where it is no URL.
pub fn location(text: &str) -> Option<String> {
    let (url, fragment) = match text.split_once('#') {
        Some((url, fragment)) => (url, Some(fragment)),
        None => (text, None),
    };
    if url.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return None;
    }
    let (scheme, rest) = scheme(url)?;
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let mut out = String::with_capacity(text.len() + 8);
    if let Some(scheme) = scheme {
        out.push_str(&scheme.to_ascii_lowercase());
        out.push(':');
    }
    push_hierarchy(&mut out, scheme.is_some(), rest)?;
    if let Some(query) = query {
        out.push('?');
        out.push_str(query);
    }
    if let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) {
        if path::invalid_escape(fragment).is_some() {
            return None;
        }
        out.push('#');
        push_escaped(&mut out, fragment, |byte| {
            is_unreserved(byte) || b"!$&'()*+,;=:@/?[]%".contains(&byte)
        });
    }
    Some(out)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Scheme and what follows it; `None` for a colon with nothing before it.
fn scheme(url: &str) -> Option<(Option<&str>, &str)> {
    for (at, byte) in url.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return None,
            b':' => return Some((url.get(..at), url.get(at + 1..).unwrap_or_default())),
            _ => break,
        }
    }
    Some((None, url))
}

/// Authority and path, or the opaque part of a URL such as `mailto:x`.
fn push_hierarchy(out: &mut String, has_scheme: bool, rest: &str) -> Option<()> {
    if !rest.starts_with('/') {
        if has_scheme {
            out.push_str(rest);
            return Some(());
        }
        // `a:b` would be read as a scheme by whoever gets it.
        if rest
            .split('/')
            .next()
            .is_some_and(|first| first.contains(':'))
        {
            return None;
        }
    }
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest_) if has_scheme || !rest.starts_with("///") => {
            rest_.split_at(rest_.find('/').unwrap_or(rest_.len()))
        }
        _ => ("", rest),
    };
    if path::invalid_escape(path).is_some() {
        return None;
    }
    if has_scheme || !authority.is_empty() {
        if !authority.is_empty() || !path.is_empty() {
            out.push_str("//");
        }
        push_authority(out, authority)?;
    }
    out.push_str(&path::escaped(path));
    Some(())
}

fn push_authority(out: &mut String, authority: &str) -> Option<()> {
    let host = match authority.rsplit_once('@') {
        Some((user, host)) => {
            let valid = |byte: u8| is_unreserved(byte) || b"!$&'()*+,;=:@%".contains(&byte);
            if !user.bytes().all(valid) || path::invalid_escape(user).is_some() {
                return None;
            }
            out.push_str(user);
            out.push('@');
            host
        }
        None => authority,
    };
    let port = match host.strip_prefix('[') {
        Some(inside) => inside.rsplit_once(']')?.1,
        None => host
            .rfind(':')
            .and_then(|colon| host.get(colon..))
            .unwrap_or_default(),
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    if (!port.is_empty() && !port.starts_with(':')) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let valid =
        |byte: u8| byte >= 0x80 || is_unreserved(byte) || b"!$&'()*+,;=:[]<>\"".contains(&byte);
    if !host.bytes().all(valid) {
        return None;
    }
    push_escaped(out, host, |byte| byte < 0x80);
    Some(())
}

fn push_escaped(out: &mut String, text: &str, plain: impl Fn(u8) -> bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_come_back_as_go_writes_them() {
        for (text, back) in [
            ("http://a.test/x?y=1#z", "http://a.test/x?y=1#z"),
            ("HTTPS://a.test:8443", "https://a.test:8443"),
            (
                "https://a.test/new/%C3%A9%20x;y,z",
                "https://a.test/new/%C3%A9%20x;y,z",
            ),
            ("https://a.test/a b", "https://a.test/a%20b"),
            ("https://a.test/é", "https://a.test/%C3%A9"),
            ("https://[::1]:80/", "https://[::1]:80/"),
            ("https://u:p@a.test/", "https://u:p@a.test/"),
            ("/only/path?", "/only/path?"),
            ("//host/x", "//host/x"),
            ("mailto:x@y", "mailto:x@y"),
            ("", ""),
            ("https://a.test?q", "https://a.test?q"),
            ("https:///x", "https:///x"),
        ] {
            assert_eq!(location(text).as_deref(), Some(back), "{text}");
        }
        for bad in [
            ":x",
            "a_b:c/d",
            "http://a.test:port/",
            "http://a b/",
            "http://[::1/",
            "http://a.test/%zz",
            "http://a.test/\n",
            "http://a<\u{7f}>/",
        ] {
            assert_eq!(location(bad), None, "{bad}");
        }
    }
}
