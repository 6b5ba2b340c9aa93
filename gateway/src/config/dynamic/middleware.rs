//! HTTP middlewares: one struct each, defaults as Traefik's.

use std::collections::BTreeMap;

use super::{ApiKey, BasicAuth, ClientTls, DigestAuth, ForwardAuth, Headers, Hmac, Jwt};
use crate::config::decode::Anything;
use crate::config::object::object;
use crate::types::{Duration, IpStrategy, IpStrategyError, Secret};

object! {
    /// A middleware; exactly one of its types is to be set.
    pub struct Middleware {
        /// Puts a prefix before the path.
        add_prefix: Option<AddPrefix> => "addPrefix",
        /// Takes prefixes from the path.
        strip_prefix: Option<StripPrefix> => "stripPrefix",
        /// Takes what matches from the front of the path.
        strip_prefix_regex: Option<StripPrefixRegex> => "stripPrefixRegex",
        /// Sets the path.
        replace_path: Option<ReplacePath> => "replacePath",
        /// Rewrites the path.
        replace_path_regex: Option<ReplacePathRegex> => "replacePathRegex",
        /// Other middlewares in a row.
        chain: Option<Chain> => "chain",
        /// Deprecated name of `ipAllowList`.
        ip_white_list: Option<IpWhiteList> => "ipWhiteList",
        /// Lets only some addresses in.
        ip_allow_list: Option<IpAllowList> => "ipAllowList",
        /// Adds and removes headers; CORS and security headers.
        headers: Option<Headers> => "headers",
        /// Refuses encoded characters in paths.
        encoded_characters: Option<EncodedCharacters> => "encodedCharacters",
        /// Fetches error pages from a service.
        errors: Option<ErrorPage> => "errors",
        /// Limits requests by time.
        rate_limit: Option<RateLimit> => "rateLimit",
        /// Redirects what matches.
        redirect_regex: Option<RedirectRegex> => "redirectRegex",
        /// Redirects to another scheme or port.
        redirect_scheme: Option<RedirectScheme> => "redirectScheme",
        /// Asks for a password (Basic).
        basic_auth: Option<BasicAuth> => "basicAuth",
        /// Asks for a password (Digest).
        digest_auth: Option<DigestAuth> => "digestAuth",
        /// Asks another service.
        forward_auth: Option<ForwardAuth> => "forwardAuth",
        /// Asks for an API key. Traefik's open edition does not have it.
        api_key: Option<ApiKey> => "apiKey",
        /// Asks for a JSON Web Token. Traefik's open edition does not have it.
        jwt: Option<Jwt> => "jwt",
        /// Asks for a signature with a shared key. Traefik's open edition does not have it.
        hmac: Option<Hmac> => "hmac",
        /// Limits simultaneous requests.
        in_flight_req: Option<InFlightReq> => "inFlightReq",
        /// Holds whole bodies.
        buffering: Option<Buffering> => "buffering",
        /// Stops asking a failing service.
        circuit_breaker: Option<CircuitBreaker> => "circuitBreaker",
        /// Compresses answers.
        compress: Option<Compress> => "compress" [empty],
        /// Tells the service about the client's certificate.
        pass_tls_client_cert: Option<PassTlsClientCert> => "passTLSClientCert",
        /// Tries again.
        retry: Option<Retry> => "retry",
        /// Guesses a missing Content-Type.
        content_type: Option<ContentType> => "contentType" [empty],
        /// Translates gRPC-Web.
        grpc_web: Option<GrpcWeb> => "grpcWeb",
        /// Answers with what the server said before. Traefik's open edition does not have it.
        http_cache: Option<HttpCache> => "httpCache" [empty],
        /// Limits WebSockets. Traefik does not have it.
        web_socket: Option<WebSocket> => "webSocket",
        /// Options of plugins, by plugin name.
        plugin: BTreeMap<String, Anything> => "plugin",
    }

    /// Puts a prefix before the path.
    pub struct AddPrefix {
        /// The prefix, with its leading slash.
        prefix: String => "prefix",
    }

    /// Takes prefixes from the path.
    pub struct StripPrefix {
        /// The prefixes; the first that fits is taken.
        prefixes: Vec<String> => "prefixes",
        /// Deprecated: a slash in place of an empty path.
        force_slash: Option<bool> => "forceSlash",
    }

    /// Takes what matches from the front of the path.
    pub struct StripPrefixRegex {
        /// The expressions; the first that fits is taken.
        regex: Vec<String> => "regex",
    }

    /// Sets the path.
    pub struct ReplacePath {
        /// The path.
        path: String => "path",
    }

