//! `ipAllowList`, and its deprecated name `ipWhiteList`: lets only some addresses in.

use std::net::IpAddr;

use ::http::StatusCode;

use super::filter::{Act, Step};
use super::source::forwarded_for;
use crate::config::dynamic::{
    IpAllowList as Config, IpStrategyOptions, IpWhiteList as DeprecatedConfig,
};
use crate::http::{Context, Request, plain};
use crate::types::{IpSet, IpStrategy};

/// See the module.
#[derive(Debug)]
pub struct IpAllowList {
    allowed: IpSet,
    strategy: IpStrategy,
    reject: StatusCode,
}

/// The deprecated name; refuses with 403.
#[derive(Debug)]
pub struct IpWhiteList(IpAllowList);

impl IpAllowList {
    /// There must be addresses, all of them valid.
    pub fn new(config: &Config) -> Result<Self, String> {
        if config.source_range.is_empty() {
            return Err("sourceRange is empty, IPAllowLister not created".to_owned());
        }
        let code = config.reject_status_code;
        let reject = match code {
            0 => Some(StatusCode::FORBIDDEN),
            code => u16::try_from(code)
                .ok()
                .and_then(|code| StatusCode::from_u16(code).ok()),
        };
        let reject = reject
            .filter(|status| status.canonical_reason().is_some())
            .ok_or_else(|| format!("invalid HTTP status code {code}"))?;
        Self::of(
            &config.source_range,
            config.ip_strategy.as_ref(),
            reject,
            "CIDRs",
        )
    }

    fn of(
        ranges: &[String],
        strategy: Option<&IpStrategyOptions>,
        reject: StatusCode,
        what: &str,
    ) -> Result<Self, String> {
        let allowed = IpSet::parse(ranges)
            .map_err(|error| format!("cannot parse {what} [{}]: {error}", ranges.join(" ")))?;
        let strategy = strategy.map_or(Ok(IpStrategy::default()), IpStrategyOptions::strategy);
        Ok(Self {
            allowed,
            strategy: strategy.map_err(|error| error.to_string())?,
            reject,
        })
    }

    fn allows(&self, cx: &Context, request: &Request) -> bool {
        let peer = cx.connection.peer.ip();
        if self.strategy == IpStrategy::default() {
            return self.allowed.contains(peer);
        }
        let known = forwarded_for(&request.headers);
        let client = self.strategy.client(peer, &known);
        address(&client).is_some_and(|client| self.allowed.contains(client))
    }
}

/// An address as proxies write it: some add a port.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Some((inside, _)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return inside.parse().ok();
    }
    text.split_once(':').and_then(|(host, _)| host.parse().ok())
}

impl Act for IpAllowList {
    type Memo = ();

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        if self.allows(cx, request) {
            return Step::NEXT;
        }
        tracing::debug!(peer = %cx.connection.peer.ip(), "address is not allowed");
        Step::answer(plain(self.reject))
    }
}

impl IpWhiteList {
    /// As [`IpAllowList::new`].
    pub fn new(config: &DeprecatedConfig) -> Result<Self, String> {
        tracing::warn!("ipWhiteList is deprecated, please use ipAllowList instead");
        if config.source_range.is_empty() {
            return Err("sourceRange is empty, IPWhiteLister not created".to_owned());
        }
        let strategy = config.ip_strategy.as_ref();
        let ranges = &config.source_range;
        IpAllowList::of(ranges, strategy, StatusCode::FORBIDDEN, "CIDR whitelist").map(Self)
    }
}

impl Act for IpWhiteList {
    type Memo = ();

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        self.0.request(cx, request)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::middleware::testing::{answered, request, request_with, through};

    fn list(ranges: &[&str], strategy: Option<IpStrategyOptions>) -> Result<IpAllowList, String> {
        IpAllowList::new(&Config {
            source_range: ranges.iter().map(|&range| range.to_owned()).collect(),
            ip_strategy: strategy,
            reject_status_code: 404,
        })
    }

    #[test]
    fn the_peer_or_what_its_proxies_say() {
        through(&list(&["10.0.0.0/8"], None).unwrap(), request("/"));
        let response = answered(&list(&["1.1.1.1"], None).unwrap(), request("/"));
        assert_eq!(response.status(), 404);
        let second = IpStrategyOptions {
            depth: 2,
            ..IpStrategyOptions::default()
        };
        let behind = list(&["1.1.1.1"], Some(second)).unwrap();
        for (said, allowed) in [
            ("1.1.1.1, 2.2.2.2", true),
            ("1.1.1.1:4711, 2.2.2.2", true),
            ("2.2.2.2, 1.1.1.1", false),
            ("1.1.1.1", false),
            ("unknown, 2.2.2.2", false),
        ] {
            let asked = request_with("/", &[("x-forwarded-for", said)]);
            if allowed {
                through(&behind, asked);
            } else {
                answered(&behind, asked);
            }
        }
        let lines = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2"),
        ];
        through(&behind, request_with("/", &lines));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(list(&[], None).is_err());
        let error = list(&["nonsense"], None).unwrap_err();
        assert!(
            error.starts_with("cannot parse CIDRs [nonsense]: "),
            "{error}"
        );
    }
}
