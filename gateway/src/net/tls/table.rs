//! Which TLS options hold for a server name.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::ServerConfig;

/// Options ready to shake hands with.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The configuration.
    pub config: Arc<ServerConfig>,
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
        self.find(name).clone()
    }

    /// Their name; `None` where they could not be built.
    pub fn options(&self, name: Option<&str>) -> Option<&str> {
        self.find(name).as_ref().map(|chosen| &*chosen.options)
    }

    fn find(&self, name: Option<&str>) -> &Option<Chosen> {
        let found = name.and_then(|name| {
            self.by_host.get(name).or_else(|| {
                let (_, parent) = name.split_once('.')?;
                self.by_host.get(format!("*.{parent}").as_str())
            })
        });
        found.unwrap_or(&self.default)
    }
}
