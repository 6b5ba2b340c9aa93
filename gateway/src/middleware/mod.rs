//! Middlewares: what stands between a router and its service. One file each.
//!
//! To add one, write its file and name it here: once as a module, once in `filters!` or `wrappers!`.
//! `docs/adding-a-middleware.md` shows how.

mod build;
mod chain;
mod client_tls;
mod credential;
mod filter;
mod password;
mod places;
mod predicate;
mod source;
mod users;
mod wrapper;

mod add_prefix;
mod api_key;
mod basic_auth;
mod buffering;
mod circuit_breaker;
mod compress;
mod content_type;
mod digest_auth;
mod encoded_characters;
mod errors;
mod forward_auth;
mod grpc_web;
mod headers;
mod hmac;
mod http_cache;
mod in_flight_req;
mod ip_allow_list;
mod jwt;
mod pass_tls_client_cert;
mod rate_limit;
mod redirect_regex;
mod redirect_scheme;
mod replace_path;
mod replace_path_regex;
mod retry;
mod strip_prefix;
mod strip_prefix_regex;
mod web_socket;

#[cfg(test)]
mod testing;

pub use build::{Built, FindService, Site, assemble, build};
pub use chain::Chain;
pub use http_cache::{Caches, Listed as ListedCache, Purge};

filter::filters! {
    add_prefix: add_prefix::AddPrefix,
    api_key: api_key::ApiKey,
    basic_auth: basic_auth::BasicAuth,
    circuit_breaker: circuit_breaker::CircuitBreaker,
    compress: compress::Compress,
    digest_auth: digest_auth::DigestAuth,
    encoded_characters: encoded_characters::EncodedCharacters,
    forward_auth: forward_auth::ForwardAuth,
    grpc_web: grpc_web::GrpcWeb,
    headers: headers::Headers,
    hmac: hmac::Hmac,
    in_flight_req: in_flight_req::InFlightReq,
    ip_allow_list: ip_allow_list::IpAllowList,
    ip_white_list: ip_allow_list::IpWhiteList,
    jwt: jwt::Jwt,
    pass_tls_client_cert: pass_tls_client_cert::PassTlsClientCert,
    rate_limit: rate_limit::RateLimit,
    redirect_regex: redirect_regex::RedirectRegex,
    redirect_scheme: redirect_scheme::RedirectScheme,
    replace_path: replace_path::ReplacePath,
    replace_path_regex: replace_path_regex::ReplacePathRegex,
    strip_prefix: strip_prefix::StripPrefix,
    strip_prefix_regex: strip_prefix_regex::StripPrefixRegex,
    web_socket: web_socket::WebSocket,
}

wrapper::wrappers! {
    buffering: buffering::Buffering,
    content_type: content_type::ContentType,
    errors: errors::Errors,
    http_cache: http_cache::HttpCache,
    retry: retry::Retry,
}
