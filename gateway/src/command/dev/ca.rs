//! The local certificate authority of `gateway dev` and the certificate it signs for localhost.
//!
//! Three pairs in one folder: `dev-ca`, `localhost` and `wildcard.localhost`, each a `.crt` (leaf, then CA) and a `.key`.
//! What is there is used again as long as a client would accept it for another week; anything else is made anew.
//! The CA may sign for localhost only (name constraints, RFC 5280 section 4.2.1.10): whoever gets hold of its key
//! can't pose as any other host to a browser that trusts it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, PublicKeyData as _,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

const DAY: Duration = Duration::from_secs(24 * 3600);
const CA_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Browsers refuse leaves that live longer than 398 days; a day is kept for `not_before`.
const LEAF_LIFETIME: Duration = Duration::from_secs(396 * 24 * 3600);
/// Less than this left: made anew, so that a stack started today doesn't fail over the weekend.
const RENEW_BEFORE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Most clients (webpki, NSS, Chrome, OpenSSL) ignore a wildcard right below a top-level name, and `localhost` is one; some
/// refuse the whole certificate for it. So it has a certificate of its own, for those that take it (Go's), and the names
/// commonly used are listed one by one in the other.
const WILDCARD: &str = "*.localhost";
const DNS_NAMES: [&str; 6] = [
    "localhost",
    "admin.localhost",
    "api.localhost",
    "dashboard.localhost",
    "stream.localhost",
    "traefik.localhost",
];
const ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// Where the files are, and which of them this call made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevCertificates {
    /// PEM; what a browser has to trust.
    pub ca_certificate: PathBuf,
    /// For localhost, the usual names below it and the loopback addresses.
    pub localhost: Pair,
    /// For any other name below localhost.
    pub wildcard: Pair,
    /// The CA is new: whoever trusted an older one has to trust this one.
    pub made_ca: bool,
    /// The two certificates are new.
    pub made_certificates: bool,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// PEM; the certificate, for a leaf followed by the CA.
    pub certificate: PathBuf,
    /// PEM, PKCS #8, mode 0600.
    pub key: PathBuf,
}

impl Pair {
    fn new(folder: &Path, name: &str) -> Self {
        Self {
            certificate: folder.join(format!("{name}.crt")),
            key: folder.join(format!("{name}.key")),
        }
    }
}

/// Why the local certificates could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DevCertError {
    #[error(
        "cannot {action} {}: {source}; is the folder writable for this user?",
        path.display()
    )]
    File {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot make the {what}: {source}")]
    Make {
        what: &'static str,
        source: rcgen::Error,
    },
}

/// Makes sure that `folder` holds a local CA and a certificate for localhost that are valid for a week or more.
pub fn ensure(folder: &Path) -> Result<DevCertificates, DevCertError> {
    ensure_at(folder, SystemTime::now())
}

fn ensure_at(folder: &Path, now: SystemTime) -> Result<DevCertificates, DevCertError> {
    fs::create_dir_all(folder).map_err(failed("create", folder))?;
    // Two stacks started at once must not sign with each other's half-written CA.
    let lock = File::open(folder).map_err(failed("open", folder))?;
    lock.lock().map_err(failed("lock", folder))?;

    let files = Pair::new(folder, "dev-ca");
    let (ca, made_ca) = match Authority::load(&files, now)? {
        Some(ca) => (ca, false),
        None => (Authority::make(&files, now)?, true),
    };
    let localhost = Leaf::localhost(folder);
    let wildcard = Leaf::wildcard(folder);
    let good = !made_ca && localhost.is_good(&ca, now)? && wildcard.is_good(&ca, now)?;
    if !good {
        localhost.make(&ca, now)?;
        wildcard.make(&ca, now)?;
    }
    Ok(DevCertificates {
        ca_certificate: files.certificate,
        localhost: localhost.files,
        wildcard: wildcard.files,
        made_ca,
        made_certificates: !good,
    })
}

