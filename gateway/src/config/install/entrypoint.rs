//! Entry points: the addresses that are listened on and what holds for everything that arrives there.

use std::fmt;

use crate::config::dynamic::Domain;
use crate::config::object::object;
use crate::types::Duration;

object! {
    /// One address and what holds for everything that arrives there.
    pub struct EntryPoint {
        /// Entry point address: `[host]:port[/tcp|/udp]`.
        address: String => "address",
        /// Enables handling of ACME TLS and HTTP challenges with custom routers.
        allow_acme_by_pass: bool => "allowACMEByPass",
        /// Enables EntryPoints from the same or different processes listening on the same TCP/UDP port.
        reuse_port: bool => "reusePort",
        /// Adds this EntryPoint to the list of default EntryPoints to be used on routers that don't have any Entrypoint option.
        as_default: bool => "asDefault",
        /// Configures communication between clients and the gateway.
        transport: EntryPointTransport => "transport",
        /// Proxy-Protocol configuration.
        proxy_protocol: Option<ProxyProtocol> => "proxyProtocol" [empty],
        /// Trust client forwarding headers.
        forwarded_headers: ForwardedHeaders => "forwardedHeaders",
        /// HTTP configuration.
        http: EntryPointHttp => "http",
        /// HTTP/2 configuration.
        http2: Http2 => "http2",
        /// HTTP/3 configuration.
        http3: Option<Http3> => "http3" [empty idle],
        /// UDP configuration.
        udp: UdpTimeouts => "udp" [idle],
        /// Observability configuration.
        observability: Option<EntryPointObservability> => "observability",
    }

    /// Timeouts and life cycle of connections.
    pub struct EntryPointTransport {
        /// Timeouts influencing the server life cycle.
        life_cycle: LifeCycle => "lifeCycle",
        /// Timeouts for incoming requests.
        responding_timeouts: RespondingTimeouts => "respondingTimeouts",
        /// Maximum duration before closing a keep-alive connection.
        keep_alive_max_time: Duration => "keepAliveMaxTime",
        /// Maximum number of requests before closing a keep-alive connection.
        keep_alive_max_requests: i64 => "keepAliveMaxRequests",
    }

    /// The end of the process.
    pub struct LifeCycle {
        /// Duration to keep accepting requests before the graceful shutdown procedure begins.
        request_accept_grace_timeout: Duration => "requestAcceptGraceTimeout",
        /// Duration to give active requests a chance to finish before the process stops.
        grace_time_out: Duration => "graceTimeOut" = Duration::from_secs(10),
    }

    /// Timeouts for incoming requests; zero means none.
    pub struct RespondingTimeouts {
        /// ReadTimeout is the maximum duration for reading the entire request, including the body.
        read_timeout: Duration => "readTimeout" = Duration::from_secs(60),
        /// WriteTimeout is the maximum duration before timing out writes of the response.
        write_timeout: Duration => "writeTimeout",
        /// IdleTimeout is the maximum amount duration an idle (keep-alive) connection will remain idle before closing itself.
        idle_timeout: Duration => "idleTimeout" = Duration::from_secs(180),
    }

    /// Whose `X-Forwarded-*` headers are believed.
    pub struct ForwardedHeaders {
        /// Trust all forwarded headers.
        insecure: bool => "insecure",
        /// Trust only forwarded headers from selected IPs.
        trusted_ips: Vec<String> => "trustedIPs",
        /// List of Connection headers that are allowed to pass through the middleware chain before being removed.
        connection: Vec<String> => "connection",
        /// Disable appending RemoteAddr to X-Forwarded-For header. Defaults to false (appending is enabled).
        not_append_x_forwarded_for: bool => "notAppendXForwardedFor" [empty],
        /// Add the X-Forwarded-Scheme and X-Scheme headers.
        add_x_forwarded_scheme_headers: bool => "addXForwardedSchemeHeaders",
    }

    /// Whose PROXY headers are read.
    pub struct ProxyProtocol {
        /// Trust all.
        insecure: bool => "insecure",
        /// Trust only selected IPs.
        trusted_ips: Vec<String> => "trustedIPs",
    }

