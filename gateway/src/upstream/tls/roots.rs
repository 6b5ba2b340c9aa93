//! The authorities whose certificates are trusted.

use std::sync::{Arc, LazyLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// Who vouches for servers.
#[derive(Debug, Clone)]
pub(super) struct Roots {
    /// As authorities.
    pub(super) store: Arc<RootCertStore>,
    /// As they are: a server that shows one of these has signed its certificate itself. To Go that is as good as any
    /// signature, and people do trust such servers by naming their certificates.
    pub(super) certificates: Arc<[CertificateDer<'static>]>,
}

impl Roots {
    fn of(certificates: &[CertificateDer<'static>]) -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(certificates.iter().cloned());
        Self {
            store: Arc::new(store),
            certificates: certificates.into(),
        }
    }
}

/// What the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` are heeded, as by Go), read once; in an image that has
/// nothing of the kind, what Mozilla trusts.
static SYSTEM: LazyLock<Roots> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::debug!(%error, "the system's certificate authorities");
    }
    if found.certs.is_empty() {
        let mut store = RootCertStore::empty();
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Roots {
            store: Arc::new(store),
            certificates: Arc::default(),
        };
    }
    Roots::of(&found.certs)
});

/// `given`, or else the system's. One that cannot be read is left out: less is trusted then, not more.
pub(super) fn roots(given: Option<&[CertificateDer<'static>]>) -> Roots {
    given.map_or_else(|| SYSTEM.clone(), Roots::of)
}
