//! What a request shows to rules.

use std::net::IpAddr;

/// The parts of a request that matchers look at, borrowed from wherever the data path keeps them.
#[derive(Debug, Clone, Copy)]
pub struct RequestView<'a> {
    /// The method as sent; methods are case-sensitive.
    pub method: &'a str,
    /// The result of [`canonical_host`](crate::rule::canonical_host); empty when the request names no host.
    pub host: &'a str,
    /// The name that `host` is an alias of, when `hostResolver.cnameFlattening` found one.
    pub flat_host: Option<&'a str>,
    /// The result of [`routing_path`](crate::rule::routing_path) on the path that will be forwarded.
    pub path: &'a [u8],
    /// The query as sent, without the `?`; a `;` that is to separate pairs must have become `&` before.
    pub query: Option<&'a str>,
    /// The request's fields. `Host`, `Transfer-Encoding` and `Trailer` may be in it; rules never see them, as in Go.
    pub headers: &'a http::HeaderMap,
    /// The address of the peer, or the one that the PROXY protocol told; never one from a header.
    pub client_ip: Option<IpAddr>,
}
