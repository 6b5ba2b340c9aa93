//! Entry points: from install options to listening sockets.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use http::{HeaderName, HeaderValue};

use super::Options;
use crate::config::install::{AllowedEncodedCharacters, EntryPoint as Config, Install, Protocol};
use crate::entrypoint::normalize::TargetRules;
use crate::entrypoint::{EntryPoint, ProxyProtocol, Underscores};
use crate::h1::Limits;
use crate::http::forwarded::ForwardedRules;
use crate::net::{Admission, listener};
use crate::observe::{Asks, Observer};
use crate::types::{Duration, IpSet};

/// Entry points that listen.
pub(super) struct Entries {
    /// Names, in the order of their tables.
    pub(super) names: Vec<String>,
    /// For each worker, its sockets; in the order of `names`.
    pub(super) listeners: Vec<Vec<TcpListener>>,
    /// In the order of `names`.
    pub(super) settings: Vec<Arc<EntryPoint>>,
}

impl Entries {
    /// Where each listens.
    pub(super) fn addresses(&self) -> Vec<(String, SocketAddr)> {
        let sockets = self.listeners.first().into_iter().flatten();
        let named = self.names.iter().zip(sockets);
        named
            .filter_map(|(name, socket)| Some((name.clone(), socket.local_addr().ok()?)))
            .collect()
    }
}

/// Binds every TCP entry point for every worker.
pub(super) fn open(
    install: &Install,
    observer: &Observer,
    options: &Options,
) -> anyhow::Result<Entries> {
    let workers = observer.workers;
    let mut entries = Entries {
        names: Vec::new(),
        listeners: (0..workers).map(|_| Vec::new()).collect(),
        settings: Vec::new(),
    };
    for (name, config) in &install.entry_points {
        let address = config
            .parse_address()
            .with_context(|| format!("entry point {name}"))?;
        if address.protocol == Protocol::Udp {
            tracing::warn!(entry_point = %name, "UDP entry points are not supported yet; it does not listen");
            continue;
        }
        let socket = resolve(&address.host, address.port)
            .with_context(|| format!("entry point {name}: cannot resolve {:?}", config.address))?;
        let bound = listener::bind_tcp(socket, workers, config.reuse_port).with_context(|| {
            format!("entry point {name}: cannot listen on {socket}; change entryPoints.{name}.address or end who listens there")
        })?;
        let local = bound.first().and_then(|first| first.local_addr().ok());
        let address = local.map(tracing::field::display);
        tracing::info!(entry_point = %name, address, "listening");
        for (own, listener) in entries.listeners.iter_mut().zip(bound) {
            own.push(listener);
        }
        let settings = EntryPoint {
            tunnel_idle_timeout: options.tunnel_idle_timeout,
            admission: Admission::new(options.max_connections, options.max_connections_per_client),
            ..settings(name, entries.names.len(), config, install, observer)?
        };
        entries.settings.push(Arc::new(settings));
        entries.names.push(name.clone());
    }
    Ok(entries)
}

fn resolve(host: &str, port: u16) -> anyhow::Result<SocketAddr> {
    if host.is_empty() {
        // All addresses of both families where there is IPv6, as Go does.
        let v6 = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, port));
        let v4 = SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, port));
        let has_v6 = std::net::UdpSocket::bind((std::net::Ipv6Addr::LOCALHOST, 0)).is_ok();
        return Ok(if has_v6 { v6 } else { v4 });
    }
    match (host, port).to_socket_addrs()?.next() {
        Some(address) => Ok(address),
        None => bail!("the name has no address"),
    }
}

