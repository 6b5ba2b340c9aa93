//! The authorities whose certificates are trusted.

use std::sync::{Arc, LazyLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// What the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` are heeded, as by Go), read once; in an image that has
/// nothing of the kind, what Mozilla trusts.
static SYSTEM: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::debug!(%error, "the system's certificate authorities");
    }
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Arc::new(store)
});

/// `given`, or else the system's. One that cannot be read is left out: less is trusted then, not more.
pub(super) fn roots(given: Option<&[CertificateDer<'static>]>) -> Arc<RootCertStore> {
    let Some(given) = given else {
        return Arc::clone(&SYSTEM);
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(given.iter().cloned());
    Arc::new(store)
}
