//! Field names: common ones without an allocation, and the case in which they are written.

use ::http::HeaderName;

macro_rules! interned {
    ($($length:literal => [$($name:literal),+ $(,)?]),+ $(,)?) => {
        /// Names that `http` does not know but that most proxied requests carry, by length.
        fn interned(name: &[u8]) -> Option<HeaderName> {
            match name.len() {
                $($length => {
                    $(if name.eq_ignore_ascii_case($name.as_bytes()) {
                        const NAME: HeaderName = HeaderName::from_static($name);
                        return Some(NAME);
                    })+
                    None
                })+
                _ => None,
            }
        }

        #[cfg(test)]
        pub(super) const INTERNED: &[(usize, &str)] = &[$($(($length, $name)),+),+];
    };
}

interned! {
    8 => ["priority"],
    9 => ["sec-ch-ua", "x-real-ip"],
    10 => ["keep-alive", "connection"],
    11 => ["traceparent", "grpc-status"],
    12 => ["x-request-id", "x-powered-by", "grpc-message", "grpc-timeout"],
    14 => ["sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user"],
    15 => ["x-forwarded-for"],
    16 => ["x-forwarded-host", "x-forwarded-port", "proxy-connection", "sec-ch-ua-mobile", "x-correlation-id", "x-requested-with"],
    17 => ["x-forwarded-proto"],
    18 => ["x-forwarded-server", "x-forwarded-prefix", "sec-ch-ua-platform"],
}

/// The name, in lower case; `None` if it is empty or holds a byte that names may not hold.
pub(super) fn parse(name: &[u8]) -> Option<HeaderName> {
    interned(name).or_else(|| HeaderName::from_bytes(name).ok())
}

/// Appends a lower-case name as Go and browsers write it: `X-Forwarded-For`, `Sec-WebSocket-Key`.
pub fn canonical_name(out: &mut Vec<u8>, name: &HeaderName) {
    let start = out.len();
    out.extend_from_slice(name.as_str().as_bytes());
    let Some(written) = out.get_mut(start..) else {
        return;
    };
    let web_socket = written.starts_with(b"sec-websocket-");
    let mut upper = true;
    for byte in written.iter_mut() {
        if upper {
            byte.make_ascii_uppercase();
        }
        upper = *byte == b'-';
    }
    // Traefik undoes Go's `Sec-Websocket`: some servers compare the name byte by byte.
    if web_socket && let Some(byte) = written.get_mut(7) {
        byte.make_ascii_uppercase();
    }
}
