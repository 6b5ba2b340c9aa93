//! What follows from an install configuration: entry points nobody had to write, names in their usual form.

use super::{
    DnsPropagation, EntryPoint, INTERNAL_ENTRY_POINT, Install, Protocol, RedirectEntryPoint,
};
use crate::types::Duration;

/// Adds the entry points that are there by default and brings old options into their new form.
pub(super) fn complete(config: &mut Install) {
    if config.entry_points.is_empty() {
        config.entry_points.insert("http".to_owned(), at(":80"));
    }
    if needs_internal(config) {
        config
            .entry_points
            .entry(INTERNAL_ENTRY_POINT.to_owned())
            .or_insert_with(|| at(":8080"));
    }
    for name in &mut config.providers.precedence {
        name.make_ascii_lowercase();
    }
    if let Some(tracing) = &mut config.tracing
        && tracing.resource_attributes.is_empty()
    {
        tracing
            .resource_attributes
            .clone_from(&tracing.global_attributes);
    }
    if let Some(swarm) = &mut config.providers.swarm
        && swarm.refresh_seconds <= Duration::ZERO
    {
        swarm.refresh_seconds = Duration::from_secs(15);
    }
    complete_acme(config);
}

fn at(address: &str) -> EntryPoint {
    EntryPoint {
        address: address.to_owned(),
        ..EntryPoint::default()
    }
}

/// Whether the API, ping, the metrics or the REST provider are served on the internal entry point.
fn needs_internal(config: &Install) -> bool {
    let on_internal =
        |entry_point: &str, manual: bool| !manual && entry_point == INTERNAL_ENTRY_POINT;
    let prometheus = config
        .metrics
        .as_ref()
        .and_then(|metrics| metrics.prometheus.as_ref());
    config.api.as_ref().is_some_and(|api| api.insecure)
        || config
            .ping
            .as_ref()
            .is_some_and(|ping| on_internal(&ping.entry_point, ping.manual_routing))
        || prometheus.is_some_and(|prometheus| {
            on_internal(&prometheus.entry_point, prometheus.manual_routing)
        })
        || config
            .providers
            .rest
            .as_ref()
            .is_some_and(|rest| rest.insecure)
}

fn complete_acme(config: &mut Install) {
    for acme in config
        .certificates_resolvers
        .values_mut()
        .filter_map(|resolver| resolver.acme.as_mut())
    {
        if acme.ca_server.is_empty() {
            acme.ca_server = super::Acme::default().ca_server;
        }
        let Some(dns) = &mut acme.dns_challenge else {
            continue;
        };
        if dns.disable_propagation_check {
            dns.propagation
                .get_or_insert_with(DnsPropagation::default)
                .disable_checks = true;
        }
        if dns.delay_before_check > Duration::ZERO {
            let delay = dns.delay_before_check;
            dns.propagation
                .get_or_insert_with(DnsPropagation::default)
                .delay_before_checks = delay;
        }
    }
}

impl Install {
    /// Whether servers are told which proxy they hear from: `experimental.fastProxy.debug`.
    pub fn tells_servers(&self) -> bool {
        let experimental = self.experimental.as_ref();
        let fast = experimental.and_then(|experimental| experimental.fast_proxy.as_ref());
        fast.is_some_and(|fast| fast.debug)
    }

    /// The port that a redirection sends clients to: the one it names (`:8443`), or that of the entry point it names.
    /// `None` where there is no such entry point.
    pub fn redirection_port(&self, to: &RedirectEntryPoint) -> Option<String> {
        let digits = to
            .to
            .strip_prefix(':')
            .filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(port) = digits {
            return Some(port.to_owned());
        }
        let address = self.entry_points.get(&to.to)?.parse_address().ok()?;
        Some(address.port.to_string())
    }
}

/// The entry points of routers that name none: those marked `asDefault`, else all that carry TCP but the internal one.
/// Sorted by name.
pub fn default_entry_points(config: &Install) -> Vec<String> {
    let marked = config
        .entry_points
        .values()
        .any(|entry_point| entry_point.as_default);
    let is_default = |name: &str, entry_point: &EntryPoint| {
        let tcp = entry_point
            .parse_address()
            .is_ok_and(|address| address.protocol == Protocol::Tcp);
        (!marked || entry_point.as_default) && tcp && name != INTERNAL_ENTRY_POINT
    };
    let defaults = config
        .entry_points
        .iter()
        .filter(|(name, entry_point)| is_default(name, entry_point));
    defaults.map(|(name, _)| name.clone()).collect()
}
