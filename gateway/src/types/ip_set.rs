//! Sets of IP addresses given as addresses and CIDR ranges, with a lookup fast enough for each request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// One range: an address with a prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    pub address: IpAddr,
    /// Leading bits that count: 0 to 32 for IPv4, 0 to 128 for IPv6.
    pub prefix: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid CIDR address {0:?}; write for example \"10.0.0.1\", \"10.0.0.0/8\" or \"fd00::/8\""
)]
pub struct CidrError(String);

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || CidrError(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| error())?
            }
            Some(_) => return Err(error()),
        };
        if prefix > bits {
            return Err(error());
        }
        // An IPv4-mapped range means the IPv4 addresses in it.
        match address.to_canonical() {
            v4 @ IpAddr::V4(_) if bits == 128 && prefix >= 96 => Ok(Self {
                address: v4,
                prefix: prefix - 96,
            }),
            _ => Ok(Self { address, prefix }),
        }
    }
}

impl Cidr {
    pub fn contains(self, address: IpAddr) -> bool {
        IpSet::from_iter([self]).contains(address)
    }

    /// The address with all bits after the prefix cleared.
    pub fn network(self) -> IpAddr {
        match self.address {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & !host_bits4(self.prefix)).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !host_bits6(self.prefix)).into(),
        }
    }
}

fn host_bits4(prefix: u8) -> u32 {
    u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0)
}

fn host_bits6(prefix: u8) -> u128 {
    u128::MAX.checked_shr(u32::from(prefix)).unwrap_or(0)
}

/// A set of addresses. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) counts as its IPv4 address, and no IPv6 range
/// (not even `::/0`) contains IPv4 addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IpSet {
    /// Sorted, without overlaps; first and last address.
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl IpSet {
    /// Parses addresses and CIDR ranges; surrounding blanks are allowed.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, CidrError> {
        let cidrs: Result<Vec<Cidr>, _> = entries
            .iter()
            .map(|entry| entry.as_ref().trim().parse())
            .collect();
        Ok(cidrs?.into_iter().collect())
    }

    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(v4) => covers(&self.v4, v4.to_bits()),
            IpAddr::V6(v6) => covers(&self.v6, v6.to_bits()),
        }
    }
}

fn covers<T: Copy + Ord>(ranges: &[(T, T)], value: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= value);
    after
        .checked_sub(1)
        .and_then(|i| ranges.get(i))
        .is_some_and(|(_, last)| value <= *last)
}

fn merged<T: Copy + Ord>(mut bounds: Vec<(T, T)>) -> Vec<(T, T)> {
    bounds.sort_unstable();
    let mut ranges: Vec<(T, T)> = Vec::with_capacity(bounds.len());
    for (first, last) in bounds {
        match ranges.last_mut() {
            Some(previous) if first <= previous.1 => previous.1 = previous.1.max(last),
            _ => ranges.push((first, last)),
        }
    }
    ranges
}

impl FromIterator<Cidr> for IpSet {
    fn from_iter<I: IntoIterator<Item = Cidr>>(cidrs: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for cidr in cidrs {
            match cidr.network() {
                IpAddr::V4(first) => {
                    v4.push((first.to_bits(), first.to_bits() | host_bits4(cidr.prefix)));
                }
                IpAddr::V6(first) => {
                    v6.push((first.to_bits(), first.to_bits() | host_bits6(cidr.prefix)));
                }
            }
        }
        Self {
            v4: merged(v4),
            v6: merged(v6),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn both_families_and_mapped_addresses() {
        let set = IpSet::parse(&["10.0.0.0/8", " 127.0.0.1 ", "fd00::/8", "10.1.0.0/16"]).unwrap();
        for inside in [
            "10.0.0.0",
            "10.255.255.255",
            "127.0.0.1",
            "::ffff:10.2.3.4",
            "fd12::1",
        ] {
            assert!(set.contains(ip(inside)), "{inside}");
        }
        for outside in [
            "9.255.255.255",
            "11.0.0.0",
            "127.0.0.2",
            "::1",
            "fe80::1",
            "::a00:1",
        ] {
            assert!(!set.contains(ip(outside)), "{outside}");
        }
    }

    #[test]
    fn zero_length_prefixes() {
        let v4 = IpSet::parse(&["0.0.0.0/0"]).unwrap();
        assert!(v4.contains(ip("1.2.3.4")) && v4.contains(ip("255.255.255.255")));
        assert!(!v4.contains(ip("2001:db8::1")));
        let v6 = IpSet::parse(&["::/0"]).unwrap();
        assert!(
            v6.contains(ip("2001:db8::1"))
                && !v6.contains(ip("1.2.3.4"))
                && !v6.contains(ip("::ffff:1.2.3.4"))
        );
        assert!(
            IpSet::parse(&["::ffff:10.0.0.0/104"])
                .unwrap()
                .contains(ip("10.9.9.9"))
        );
    }

    #[test]
    fn refuses_what_is_no_range() {
        for bad in [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "a/8",
            "::1/129",
            "10.0.0.0/",
        ] {
            assert!(IpSet::parse(&[bad]).is_err(), "{bad}");
        }
        assert_eq!(
            "2001:db8:1:2::3/64".parse::<Cidr>().unwrap().network(),
            ip("2001:db8:1:2::")
        );
    }
}
