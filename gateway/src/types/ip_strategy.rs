//! Which address a request counts as: the peer's, or one of `X-Forwarded-For` (Traefik's `ipStrategy`).

use std::borrow::Cow;
use std::net::IpAddr;

use super::{Cidr, CidrError, IpSet};

/// How the client's address is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IpStrategy {
    /// The address of the connection.
    Peer { ipv6_subnet: Option<u8> },
    /// The `depth`-th entry of `X-Forwarded-For` from the right, 1 being the last.
    Depth {
        depth: usize,
        ipv6_subnet: Option<u8>,
    },
    /// The rightmost entry of `X-Forwarded-For` that is not in the set.
    Excluding(IpSet),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IpStrategyError {
    #[error("invalid IPv6 subnet {0} value, should be greater to 0 and lower or equal to 128")]
    Subnet(i64),
    #[error(transparent)]
    ExcludedIps(#[from] CidrError),
}

impl Default for IpStrategy {
    fn default() -> Self {
        Self::Peer { ipv6_subnet: None }
    }
}

impl IpStrategy {
    /// From the options as configured. `depth` counts before `excluded_ips`, as in Traefik.
    pub fn new(
        depth: i64,
        excluded_ips: &[String],
        ipv6_subnet: Option<i64>,
    ) -> Result<Self, IpStrategyError> {
        let subnet = || match ipv6_subnet {
            None => Ok(None),
            Some(bits @ 1..=128) => Ok(u8::try_from(bits).ok()),
            Some(bits) => Err(IpStrategyError::Subnet(bits)),
        };
        match usize::try_from(depth) {
            Ok(depth) if depth > 0 => Ok(Self::Depth {
                depth,
                ipv6_subnet: subnet()?,
            }),
            _ if !excluded_ips.is_empty() => Ok(Self::Excluding(IpSet::parse(excluded_ips)?)),
            _ => Ok(Self::Peer {
                ipv6_subnet: subnet()?,
            }),
        }
    }

    /// The address as text: what `X-Forwarded-For` held, which need not be an address. `forwarded_for` is that header's value,
    /// several lines joined with commas. Empty if there is no such entry.
    pub fn client<'a>(&self, peer: IpAddr, forwarded_for: &'a str) -> Cow<'a, str> {
        match self {
            Self::Peer { ipv6_subnet } => match ipv6_subnet {
                Some(bits) => Cow::Owned(masked(peer, *bits).to_string()),
                None => Cow::Owned(peer.to_string()),
            },
            Self::Depth { depth, ipv6_subnet } => {
                let entry = forwarded_for
                    .rsplit(',')
                    .nth(depth - 1)
                    .unwrap_or_default()
                    .trim();
                match (ipv6_subnet, entry.parse()) {
                    (Some(bits), Ok(address)) => Cow::Owned(masked(address, *bits).to_string()),
                    _ => Cow::Borrowed(entry),
                }
            }
            Self::Excluding(set) => {
                let known = |entry: &str| entry.parse().is_ok_and(|address| set.contains(address));
                let entry = forwarded_for
                    .rsplit(',')
                    .map(str::trim)
                    .find(|entry| !entry.is_empty() && !known(entry));
                Cow::Borrowed(entry.unwrap_or_default())
            }
        }
    }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V6(_) => Cidr {
            address,
            prefix: bits,
        }
        .network(),
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    const PEER: &str = "2001:db8:1:2:3::4";

    fn client(strategy: &IpStrategy, forwarded_for: &str) -> String {
        strategy
            .client(PEER.parse().unwrap(), forwarded_for)
            .into_owned()
    }

    #[test]
    fn peer_with_and_without_subnet() {
        assert_eq!(client(&IpStrategy::default(), "1.1.1.1"), PEER);
        assert_eq!(
            client(&IpStrategy::new(0, &[], Some(64)).unwrap(), ""),
            "2001:db8:1:2::"
        );
        assert_eq!(
            IpStrategy::new(0, &[], Some(0)),
            Err(IpStrategyError::Subnet(0))
        );
        assert_eq!(
            IpStrategy::new(2, &[], Some(129)),
            Err(IpStrategyError::Subnet(129))
        );
    }

    #[test]
    fn depth_counts_from_the_right() {
        let second = IpStrategy::new(2, &["10.0.0.1".to_owned()], None).unwrap();
        assert_eq!(client(&second, "1.1.1.1, 2.2.2.2 ,3.3.3.3"), "2.2.2.2");
        assert_eq!(client(&second, "3.3.3.3"), "");
        assert_eq!(
            client(
                &IpStrategy::new(1, &[], Some(48)).unwrap(),
                "2001:db8:1:2::9"
            ),
            "2001:db8:1::"
        );
    }

    #[test]
    fn excluded_addresses_are_passed_over() {
        let strategy = IpStrategy::new(0, &["10.0.0.0/8".to_owned()], None).unwrap();
        assert_eq!(
            client(&strategy, "1.1.1.1, 10.0.0.2, , 10.0.0.1"),
            "1.1.1.1"
        );
        assert_eq!(client(&strategy, "1.1.1.1, unknown, 10.0.0.1"), "unknown");
        assert_eq!(client(&strategy, "10.0.0.1"), "");
        assert!(IpStrategy::new(0, &["x".to_owned()], None).is_err());
    }
}
