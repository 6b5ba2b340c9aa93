//! Certificates by server name.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{Pair, canonical_name};

/// Which certificate a client is shown.
#[derive(Debug)]
pub struct CertificateStore {
    by_name: HashMap<Box<str>, Arc<CertifiedKey>>,
    default: Option<Arc<CertifiedKey>>,
}

impl CertificateStore {
    /// Of several certificates for one name the one that ends last is shown, as Traefik does.
    pub fn new(pairs: &[Pair], default: Option<&Pair>) -> Self {
        let mut sorted: Vec<&Pair> = pairs.iter().collect();
        sorted.sort_by_key(|pair| pair.not_after);
        let mut by_name = HashMap::new();
        for pair in sorted {
            for name in &pair.names {
                by_name.insert(name.as_str().into(), Arc::clone(&pair.key));
            }
        }
        Self {
            by_name,
            default: default.map(|pair| Arc::clone(&pair.key)),
        }
    }

    /// The certificate for a lower-case name: its own, then that of the wildcard above it.
    pub fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        self.by_name.get(name).or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(format!("*.{parent}").as_str())
        })
    }

    /// The certificate shown where no name fits.
    pub fn default_certificate(&self) -> Option<&Arc<CertifiedKey>> {
        self.default.as_ref()
    }
}

impl PartialEq for CertificateStore {
    /// Whether the very same certificates are shown for the same names.
    fn eq(&self, other: &Self) -> bool {
        let same = |a: Option<&Arc<CertifiedKey>>, b: Option<&Arc<CertifiedKey>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        same(self.default.as_ref(), other.default.as_ref())
            && self.by_name.len() == other.by_name.len()
            && self
                .by_name
                .iter()
                .all(|(name, key)| same(Some(key), other.by_name.get(name)))
    }
}

/// Shows one certificate, whatever the client asks for.
#[derive(Debug)]
pub(super) struct Fixed(pub(super) Arc<CertifiedKey>);

impl ResolvesServerCert for Fixed {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Resolves for `rustls`; `strict` (Traefik's `sniStrict`) shows nothing where no name fits.
#[derive(Debug)]
pub(super) struct Resolver {
    pub(super) store: Arc<CertificateStore>,
    pub(super) strict: bool,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(canonical_name);
        if let Some(found) = name.as_deref().and_then(|name| self.store.find(name)) {
            return Some(Arc::clone(found));
        }
        if self.strict {
            return None;
        }
        self.store.default_certificate().cloned()
    }
}