/// An entry point as the data path needs it.
pub(super) fn settings(
    name: &str,
    index: usize,
    config: &Config,
    install: &Install,
    observer: &Observer,
) -> anyhow::Result<EntryPoint> {
    let timeouts = &config.transport.responding_timeouts;
    let time = |duration: Duration| duration.limit().unwrap_or_default();
    let head_bytes = usize::try_from(config.http.max_header_bytes).unwrap_or(0);
    Ok(EntryPoint {
        name: name.into(),
        index,
        unrouted: observer.route(name, &[], unrouted(config)),
        open: observer
            .metrics
            .as_ref()
            .map(|metrics| metrics.open_connections(name, "TCP")),
        admission: None,
        proxy_protocol: proxy_protocol(config)
            .with_context(|| format!("entry point {name}: proxyProtocol"))?,
        forwarded: forwarded(config, install)
            .with_context(|| format!("entry point {name}: forwardedHeaders"))?,
        target: TargetRules {
            sanitize: config.http.sanitize_path.unwrap_or(true),
            encode_semicolons: config.http.encode_query_semicolons,
        },
        denied_escapes: config
            .http
            .encoded_characters
            .as_ref()
            .map(denied)
            .unwrap_or_default(),
        underscores: underscores(&config.http.underscore_headers_strategy),
        // Go allows 4 KiB of slack.
        limits: Limits {
            head_bytes: head_bytes.saturating_add(4096),
            ..Limits::default()
        },
        read_timeout: time(timeouts.read_timeout),
        write_timeout: time(timeouts.write_timeout),
        // Go's server takes the read timeout where there is no idle one.
        idle_timeout: match time(timeouts.idle_timeout) {
            idle if idle.is_zero() => time(timeouts.read_timeout),
            idle => idle,
        },
        tunnel_idle_timeout: None,
        max_requests: u64::try_from(config.transport.keep_alive_max_requests).unwrap_or(0),
        max_age: time(config.transport.keep_alive_max_time),
        max_concurrent_streams: u32::try_from(config.http2.max_concurrent_streams).unwrap_or(250),
        header_table_size: u32::try_from(config.http2.max_decoder_header_table_size)
            .unwrap_or(4096),
    })
}

/// The install configuration was checked for other words.
fn underscores(strategy: &str) -> Underscores {
    match strategy {
        "delete" => Underscores::Delete,
        "reject" => Underscores::Reject,
        _ => Underscores::Keep,
    }
}

/// What is recorded of requests that no router takes.
fn unrouted(config: &Config) -> Asks {
    let said = config.observability.as_ref();
    Asks {
        access_log: said.and_then(|said| said.access_logs).unwrap_or(true),
        metrics: said.and_then(|said| said.metrics).unwrap_or(true),
        internal: false,
    }
}

fn proxy_protocol(config: &Config) -> anyhow::Result<Option<ProxyProtocol>> {
    let Some(config) = &config.proxy_protocol else {
        return Ok(None);
    };
    if !config.insecure && config.trusted_ips.is_empty() {
        bail!(
            "nobody is trusted; name your load balancers in trustedIPs, or set insecure to believe everybody"
        );
    }
    Ok(Some(ProxyProtocol {
        insecure: config.insecure,
        trusted: IpSet::parse(&config.trusted_ips).context("trustedIPs")?,
    }))
}

fn forwarded(config: &Config, install: &Install) -> anyhow::Result<ForwardedRules> {
    let forwarded = &config.forwarded_headers;
    let connection = forwarded
        .connection
        .iter()
        .map(|name| {
            HeaderName::try_from(name.as_str())
                .with_context(|| format!("connection: {name:?} is no field name"))
        })
        .collect::<Result<_, _>>()?;
    let everywhere = install
        .global
        .as_ref()
        .is_some_and(|global| global.not_append_x_forwarded_for);
    Ok(ForwardedRules {
        insecure: forwarded.insecure,
        trusted: IpSet::parse(&forwarded.trusted_ips).context("trustedIPs")?,
        connection,
        not_append: forwarded.not_append_x_forwarded_for || everywhere,
        add_scheme: forwarded.add_x_forwarded_scheme_headers,
        server: hostname().and_then(|name| HeaderValue::try_from(name).ok()),
    })
}

/// This machine's name, for `X-Forwarded-Server`.
fn hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

fn denied(config: &AllowedEncodedCharacters) -> Vec<&'static str> {
    [
        (config.allow_encoded_slash, "%2F"),
        (config.allow_encoded_back_slash, "%5C"),
        (config.allow_encoded_null_character, "%00"),
        (config.allow_encoded_semicolon, "%3B"),
        (config.allow_encoded_percent, "%25"),
        (config.allow_encoded_question_mark, "%3F"),
        (config.allow_encoded_hash, "%23"),
    ]
    .into_iter()
    .filter_map(|(allowed, escape)| (!allowed).then_some(escape))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traefiks_words_for_fields_with_underscores() {
        for (word, strategy) in [
            ("", Underscores::Keep),
            ("keep", Underscores::Keep),
            ("delete", Underscores::Delete),
            ("reject", Underscores::Reject),
        ] {
            assert_eq!(underscores(word), strategy, "{word}");
        }
    }
}
