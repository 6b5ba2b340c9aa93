//! Which TLS options hold for a server name.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::sign::CertifiedKey;

use super::CertificateStore;
use super::store::Fixed;

/// Options ready to shake hands with.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The configuration.
    pub config: Arc<ServerConfig>,
    /// The same without ALPN, for clients that only speak `http/1.1` where only `h2` is offered: Go lets them go on.
    pub without_alpn: Option<Arc<ServerConfig>>,
    /// The certificates it shows.
    pub certificates: Arc<CertificateStore>,
    /// Name of the options, `name@provider`.
    pub options: Arc<str>,
}

/// Options by server name. A name whose options could not be built has none: it is refused, never served
/// with weaker ones.
#[derive(Debug, Default)]
pub struct TlsTable {
    /// For names that no router's options cover; `None` refuses them.
    pub default: Option<Chosen>,
    /// By lower-case name; wildcards as `*.example.com`.
    pub by_host: HashMap<Box<str>, Option<Chosen>>,
}

impl TlsTable {
    /// The options for a client that asked for `name`.
    pub fn choose(&self, name: Option<&str>) -> Option<Chosen> {
        let found = name.and_then(|name| {
            self.by_host.get(name).or_else(|| {
                let (_, parent) = name.split_once('.')?;
                self.by_host.get(format!("*.{parent}").as_str())
            })
        });
        found.unwrap_or(&self.default).clone()
    }
}

impl Chosen {
    /// The configuration for a client with this server name and these ALPN protocols, at our address `local`.
    pub fn for_client<'a>(
        &self,
        name: Option<&str>,
        alpn: Option<impl Iterator<Item = &'a [u8]>>,
        local: IpAddr,
    ) -> Arc<ServerConfig> {
        let mut config = &self.config;
        if let (Some(without), Some(mut offered)) = (&self.without_alpn, alpn)
            && offered.all(|protocol| protocol == b"http/1.1")
        {
            config = without;
        }
        // Without a name the certificate of the address that was asked is looked for.
        match name.map_or_else(|| self.of_address(local), |_| None) {
            Some(key) => {
                let mut own = ServerConfig::clone(config);
                own.cert_resolver = Arc::new(Fixed(key));
                Arc::new(own)
            }
            None => Arc::clone(config),
        }
    }

    fn of_address(&self, local: IpAddr) -> Option<Arc<CertifiedKey>> {
        let address = local.to_canonical().to_string();
        self.certificates.find(&address).cloned()
    }
}