    /// Rewrites the path.
    pub struct ReplacePathRegex {
        /// The expression.
        regex: String => "regex",
        /// What takes the place of the match, with `$1` and `${name}`.
        replacement: String => "replacement",
    }

    /// Other middlewares in a row.
    pub struct Chain {
        /// Their names.
        middlewares: Vec<String> => "middlewares",
    }

    /// Which address a client counts as.
    pub struct IpStrategyOptions {
        /// Position in `X-Forwarded-For` from the right; 0 means the peer's address.
        depth: i64 => "depth",
        /// Addresses in `X-Forwarded-For` that are passed over.
        excluded_ips: Vec<String> => "excludedIPs",
        /// Bits of an IPv6 address that count.
        ipv6_subnet: Option<i64> => "ipv6Subnet",
    }

    /// Deprecated name of `ipAllowList`.
    pub struct IpWhiteList {
        /// Addresses and CIDR ranges.
        source_range: Vec<String> => "sourceRange",
        /// Which address counts.
        ip_strategy: Option<IpStrategyOptions> => "ipStrategy" [empty],
    }

    /// Lets only some addresses in.
    pub struct IpAllowList {
        /// Addresses and CIDR ranges.
        source_range: Vec<String> => "sourceRange",
        /// Which address counts.
        ip_strategy: Option<IpStrategyOptions> => "ipStrategy" [empty],
        /// Status of a refusal; 0 means 403.
        reject_status_code: i64 => "rejectStatusCode",
    }

    /// Which encoded characters a path may have; all are refused where not allowed.
    pub struct EncodedCharacters {
        /// `%2F`
        allow_encoded_slash: bool => "allowEncodedSlash",
        /// `%5C`
        allow_encoded_back_slash: bool => "allowEncodedBackSlash",
        /// `%00`
        allow_encoded_null_character: bool => "allowEncodedNullCharacter",
        /// `%3B`
        allow_encoded_semicolon: bool => "allowEncodedSemicolon",
        /// `%25`
        allow_encoded_percent: bool => "allowEncodedPercent",
        /// `%3F`
        allow_encoded_question_mark: bool => "allowEncodedQuestionMark",
        /// `%23`
        allow_encoded_hash: bool => "allowEncodedHash",
    }

    /// Fetches error pages from a service.
    pub struct ErrorPage {
        /// Status codes and ranges, for example `500-599`.
        status: Vec<String> => "status",
        /// Status code or range to the status that is sent in its place.
        status_rewrites: BTreeMap<String, i64> => "statusRewrites",
        /// The service of the pages.
        service: String => "service",
        /// Path of the page, with `{status}`, `{originalStatus}` and `{url}`.
        query: String => "query",
        /// Request headers the page's request takes over; empty means all.
        error_request_headers: Vec<String> => "errorRequestHeaders",
    }

    /// Limits requests by time (token bucket).
    pub struct RateLimit {
        /// Requests in a period; 0 means no limit.
        average: i64 => "average",
        /// The period.
        period: Duration => "period" = Duration::from_secs(1),
        /// Size of the bucket.
        burst: i64 => "burst" = 1,
        /// What counts as one client.
        source_criterion: Option<SourceCriterion> => "sourceCriterion",
        /// Buckets that several gateways share.
        redis: Option<RateLimitRedis> => "redis",
        /// Whether answers carry `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11): what the
        /// limit is, and what is left of it. By default they do. Traefik has no such option.
        headers: Option<bool> => "headers",
    }

    /// The Redis of shared buckets. Keys, and what is in them, are Traefik's.
    pub struct RateLimitRedis {
        /// Host and port, or the path of a socket. Several are nodes of a Redis Cluster, which tell of the others.
        endpoints: Vec<String> => "endpoints" = vec!["localhost:6379".to_owned()],
        /// TLS towards it.
        tls: Option<ClientTls> => "tls",
        /// User name.
        username: Secret => "username",
        /// Password.
        password: Secret => "password",
        /// Database number.
        db: i64 => "db",
        /// Connections. Accepted without effect: each worker has one, which carries all its questions at once.
        pool_size: i64 => "poolSize",
        /// Idle connections kept at least. Accepted without effect, see `poolSize`.
        min_idle_conns: i64 => "minIdleConns",
        /// Connections at most. Accepted without effect, see `poolSize`.
        max_active_conns: i64 => "maxActiveConns",
        /// For an answer; zero or less waits for ever.
        read_timeout: Option<Duration> => "readTimeout" = Some(Duration::from_secs(3)),
        /// For sending a command, and added to `readTimeout`; zero or less waits for ever.
        write_timeout: Option<Duration> => "writeTimeout" = Some(Duration::from_secs(3)),
        /// For the connection, TLS and login; zero or less means 5s.
        dial_timeout: Option<Duration> => "dialTimeout" = Some(Duration::from_secs(5)),
        /// What happens to requests while Redis is away: `deny` (500, as in Traefik, and the default), `allow` (no limit),
        /// or `local` (each gateway limits by itself). Traefik has no such option.
        on_unavailable: String => "onUnavailable",
    }