    /// HTTP on the entry point.
    pub struct EntryPointHttp {
        /// Set of redirection
        redirections: Option<Redirections> => "redirections",
        /// Default middlewares for the routers linked to the entry point.
        middlewares: Vec<String> => "middlewares",
        /// Default TLS configuration for the routers linked to the entry point.
        tls: Option<EntryPointTls> => "tls" [empty],
        /// Defines which encoded characters are allowed in the request path.
        encoded_characters: Option<AllowedEncodedCharacters> => "encodedCharacters",
        /// Defines whether request query semicolons should be URLEncoded.
        encode_query_semicolons: bool => "encodeQuerySemicolons",
        /// Defines whether to enable request path sanitization (removal of /./, /../ and multiple slash sequences).
        sanitize_path: Option<bool> => "sanitizePath" = Some(true),
        /// Maximum size of request headers in bytes.
        max_header_bytes: i64 => "maxHeaderBytes" = 1_048_576,
        /// Defines the strategy for request headers whose name contains underscores: keep, delete or reject.
        underscore_headers_strategy: String => "underscoreHeadersStrategy" = "keep".to_owned(),
    }

    /// Redirections of everything that arrives.
    pub struct Redirections {
        /// Set of redirection for an entry point.
        entry_point: Option<RedirectEntryPoint> => "entryPoint",
    }

    /// Redirection to another entry point.
    pub struct RedirectEntryPoint {
        /// Targeted entry point of the redirection.
        to: String => "to",
        /// Scheme used for the redirection.
        scheme: String => "scheme" = "https".to_owned(),
        /// Applies a permanent redirection.
        permanent: bool => "permanent" = true,
        /// Priority of the generated router.
        priority: i64 => "priority" = i64::MAX - 1,
    }

    /// TLS for the routers of the entry point.
    pub struct EntryPointTls {
        /// Default TLS options for the routers linked to the entry point.
        options: String => "options",
        /// Default certificate resolver for the routers linked to the entry point.
        cert_resolver: String => "certResolver",
        /// Default TLS domains for the routers linked to the entry point.
        domains: Vec<Domain> => "domains",
    }

    /// Which encoded characters a path may have.
    pub struct AllowedEncodedCharacters {
        /// Defines whether requests with encoded slash characters in the path are allowed.
        allow_encoded_slash: bool => "allowEncodedSlash" = true,
        /// Defines whether requests with encoded back slash characters in the path are allowed.
        allow_encoded_back_slash: bool => "allowEncodedBackSlash" = true,
        /// Defines whether requests with encoded null characters in the path are allowed.
        allow_encoded_null_character: bool => "allowEncodedNullCharacter" = true,
        /// Defines whether requests with encoded semicolon characters in the path are allowed.
        allow_encoded_semicolon: bool => "allowEncodedSemicolon" = true,
        /// Defines whether requests with encoded percent characters in the path are allowed.
        allow_encoded_percent: bool => "allowEncodedPercent" = true,
        /// Defines whether requests with encoded question mark characters in the path are allowed.
        allow_encoded_question_mark: bool => "allowEncodedQuestionMark" = true,
        /// Defines whether requests with encoded hash characters in the path are allowed.
        allow_encoded_hash: bool => "allowEncodedHash" = true,
    }

    /// HTTP/2 on the entry point.
    pub struct Http2 {
        /// Specifies the number of concurrent streams per connection that each client is allowed to initiate.
        max_concurrent_streams: i32 => "maxConcurrentStreams" = 250,
        /// Specifies the maximum size of the HTTP/2 HPACK header table on the decoding (receiving from client) side.
        max_decoder_header_table_size: i32 => "maxDecoderHeaderTableSize" = 4096,
        /// Specifies the maximum size of the HTTP/2 HPACK header table on the encoding (sending to client) side.
        max_encoder_header_table_size: i32 => "maxEncoderHeaderTableSize" [idle] = 4096,
    }