/// The CA: its certificate as clients see it, and what signs in its name.
struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// The CA on disk, or `None` when there is none that can be used.
    fn load(files: &Pair, now: SystemTime) -> Result<Option<Self>, DevCertError> {
        let Some(pem) = read(&files.certificate)? else {
            return Ok(None);
        };
        let Some(key_pem) = read(&files.key)? else {
            return Ok(None);
        };
        let (Ok(der), Ok(key)) = (
            CertificateDer::from_pem_slice(pem.as_bytes()),
            KeyPair::from_pem(&key_pem),
        ) else {
            return Ok(None);
        };
        if !ca_is_good(&der, &key, now) {
            return Ok(None);
        }
        restrict(&files.key)?;
        Ok(Issuer::from_ca_cert_der(&der, key)
            .ok()
            .map(|issuer| Self { pem, der, issuer }))
    }

    fn make(files: &Pair, now: SystemTime) -> Result<Self, DevCertError> {
        let made = (|| {
            let key = KeyPair::generate()?;
            let params = ca_params(&key, now);
            let certificate = params.self_signed(&key)?;
            Ok((key, params, certificate))
        })();
        let (key, params, certificate) = made.map_err(|source| DevCertError::Make {
            what: "local certificate authority",
            source,
        })?;
        write(&files.key, &key.serialize_pem(), 0o600)?;
        write(&files.certificate, &certificate.pem(), 0o644)?;
        Ok(Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        })
    }
}

fn ca_params(key: &KeyPair, now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    // The fingerprint keeps the names of two machines' CAs apart in a browser's list.
    let name = format!("Local development CA {}", fingerprint(key));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    set_validity(&mut params, now, CA_LIFETIME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let mut permitted = vec![GeneralSubtree::DnsName("localhost".to_owned())];
    permitted.extend(ADDRESSES.map(|address| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
    }));
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: permitted,
        excluded_subtrees: Vec::new(),
    });
    params
}

/// A certificate for some names, as it should be.
struct Leaf {
    files: Pair,
    names: Vec<String>,
}

impl Leaf {
    fn localhost(folder: &Path) -> Self {
        let addresses = ADDRESSES.map(|address| address.to_string());
        Self {
            files: Pair::new(folder, "localhost"),
            names: DNS_NAMES
                .map(str::to_owned)
                .into_iter()
                .chain(addresses)
                .collect(),
        }
    }

    fn wildcard(folder: &Path) -> Self {
        Self {
            files: Pair::new(folder, "wildcard.localhost"),
            names: vec![WILDCARD.to_owned()],
        }
    }

    fn params(&self, now: SystemTime) -> Result<CertificateParams, rcgen::Error> {
        // The library tells addresses from names by itself.
        let mut params = CertificateParams::new(self.names.clone())?;
        params.distinguished_name = DistinguishedName::new();
        if let Some(name) = self.names.first() {
            params
                .distinguished_name
                .push(DnType::CommonName, name.as_str());
        }
        set_validity(&mut params, now, LEAF_LIFETIME);
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Ok(params)
    }

    fn make(&self, ca: &Authority, now: SystemTime) -> Result<(), DevCertError> {
        let made = (|| {
            let key = KeyPair::generate()?;
            let certificate = self.params(now)?.signed_by(&key, &ca.issuer)?;
            Ok((key, certificate))
        })();
        let (key, certificate) = made.map_err(|source| DevCertError::Make {
            what: "certificate for localhost",
            source,
        })?;
        write(&self.files.key, &key.serialize_pem(), 0o600)?;
        let chain = format!("{}{}", certificate.pem(), ca.pem);
        write(&self.files.certificate, &chain, 0o644)
    }

    /// Whether it is signed by `ca` for these names, belongs to the key beside it, and lasts for another week.
    fn is_good(&self, ca: &Authority, now: SystemTime) -> Result<bool, DevCertError> {
        let (Some(pem), Some(key_pem)) = (read(&self.files.certificate)?, read(&self.files.key)?)
        else {
            return Ok(false);
        };
        let (Ok(der), Ok(key)) = (
            CertificateDer::from_pem_slice(pem.as_bytes()),
            KeyPair::from_pem(&key_pem),
        ) else {
            return Ok(false);
        };
        // The chain is served as it stands, so the CA in it has to be the present one.
        let good = pem.ends_with(&ca.pem)
            && self.matches(&der, &key)
            && is_signed(&der, ca, now)
            && is_signed(&der, ca, now + RENEW_BEFORE);
        if good {
            restrict(&self.files.key)?;
        }
        Ok(good)
    }

