//! Addresses and networks, as `ClientIP` takes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::Fault;

/// A set of addresses and networks in CIDR notation. An IPv4 address and its IPv6-mapped form are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpSet(Box<[Network]>);

/// A network, the address already masked. IPv6 networks hold no IPv4 addresses, not even `::/0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    V4 { address: u32, mask: u32 },
    V6 { address: u128, mask: u128 },
}

impl IpSet {
    /// Reads `texts`; each is an address or a CIDR.
    pub(super) fn new(texts: &[String]) -> Result<Self, Fault> {
        let network = |text: &String| {
            Network::parse(text).ok_or_else(|| {
                Fault::new(format!(
                    "parsing CIDR trusted IPs <nil>: invalid CIDR address: {text}"
                ))
                .hint("write an address (192.0.2.1, 2001:db8::1) or a network (192.0.2.0/24)")
            })
        };
        texts
            .iter()
            .map(network)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let Some((address, length)) = text.split_once('/') else {
            return text
                .parse()
                .ok()
                .map(|address: IpAddr| match address.to_canonical() {
                    IpAddr::V4(v4) => Self::v4(v4, 32),
                    IpAddr::V6(v6) => Self::v6(v6, 128),
                });
        };
        if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let length: u32 = length.parse().ok()?;
        match address.parse().ok()? {
            IpAddr::V4(v4) if length <= 32 => Some(Self::v4(v4, length)),
            IpAddr::V6(v6) if length <= 128 => Some(match v6.to_ipv4_mapped() {
                Some(v4) if length >= 96 => Self::v4(v4, length - 96),
                _ => Self::v6(v6, length),
            }),
            _ => None,
        }
    }

    fn v4(address: Ipv4Addr, length: u32) -> Self {
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        Self::V4 {
            address: address.to_bits() & mask,
            mask,
        }
    }

    fn v6(address: Ipv6Addr, length: u32) -> Self {
        let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
        Self::V6 {
            address: address.to_bits() & mask,
            mask,
        }
    }

    fn contains(&self, canonical: IpAddr) -> bool {
        match (*self, canonical) {
            (Self::V4 { address, mask }, IpAddr::V4(v4)) => v4.to_bits() & mask == address,
            (Self::V6 { address, mask }, IpAddr::V6(v6)) => v6.to_bits() & mask == address,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn addresses_and_networks() {
        let cases = [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("::ffff:127.0.3.1", "127.0.3.1", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("10.0.0.0/8", "10.9.9.9", true),
            ("10.0.0.9/8", "10.1.1.1", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("::/0", "203.0.113.9", false),
            ("::/0", "2001:db8::1", true),
            ("fe80::/10", "fe80::1", true),
            ("fe80::/10", "2001::1", false),
        ];
        for (network, address, inside) in cases {
            let set = IpSet::new(&[network.to_owned()]).unwrap();
            assert_eq!(
                set.contains(address.parse().unwrap()),
                inside,
                "{network} {address}"
            );
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "nope",
            "10.0.0.0/33",
            "10.0.0.1-10.0.0.5",
            "",
            "10.0.0.0/",
            "10.0.0.0/4294967295",
            "10.0.0.0/99999999999",
            "1.2.3/8",
        ] {
            assert!(IpSet::new(&[text.to_owned()]).is_err(), "{text}");
        }
    }
}