    /// HTTP/3 on the entry point.
    pub struct Http3 {
        /// UDP port to advertise, on which HTTP/3 is available.
        advertised_port: i64 => "advertisedPort",
    }

    /// UDP sessions.
    pub struct UdpTimeouts {
        /// Timeout defines how long to wait on an idle session before releasing the related resources.
        timeout: Duration => "timeout" = Duration::from_secs(3),
    }

    /// What of the entry point's traffic is recorded.
    pub struct EntryPointObservability {
        /// Enables access-logs for this entryPoint.
        access_logs: Option<bool> => "accessLogs" = Some(true),
        /// Enables metrics for this entryPoint.
        metrics: Option<bool> => "metrics" = Some(true),
        /// Enables tracing for this entryPoint.
        tracing: Option<bool> => "tracing" = Some(true),
        /// Defines the tracing verbosity level for this entryPoint.
        trace_verbosity: String => "traceVerbosity" = "minimal".to_owned(),
    }
}

/// Transport of an entry point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    Tcp,
    Udp,
}

/// An entry point's address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name or address without brackets; empty means every address.
    pub host: String,
    pub port: u16,
    pub protocol: Protocol,
}

/// Why an entry point's address is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("invalid protocol: {0}; write /tcp or /udp, or leave it out for tcp")]
    Protocol(String),
    #[error("address {0:?} has no port; write for example \":80\" or \"127.0.0.1:8080\"")]
    MissingPort(String),
    #[error("address {0:?} has an invalid port; ports are 0 to 65535")]
    Port(String),
    #[error("address {0:?} has an IPv6 address without brackets; write \"[{1}]:port\"")]
    Brackets(String, String),
    #[error("the entry point has no address; write for example address: \":80\"")]
    Empty,
}

impl EntryPoint {
    /// The address taken apart: `:80`, `host:80`, `[::1]:80/udp`.
    pub fn parse_address(&self) -> Result<Address, AddressError> {
        let text = self.address.as_str();
        let (socket, protocol) = match text.split_once('/') {
            None => (text, Protocol::Tcp),
            Some((socket, name)) if name.eq_ignore_ascii_case("tcp") => (socket, Protocol::Tcp),
            Some((socket, name)) if name.eq_ignore_ascii_case("udp") => (socket, Protocol::Udp),
            Some((_, name)) => return Err(AddressError::Protocol(name.to_owned())),
        };
        if socket.is_empty() {
            return Err(AddressError::Empty);
        }
        let (host, port) = socket
            .rsplit_once(':')
            .ok_or_else(|| AddressError::MissingPort(text.to_owned()))?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        if bare.is_none() && host.contains([':', '[', ']']) {
            return Err(match host.starts_with('[') {
                true => AddressError::MissingPort(text.to_owned()),
                false => AddressError::Brackets(text.to_owned(), host.to_owned()),
            });
        }
        let port = port
            .parse()
            .map_err(|_| AddressError::Port(text.to_owned()))?;
        Ok(Address {
            host: bare.unwrap_or(host).to_owned(),
            port,
            protocol,
        })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str) -> Result<Address, AddressError> {
        EntryPoint {
            address: address.to_owned(),
            ..EntryPoint::default()
        }
        .parse_address()
    }

    fn is(address: &str, host: &str, port: u16, protocol: Protocol) {
        assert_eq!(
            parse(address),
            Ok(Address {
                host: host.to_owned(),
                port,
                protocol
            }),
            "{address}"
        );
    }

    #[test]
    fn address_forms() {
        is(":80", "", 80, Protocol::Tcp);
        is("127.0.0.1:8080/tcp", "127.0.0.1", 8080, Protocol::Tcp);
        is("localhost:1/TCP", "localhost", 1, Protocol::Tcp);
        is("[::1]:53/udp", "::1", 53, Protocol::Udp);
        is(":0", "", 0, Protocol::Tcp);
    }

    #[test]
    fn refused_addresses() {
        for bad in [
            "",
            "127.0.0.1",
            ":99999",
            ":http",
            "127.0.0.1:1/sctp",
            "::1:80",
            "[::1]",
            ":",
            "/tcp",
            ":-1",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
