//! The files that objects of the routing configuration read by themselves: certificates, keys, authorities, users.
//!
//! When one changes, what was made of it is stale although the configuration is the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Merged;
use crate::config::dynamic::{Middleware, ServersTransport};
use crate::types::FileOrContent;

/// All of them.
pub fn files(merged: &Merged) -> BTreeSet<PathBuf> {
    let mut pem = Vec::new();
    for pair in &merged.certificates {
        pem.extend([&pair.cert_file, &pair.key_file]);
    }
    if let Some(pair) = &merged.default_certificate {
        pem.extend([&pair.cert_file, &pair.key_file]);
    }
    for options in merged.tls_options.values() {
        pem.extend(&options.client_auth.ca_files);
    }
    pem.into_iter()
        .filter_map(FileOrContent::as_path)
        .chain(merged.servers_transports.values().flat_map(of_transport))
        .chain(merged.middlewares.values().flat_map(of_middleware))
        .map(Path::to_owned)
        .collect()
}

/// Those of a transport.
fn of_transport(config: &ServersTransport) -> Vec<&Path> {
    let pairs = config.certificates.iter();
    let pairs = pairs.flat_map(|pair| [&pair.cert_file, &pair.key_file]);
    let all = config.root_cas.iter().chain(pairs);
    all.filter_map(FileOrContent::as_path).collect()
}

/// Those of a middleware.
pub fn of_middleware(config: &Middleware) -> Vec<&Path> {
    let tls = config
        .forward_auth
        .iter()
        .filter_map(|auth| auth.tls.as_ref());
    let tls = tls.flat_map(|tls| [&tls.ca, &tls.cert, &tls.key]);
    let redis = config
        .rate_limit
        .iter()
        .filter_map(|limit| limit.redis.as_ref());
    let redis = redis.filter_map(|redis| redis.tls.as_ref());
    let redis = redis.flat_map(|tls| [&tls.ca, &tls.cert, &tls.key]);
    let jwt = config.jwt.iter();
    let keys = jwt
        .clone()
        .flat_map(|jwt| [&jwt.public_key, &jwt.jwks_file]);
    let clients = jwt.filter_map(|jwt| jwt.client_config.as_ref()?.tls.as_ref());
    let clients = clients.flat_map(|tls| [&tls.ca, &tls.cert, &tls.key]);
    let basic = config.basic_auth.iter().map(|auth| &auth.users_file);
    let digest = config.digest_auth.iter().map(|auth| &auth.users_file);
    let users = basic.chain(digest).filter(|file| !file.is_empty());
    tls.chain(redis)
        .chain(keys)
        .chain(clients)
        .filter_map(FileOrContent::as_path)
        .chain(users.map(Path::new))
        .collect()
}