    /// What counts as one client.
    pub struct SourceCriterion {
        /// An address.
        ip_strategy: Option<IpStrategyOptions> => "ipStrategy",
        /// A header's value.
        request_header_name: String => "requestHeaderName",
        /// The host that is asked for.
        request_host: bool => "requestHost",
    }

    /// Redirects what matches.
    pub struct RedirectRegex {
        /// Expression on the whole URL.
        regex: String => "regex",
        /// The target, with `$1` and `${name}`.
        replacement: String => "replacement",
        /// A permanent redirection.
        permanent: bool => "permanent",
    }

    /// Redirects to another scheme or port.
    pub struct RedirectScheme {
        /// The scheme.
        scheme: String => "scheme",
        /// The port; empty means the scheme's.
        port: String => "port",
        /// A permanent redirection.
        permanent: bool => "permanent",
    }

    /// Limits simultaneous requests.
    pub struct InFlightReq {
        /// The limit.
        amount: i64 => "amount",
        /// What counts as one client.
        source_criterion: Option<SourceCriterion> => "sourceCriterion",
    }

    /// Answers with what the server said before (RFC 9111). Traefik's open edition does not have it; `maxTtl`, `maxStale`,
    /// `excludedResponseCodes`, `disableCacheStatusHeader` and `store` are named as in Traefik Hub. Times are whole seconds.
    pub struct HttpCache {
        /// Nothing stays fresh for longer.
        max_ttl: i64 => "maxTtl" = 300,
        /// Answers that say nothing of how long they are fresh are so for that time; 0 means not at all.
        default_ttl: i64 => "defaultTtl",
        /// How stale an answer may be for clients that say `max-stale`, or `stale-if-error`.
        max_stale: i64 => "maxStale",
        /// How stale an answer may be while a new one is fetched, where the server does not say.
        stale_while_revalidate: i64 => "staleWhileRevalidate",
        /// How stale an answer may be where the server fails, if it did not say.
        stale_if_error: i64 => "staleIfError",
        /// Statuses that are not stored, such as `404,500-599`.
        excluded_response_codes: String => "excludedResponseCodes",
        /// Longer bodies, in bytes, are not stored.
        max_body_bytes: i64 => "maxBodyBytes" = 4 * 1024 * 1024,
        /// Tells clients nothing of the cache: no `Cache-Status`, no `X-Cache-Status`.
        disable_cache_status_header: bool => "disableCacheStatusHeader",
        /// Whether the API may make it forget answers.
        purge: bool => "purge",
        /// Where answers are kept.
        store: Option<HttpCacheStore> => "store",
    }

    /// Where a cache keeps answers.
    pub struct HttpCacheStore {
        /// In memory.
        memory: Option<HttpCacheMemory> => "memory",
    }

    /// A cache's memory.
    pub struct HttpCacheMemory {
        /// Most of it, such as `64MiB` or `3Gi`; 128 MiB by default.
        limit: String => "limit",
    }

    /// Limits WebSockets (RFC 6455); other requests pass untouched. Traefik does not have it.
    pub struct WebSocket {
        /// Origins that may connect, such as `https://app.example.com` or `https://*.example.com`; empty means any.
        allowed_origins: Vec<String> => "allowedOrigins",
        /// Whether clients that name no origin may connect where `allowedOrigins` is set: programs do, browsers never. By
        /// default they may.
        allow_missing_origin: Option<bool> => "allowMissingOrigin",
        /// Longest message of a client, in bytes over all its frames, as they are sent: compressed where they are; 0 means any.
        max_message_size: i64 => "maxMessageSize",
        /// Messages and pings that a client may send in a second; 0 means any.
        messages_per_second: i64 => "messagesPerSecond",
        /// How many of them at once; 0 means as many as in a second.
        burst: i64 => "burst",
        /// Longest time without a byte in either direction; 0 means any.
        idle_timeout: Duration => "idleTimeout",
        /// Longest time in all; 0 means any.
        max_lifetime: Duration => "maxLifetime",
        /// Connections at once; 0 means any.
        max_connections: i64 => "maxConnections",
        /// Connections of one client at once; 0 means any.
        max_connections_per_client: i64 => "maxConnectionsPerClient",
        /// What counts as one client; an address, by default.
        source_criterion: Option<SourceCriterion> => "sourceCriterion",
    }

