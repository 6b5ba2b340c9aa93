//! The client's address behind proxies.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::config::Cidr;

/// The rightmost untrusted entry of `X-Forwarded-For`, or the leftmost when all are trusted. The header of a peer that
/// is no proxy of ours counts for nothing.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[Cidr]) -> IpAddr {
    let mut client = peer.to_canonical();
    if !is_in(proxies, client) {
        return client;
    }
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let entries = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.rsplit(','));
    for entry in entries {
        // Whoever wrote something else is not to be believed about what stands before it.
        let Some(address) = parse(entry.trim()) else {
            break;
        };
        client = address;
        if !is_in(proxies, address) {
            break;
        }
    }
    client
}

pub(super) fn is_in(ranges: &[Cidr], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(address))
}

fn parse(entry: &str) -> Option<IpAddr> {
    let address = entry.parse::<IpAddr>().ok();
    let address = address.or_else(|| entry.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    address
        .or_else(bracketed)
        .map(|address| address.to_canonical())
}
