//! Puts the configurations of all providers into one, under `name@provider`.

use std::collections::BTreeMap;

use super::tls_options::{DEFAULT_OPTIONS, TlsInForce};
use crate::config::dynamic::{
    Certificate, CertificateAndStores, Dynamic, Middleware, Router, ServersTransport, Service,
    TlsOptions,
};

/// The only store whose certificates are shown.
const DEFAULT_STORE: &str = "default";

/// Objects by `name@provider`.
pub type Objects<T> = BTreeMap<String, T>;

/// Everything that all providers said.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Merged {
    /// HTTP routers.
    pub routers: Objects<Router>,
    /// HTTP services.
    pub services: Objects<Service>,
    /// HTTP middlewares.
    pub middlewares: Objects<Middleware>,
    /// Transports of HTTP services.
    pub servers_transports: Objects<ServersTransport>,
    /// Certificates of the default store.
    pub certificates: Vec<CertificateAndStores>,
    /// TLS options; those named `default` have no provider in their name.
    pub tls_options: Objects<TlsOptions>,
    /// The default store's certificate for clients whose server name has none.
    pub default_certificate: Option<Certificate>,
    /// Which options hold where, once the routers' entry points are known.
    pub tls: TlsInForce,
    /// What is wrong with the whole, not with one object.
    pub problems: Vec<String>,
}

/// `name` as an object of `provider` means it: `a` is `a@file`, `a@docker` is itself.
pub fn qualify(name: &str, provider: &str) -> String {
    if name.contains('@') {
        name.to_owned()
    } else {
        [name, "@", provider].concat()
    }
}

/// The full name of an object that `provider` defines: an `@` in its own name is part of it.
fn defined(name: &str, provider: &str) -> String {
    [name, "@", provider].concat()
}

/// Merges the configurations of providers, by provider name.
pub fn merge<'a>(providers: impl IntoIterator<Item = (&'a str, &'a Dynamic)>) -> Merged {
    let mut merged = Merged::default();
    let (mut default_options, mut default_stores) = (Vec::new(), Vec::new());
    for (provider, config) in providers {
        if let Some(http) = &config.http {
            add(&mut merged.routers, &http.routers, provider);
            add(&mut merged.services, &http.services, provider);
            add(&mut merged.middlewares, &http.middlewares, provider);
            add(
                &mut merged.servers_transports,
                &http.servers_transports,
                provider,
            );
        }
        if let Some(tls) = &config.tls {
            let of_default = |certificate: &&CertificateAndStores| {
                let stores = &certificate.stores;
                stores.is_empty() || stores.iter().any(|store| store == DEFAULT_STORE)
            };
            let certificates = tls.certificates.iter().filter(of_default).cloned();
            merged.certificates.extend(certificates);
            for (name, options) in &tls.options {
                let name = if name == DEFAULT_OPTIONS {
                    default_options.push(provider);
                    name.clone()
                } else {
                    defined(name, provider)
                };
                merged.tls_options.insert(name, options.clone());
            }
            if let Some(store) = tls.stores.get(DEFAULT_STORE) {
                default_stores.push(provider);
                merged
                    .default_certificate
                    .clone_from(&store.default_certificate);
            }
        }
    }
    merged.only_one_default(&default_options, &default_stores);
    merged
}

impl Merged {
    /// Two providers that both say what the default is: neither counts. Routers that rely on default options are refused
    /// then, as in Traefik.
    fn only_one_default(&mut self, options: &[&str], stores: &[&str]) {
        match options {
            [] => {
                let default = TlsOptions::default();
                self.tls_options.insert(DEFAULT_OPTIONS.to_owned(), default);
            }
            [_] => {}
            several => {
                self.tls_options.remove(DEFAULT_OPTIONS);
                self.problems.push(format!(
                    "the TLS options \"default\" are defined by several providers ({}): keep one of them",
                    several.join(", ")
                ));
            }
        }
        if stores.len() > 1 {
            self.default_certificate = None;
            self.problems.push(format!(
                "the TLS store \"default\" is defined by several providers ({}): keep one of them",
                stores.join(", ")
            ));
        }
    }
}

fn add<T: Clone>(into: &mut Objects<T>, from: &BTreeMap<String, T>, provider: &str) {
    for (name, object) in from {
        into.insert(defined(name, provider), object.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::dynamic::Http;

    #[test]
    fn the_same_name_of_two_providers_is_two_objects() {
        let router = |rule: &str| {
            let router = Router {
                rule: rule.to_owned(),
                ..Router::default()
            };
            let routers = [("r".to_owned(), router)].into();
            Dynamic {
                http: Some(Http {
                    routers,
                    ..Http::default()
                }),
                ..Dynamic::default()
            }
        };
        let (a, b) = (router("Path(`/a`)"), router("Path(`/b`)"));
        let merged = merge([("file", &a), ("rest", &b)]);
        assert_eq!(
            merged.routers.keys().collect::<Vec<_>>(),
            ["r@file", "r@rest"]
        );
        assert_eq!(qualify("x@docker", "file"), "x@docker");
    }
}