    fn matches(&self, der: &CertificateDer<'_>, key: &KeyPair) -> bool {
        let Ok((_, leaf)) = X509Certificate::from_der(der) else {
            return false;
        };
        let Ok(Some(found)) = leaf.subject_alternative_name() else {
            return false;
        };
        let found: Vec<String> = found
            .value
            .general_names
            .iter()
            .filter_map(plain_name)
            .collect();
        leaf.public_key().subject_public_key.data.as_ref() == key.public_key_raw()
            && self.names.iter().all(|name| found.contains(name))
    }
}

fn plain_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => <[u8; 4]>::try_from(*bytes)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
            .ok()
            .map(|address| address.to_string()),
        _ => None,
    }
}

/// Ours, for that key, able to sign, limited to localhost, and not about to end.
fn ca_is_good(der: &CertificateDer<'_>, key: &KeyPair, now: SystemTime) -> bool {
    let Ok((_, ca)) = X509Certificate::from_der(der) else {
        return false;
    };
    let limited = matches!(ca.name_constraints(), Ok(Some(limits)) if limits.value.permitted_subtrees.is_some());
    ca.is_ca()
        && limited
        && ca.public_key().subject_public_key.data.as_ref() == key.public_key_raw()
        && ca.validity().not_before.timestamp() <= seconds(now)
        // A leaf must not outlive its CA.
        && ca.validity().not_after.timestamp() >= seconds(now + LEAF_LIFETIME)
}

/// Whether `leaf` is valid at that time and carries the signature of `ca`.
fn is_signed(leaf: &CertificateDer<'_>, ca: &Authority, at: SystemTime) -> bool {
    let Ok((_, issuer)) = X509Certificate::from_der(&ca.der) else {
        return false;
    };
    X509Certificate::from_der(leaf).is_ok_and(|(_, leaf)| {
        let validity = leaf.validity();
        validity.not_before.timestamp() <= seconds(at)
            && validity.not_after.timestamp() >= seconds(at)
            && leaf.verify_signature(Some(issuer.public_key())).is_ok()
    })
}

/// From a day ago, for clocks that are a little behind.
fn set_validity(params: &mut CertificateParams, now: SystemTime, lifetime: Duration) {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = rcgen::date_time_ymd(1970, 1, 1) + since_epoch;
    params.not_before = now - DAY;
    params.not_after = now + lifetime;
}

fn fingerprint(key: &KeyPair) -> String {
    let mut text = String::new();
    for byte in key.subject_public_key_info().iter().rev().take(4) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

fn seconds(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn read(path: &Path) -> Result<Option<String>, DevCertError> {
    match fs::read(path) {
        // What is no text is no PEM either; the parser says so.
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// A reader sees the old file or the new one, never a part, and a key is never readable for others, not for a moment.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), DevCertError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // Left behind by a process that died in the middle.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", &new)(error));
        }
        _ => {}
    }
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    })();
    written.map_err(failed("write", path))
}

