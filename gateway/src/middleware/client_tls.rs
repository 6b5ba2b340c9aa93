//! TLS towards services that middlewares ask, as their options give it.

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::types::FileOrContent;
use crate::upstream::{Identity, TlsSettings};

/// Settings from authorities, a certificate of ours with its key (both or none), and whether any certificate will do.
pub(super) fn settings(
    ca: &FileOrContent,
    cert: &FileOrContent,
    key: &FileOrContent,
    insecure_skip_verify: bool,
) -> Result<TlsSettings, String> {
    let read = |what: &str, file: &FileOrContent| {
        file.read()
            .map_err(|error| format!("{what} {file:?}: {error}"))
    };
    let mut settings = TlsSettings {
        insecure_skip_verify,
        ..TlsSettings::default()
    };
    if !ca.is_empty() {
        let authorities = certificates(&read("ca", ca)?)?;
        if authorities.is_empty() {
            return Err("failed to parse CA".to_owned());
        }
        settings.root_cas = Some(authorities);
    }
    if cert.is_empty() != key.is_empty() {
        return Err("both TLS cert and key must be defined".to_owned());
    }
    if !cert.is_empty() {
        let chain = certificates(&read("cert", cert)?)?;
        let key = PrivateKeyDer::from_pem_slice(&read("key", key)?)
            .map_err(|error| format!("key {key:?}: {error}"))?;
        settings.identities.push(Identity { chain, key });
    }
    Ok(settings)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("no certificate: {error}"))
}