    /// Holds whole bodies; sizes in bytes.
    pub struct Buffering {
        /// Longest request body; 0 means any.
        max_request_body_bytes: i64 => "maxRequestBodyBytes",
        /// Part of it kept in memory; the rest goes to disk.
        mem_request_body_bytes: i64 => "memRequestBodyBytes",
        /// Longest answer body; 0 means any.
        max_response_body_bytes: i64 => "maxResponseBodyBytes",
        /// Part of it kept in memory; the rest goes to disk.
        mem_response_body_bytes: i64 => "memResponseBodyBytes",
        /// When to try again, for example `IsNetworkError() && Attempts() < 2`.
        retry_expression: String => "retryExpression",
    }

    /// Stops asking a failing service.
    pub struct CircuitBreaker {
        /// When it opens, for example `NetworkErrorRatio() > 0.30`.
        expression: String => "expression",
        /// Between two looks at the expression.
        check_period: Duration => "checkPeriod" = Duration::from_millis(100),
        /// How long it stays open.
        fallback_duration: Duration => "fallbackDuration" = Duration::from_secs(10),
        /// How long it takes to close.
        recovery_duration: Duration => "recoveryDuration" = Duration::from_secs(10),
        /// Status while it is open.
        response_code: i64 => "responseCode" = 503,
    }

    /// Compresses answers.
    pub struct Compress {
        /// Content types that are not compressed.
        excluded_content_types: Vec<String> => "excludedContentTypes",
        /// The only content types that are compressed.
        included_content_types: Vec<String> => "includedContentTypes",
        /// Shortest body that is compressed; 0 means 1024.
        min_response_body_bytes: i64 => "minResponseBodyBytes",
        /// Encodings in the order of preference.
        encodings: Vec<String> => "encodings" = ["gzip", "br", "zstd"].map(str::to_owned).to_vec(),
        /// Encoding for clients that name none.
        default_encoding: String => "defaultEncoding",
    }

    /// Tells the service about the client's certificate.
    pub struct PassTlsClientCert {
        /// The whole certificate.
        pem: bool => "pem",
        /// Parts of it.
        info: Option<TlsClientCertificateInfo> => "info",
    }

    /// Parts of the client's certificate.
    pub struct TlsClientCertificateInfo {
        /// End of its validity.
        not_after: bool => "notAfter",
        /// Start of its validity.
        not_before: bool => "notBefore",
        /// Subject alternative names.
        sans: bool => "sans",
        /// Serial number.
        serial_number: bool => "serialNumber",
        /// Parts of the subject.
        subject: Option<TlsClientCertificateDn> => "subject",
        /// Parts of the issuer.
        issuer: Option<TlsClientCertificateDn> => "issuer",
    }

    /// Parts of a distinguished name.
    pub struct TlsClientCertificateDn {
        /// C
        country: bool => "country",
        /// ST
        province: bool => "province",
        /// L
        locality: bool => "locality",
        /// O
        organization: bool => "organization",
        /// OU; of subjects only.
        organizational_unit: bool => "organizationalUnit",
        /// CN
        common_name: bool => "commonName",
        /// SN
        serial_number: bool => "serialNumber",
        /// DC
        domain_component: bool => "domainComponent",
    }

    /// Tries again.
    pub struct Retry {
        /// How often a request is sent at most.
        attempts: i64 => "attempts",
        /// For all attempts together; zero means no limit.
        timeout: Duration => "timeout",
        /// First pause of the exponential back-off.
        initial_interval: Duration => "initialInterval",
        /// Longest request body that is kept, in bytes; -1 means any.
        max_request_body_bytes: Option<i64> => "maxRequestBodyBytes" = Some(2 * 1024 * 1024),
        /// Status codes and ranges that are tried again.
        status: Vec<String> => "status",
        /// Not after network errors.
        disable_retry_on_network_error: bool => "disableRetryOnNetworkError",
        /// Also methods that are not idempotent.
        retry_non_idempotent_method: bool => "retryNonIdempotentMethod",
    }

    /// Guesses a missing Content-Type.
    pub struct ContentType {
        /// Deprecated: whether it is guessed.
        auto_detect: Option<bool> => "autoDetect",
    }

    /// Translates gRPC-Web.
    pub struct GrpcWeb {
        /// Origins that may ask; `*` means any.
        allow_origins: Vec<String> => "allowOrigins",
    }
}

impl IpStrategyOptions {
    /// The strategy these options ask for.
    pub fn strategy(&self) -> Result<IpStrategy, IpStrategyError> {
        IpStrategy::new(self.depth, &self.excluded_ips, self.ipv6_subnet)
    }
}
