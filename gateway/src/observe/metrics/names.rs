//! Every metric: its name, its help text, its labels. Traefik's, word for word.

/// A family of series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
}

const fn family(name: &'static str, help: &'static str) -> Family {
    Family { name, help }
}

pub(super) const CONFIG_RELOADS: Family = family("traefik_config_reloads_total", "Config reloads");
pub(super) const LAST_RELOAD_SUCCESS: Family = family(
    "traefik_config_last_reload_success",
    "Last config reload success",
);
pub(super) const OPEN_CONNECTIONS: Family = family(
    "traefik_open_connections",
    "How many open connections exist, by entryPoint and protocol",
);
pub(super) const CERTIFICATES_NOT_AFTER: Family = family(
    "traefik_tls_certs_not_after",
    "Certificate expiration timestamp",
);
pub(super) const SERVER_UP: Family = family(
    "traefik_service_server_up",
    "service server is up, described by gauge value of 0 or 1.",
);

pub(super) const CACHE_REQUESTS: Family = family(
    "sluice_http_cache_requests_total",
    "How many requests a httpCache middleware saw, partitioned by what became of them.",
);
pub(super) const CACHE_EVICTIONS: Family = family(
    "sluice_http_cache_evictions_total",
    "How many stored answers made room for others.",
);
pub(super) const CACHE_BYTES: Family = family(
    "sluice_http_cache_bytes",
    "Bytes that the records of a cache take.",
);
pub(super) const CACHE_RECORDS: Family = family(
    "sluice_http_cache_records",
    "Records of a cache: answers, what they vary by, addresses whose answers are not stored.",
);

pub(super) const MIDDLEWARE: &str = "middleware";
pub(super) const RESULT: &str = "result";
pub(super) const CODE: &str = "code";
pub(super) const METHOD: &str = "method";
pub(super) const PROTOCOL: &str = "protocol";
pub(super) const ENTRY_POINT: &str = "entrypoint";
pub(super) const ROUTER: &str = "router";
pub(super) const SERVICE: &str = "service";
pub(super) const TLS_VERSION: &str = "tls_version";
pub(super) const TLS_CIPHER: &str = "tls_cipher";
pub(super) const URL: &str = "url";
pub(super) const COMMON_NAME: &str = "cn";
pub(super) const ALTERNATIVE_NAMES: &str = "sans";
pub(super) const SERIAL: &str = "serial";
pub(super) const BUCKET: &str = "le";

/// What requests are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    EntryPoint,
    Router,
    Service,
}

/// The families of one group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Families {
    pub(super) requests: Family,
    pub(super) requests_tls: Family,
    pub(super) duration: Family,
    pub(super) request_bytes: Family,
    pub(super) response_bytes: Family,
}

impl Group {
    /// The group's families.
    pub(super) const fn families(self) -> Families {
        match self {
            Self::EntryPoint => ENTRY_POINT_FAMILIES,
            Self::Router => ROUTER_FAMILIES,
            Self::Service => SERVICE_FAMILIES,
        }
    }
}

const ENTRY_POINT_FAMILIES: Families = Families {
    requests: family(
        "traefik_entrypoint_requests_total",
        "How many HTTP requests processed on an entrypoint, partitioned by status code, protocol, and method.",
    ),
    requests_tls: family(
        "traefik_entrypoint_requests_tls_total",
        "How many HTTP requests with TLS processed on an entrypoint, partitioned by TLS Version and TLS cipher Used.",
    ),
    duration: family(
        "traefik_entrypoint_request_duration_seconds",
        "How long it took to process the request on an entrypoint, partitioned by status code, protocol, and method.",
    ),
    request_bytes: family(
        "traefik_entrypoint_requests_bytes_total",
        "The total size of requests in bytes handled by an entrypoint, partitioned by status code, protocol, and method.",
    ),
    response_bytes: family(
        "traefik_entrypoint_responses_bytes_total",
        "The total size of responses in bytes handled by an entrypoint, partitioned by status code, protocol, and method.",
    ),
};

const ROUTER_FAMILIES: Families = Families {
    requests: family(
        "traefik_router_requests_total",
        "How many HTTP requests are processed on a router, partitioned by service, status code, protocol, and method.",
    ),
    requests_tls: family(
        "traefik_router_requests_tls_total",
        "How many HTTP requests with TLS are processed on a router, partitioned by service, TLS Version, and TLS cipher Used.",
    ),
    duration: family(
        "traefik_router_request_duration_seconds",
        "How long it took to process the request on a router, partitioned by service, status code, protocol, and method.",
    ),
    request_bytes: family(
        "traefik_router_requests_bytes_total",
        "The total size of requests in bytes handled by a router, partitioned by service, status code, protocol, and method.",
    ),
    response_bytes: family(
        "traefik_router_responses_bytes_total",
        "The total size of responses in bytes handled by a router, partitioned by service, status code, protocol, and method.",
    ),
};

const SERVICE_FAMILIES: Families = Families {
    requests: family(
        "traefik_service_requests_total",
        "How many HTTP requests processed on a service, partitioned by status code, protocol, and method.",
    ),
    requests_tls: family(
        "traefik_service_requests_tls_total",
        "How many HTTP requests with TLS processed on a service, partitioned by TLS version and TLS cipher.",
    ),
    duration: family(
        "traefik_service_request_duration_seconds",
        "How long it took to process the request on a service, partitioned by status code, protocol, and method.",
    ),
    request_bytes: family(
        "traefik_service_requests_bytes_total",
        "The total size of requests in bytes received by a service, partitioned by status code, protocol, and method.",
    ),
    response_bytes: family(
        "traefik_service_responses_bytes_total",
        "The total size of responses in bytes returned by a service, partitioned by status code, protocol, and method.",
    ),
};