/// A copied or restored key may have become readable for others.
fn restrict(key: &Path) -> Result<(), DevCertError> {
    let mode = fs::metadata(key)
        .map_err(failed("read", key))?
        .permissions();
    if mode.mode() & 0o077 != 0 {
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(key, private).map_err(failed("restrict the mode of", key))?;
    }
    Ok(())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DevCertError {
    let path = path.to_owned();
    move |source| DevCertError::File {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::sync::Arc;

    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls_pki_types::{ServerName, UnixTime};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn makes_what_is_missing_and_uses_it_again() {
        let folder = tempfile::tempdir().unwrap();
        let certs = folder.path().join("certs");
        let first = ensure(&certs).unwrap();
        assert!(first.made_ca && first.made_certificates);
        assert_eq!(mode(&first.localhost.key), 0o600);
        assert_eq!(mode(&certs.join("dev-ca.key")), 0o600);
        let pem = fs::read(&first.localhost.certificate).unwrap();

        let second = ensure(&certs).unwrap();
        assert!(!second.made_ca && !second.made_certificates);
        assert_eq!(fs::read(&second.localhost.certificate).unwrap(), pem);
        assert_eq!(fs::read_dir(&certs).unwrap().count(), 6);
    }

    #[test]
    fn leaf_is_remade_a_week_before_its_end_by_the_same_ca() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        ensure_at(folder.path(), now).unwrap();
        let just_good = now + LEAF_LIFETIME - RENEW_BEFORE - DAY;
        assert!(
            !ensure_at(folder.path(), just_good)
                .unwrap()
                .made_certificates
        );
        let late = ensure_at(folder.path(), now + LEAF_LIFETIME - RENEW_BEFORE + DAY).unwrap();
        assert!(!late.made_ca && late.made_certificates);
    }

    #[test]
    fn ca_that_a_new_leaf_would_outlive_is_remade() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        ensure_at(folder.path(), now).unwrap();
        let late = ensure_at(folder.path(), now + CA_LIFETIME - LEAF_LIFETIME + DAY).unwrap();
        assert!(late.made_ca && late.made_certificates);
    }

    #[test]
    fn damaged_or_foreign_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let files = ensure(folder.path()).unwrap();
        ensure(other.path()).unwrap();

        fs::write(&files.localhost.certificate, [0xff, 0x00]).unwrap();
        let made = ensure(folder.path()).unwrap();
        assert!(!made.made_ca && made.made_certificates);

        fs::copy(other.path().join("localhost.key"), &files.localhost.key).unwrap();
        assert!(ensure(folder.path()).unwrap().made_certificates);

        fs::copy(other.path().join("dev-ca.crt"), &files.ca_certificate).unwrap();
        let made = ensure(folder.path()).unwrap();
        assert!(made.made_ca && made.made_certificates);
    }

    #[test]
    fn key_that_others_can_read_is_restricted_again() {
        let folder = tempfile::tempdir().unwrap();
        let files = ensure(folder.path()).unwrap();
        fs::set_permissions(&files.localhost.key, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(!ensure(folder.path()).unwrap().made_certificates);
        assert_eq!(mode(&files.localhost.key), 0o600);
    }

    fn accepts(leaf: &CertificateDer<'_>, ca: &Authority, name: &str) -> bool {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .unwrap();
        let name = ServerName::try_from(name).unwrap();
        let verified = verifier.verify_server_cert(leaf, &[], &name, &[], UnixTime::now());
        verified.is_ok()
    }

    fn authority(folder: &Path) -> Authority {
        let files = Pair::new(folder, "dev-ca");
        Authority::load(&files, SystemTime::now()).unwrap().unwrap()
    }

    #[test]
    fn a_client_that_trusts_the_ca_accepts_every_name() {
        let folder = tempfile::tempdir().unwrap();
        let files = ensure(folder.path()).unwrap();
        let leaf = CertificateDer::from_pem_file(&files.localhost.certificate).unwrap();
        let ca = authority(folder.path());
        for name in Leaf::localhost(folder.path()).names {
            assert!(accepts(&leaf, &ca, &name), "{name}");
        }
        assert!(!accepts(&leaf, &ca, "other.localhost"));
    }

    #[test]
    fn ca_cannot_sign_for_another_host() {
        let folder = tempfile::tempdir().unwrap();
        ensure(folder.path()).unwrap();
        let ca = authority(folder.path());
        let mut leaf = Leaf::localhost(folder.path());
        leaf.names.push("example.com".to_owned());
        leaf.make(&ca, SystemTime::now()).unwrap();
        let leaf = CertificateDer::from_pem_file(&leaf.files.certificate).unwrap();
        assert!(!accepts(&leaf, &ca, "example.com"));
    }

    #[test]
    fn folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = ensure(&file.join("certs")).unwrap_err().to_string();
        assert!(error.contains("file/certs"), "{error}");
    }
}
