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

macro_rules! written {
    ($($lower:literal => $written:literal,)+) => {
        /// How the names that most messages carry are written, with the colon.
        fn written(name: &str) -> Option<&'static str> {
            match name {
                $($lower => Some(concat!($written, ": ")),)+
                _ => None,
            }
        }

        #[cfg(test)]
        pub(super) const WRITTEN: &[(&str, &str)] = &[$(($lower, $written)),+];
    };
}

written! {
    "accept" => "Accept",
    "accept-encoding" => "Accept-Encoding",
    "accept-language" => "Accept-Language",
    "accept-ranges" => "Accept-Ranges",
    "access-control-allow-origin" => "Access-Control-Allow-Origin",
    "authorization" => "Authorization",
    "cache-control" => "Cache-Control",
    "content-disposition" => "Content-Disposition",
    "content-encoding" => "Content-Encoding",
    "content-language" => "Content-Language",
    "content-security-policy" => "Content-Security-Policy",
    "content-type" => "Content-Type",
    "cookie" => "Cookie",
    "date" => "Date",
    "etag" => "Etag",
    "expires" => "Expires",
    "if-modified-since" => "If-Modified-Since",
    "if-none-match" => "If-None-Match",
    "last-modified" => "Last-Modified",
    "location" => "Location",
    "origin" => "Origin",
    "pragma" => "Pragma",
    "priority" => "Priority",
    "range" => "Range",
    "referer" => "Referer",
    "referrer-policy" => "Referrer-Policy",
    "sec-ch-ua" => "Sec-Ch-Ua",
    "sec-ch-ua-mobile" => "Sec-Ch-Ua-Mobile",
    "sec-ch-ua-platform" => "Sec-Ch-Ua-Platform",
    "sec-fetch-dest" => "Sec-Fetch-Dest",
    "sec-fetch-mode" => "Sec-Fetch-Mode",
    "sec-fetch-site" => "Sec-Fetch-Site",
    "server" => "Server",
    "set-cookie" => "Set-Cookie",
    "strict-transport-security" => "Strict-Transport-Security",
    "traceparent" => "Traceparent",
    "user-agent" => "User-Agent",
    "vary" => "Vary",
    "via" => "Via",
    "x-content-type-options" => "X-Content-Type-Options",
    "x-forwarded-for" => "X-Forwarded-For",
    "x-forwarded-host" => "X-Forwarded-Host",
    "x-forwarded-port" => "X-Forwarded-Port",
    "x-forwarded-proto" => "X-Forwarded-Proto",
    "x-forwarded-server" => "X-Forwarded-Server",
    "x-frame-options" => "X-Frame-Options",
    "x-real-ip" => "X-Real-Ip",
    "x-request-id" => "X-Request-Id",
}

/// Appends a name as [`canonical_name`] does, and the colon.
pub(super) fn start_line(out: &mut Vec<u8>, name: &HeaderName) {
    match written(name.as_str()) {
        Some(text) => out.extend_from_slice(text.as_bytes()),
        None => {
            canonical_name(out, name);
            out.extend_from_slice(b": ");
        }
    }
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
