//! Address ranges and origins.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::ValueError;

/// Addresses that share a prefix: `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Whether `address` is in the range. IPv4 addresses inside IPv6 ones count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(range), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                let cut = |address: u32| address.checked_shr(shift).unwrap_or(0);
                cut(range.to_bits()) == cut(address.to_bits())
            }
            (IpAddr::V6(range), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                let cut = |address: u128| address.checked_shr(shift).unwrap_or(0);
                cut(range.to_bits()) == cut(address.to_bits())
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = ValueError {
            reason: "is not an address or a range of them",
            allowed: "an IP address or a CIDR range, as 10.0.0.0/8",
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| error)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|prefix| *prefix <= longest)
                .ok_or(error)?,
        };
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// An origin as browsers send it, its default port left out; or `*`, all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigin(String);

impl AllowedOrigin {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AllowedOrigin {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        const NONE: ValueError = ValueError {
            reason: "is not an origin",
            allowed: "https://HOST, http://HOST:PORT, or * for all",
        };
        if text == "*" {
            return Ok(Self(text.to_owned()));
        }
        let uri: http::Uri = text.parse().map_err(|_| NONE)?;
        let default = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(NONE),
        };
        let authority = uri.authority().ok_or(NONE)?;
        if uri.path() != "/" || uri.query().is_some() || authority.as_str().contains('@') {
            return Err(NONE);
        }
        let port = authority.port_u16().filter(|port| *port != default);
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let scheme = if default == 80 { "http" } else { "https" };
        let origin = format!("{scheme}://{}{port}", authority.host());
        Ok(Self(origin.to_ascii_lowercase()))
    }
}
