//! Certificates and keys, read from their files, and what of them the last run can still use.

use std::collections::BTreeMap;

use crate::compile::Input;
use crate::net::tls::{CertificateStore, Pair, load_pair};
use crate::runtime::Certificate;
use crate::types::FileOrContent;

/// Pairs that were read, by where they come from.
pub(super) type Pairs = BTreeMap<(FileOrContent, FileOrContent), Read>;

/// A pair with the bytes it was made of.
#[derive(Clone)]
pub(super) struct Read {
    certificate: Vec<u8>,
    key: Vec<u8>,
    pair: Pair,
}

/// All certificates of one run.
pub(super) struct Loaded {
    pub(super) store: CertificateStore,
    pub(super) pairs: Pairs,
    pub(super) shown: Vec<Certificate>,
}

/// Reads every pair. One that cannot be used now but could be before stays as it was: a renewal that has written the
/// certificate but not yet the key takes nobody's certificate away.
pub(super) fn load(input: &Input<'_>, before: &Pairs, problems: &mut Vec<String>) -> Loaded {
    let merged = input.merged;
    let mut pairs = Pairs::new();
    let mut get = |certificate: &FileOrContent, key: &FileOrContent| {
        let from = (certificate.clone(), key.clone());
        let known = before.get(&from);
        let read = read(&from, known).or_else(|error| {
            let kept = if known.is_some() {
                "; what was read before stays in force"
            } else {
                ""
            };
            problems.push(format!("certificate {certificate:?}: {error}{kept}"));
            known.cloned().ok_or(())
        });
        let read = read.ok()?;
        let pair = read.pair.clone();
        pairs.insert(from, read);
        Some(pair)
    };
    let configured = merged.certificates.iter();
    let served: Vec<Pair> = configured
        .filter_map(|configured| get(&configured.cert_file, &configured.key_file))
        .collect();
    let default = merged
        .default_certificate
        .as_ref()
        .and_then(|configured| get(&configured.cert_file, &configured.key_file));
    let mut shown: Vec<Certificate> = Vec::new();
    for pair in served.iter().chain(&default) {
        let leaf = pair.key.cert.first();
        let certificate = leaf.and_then(|leaf| Certificate::parse(leaf));
        shown.extend(certificate.filter(|certificate| !shown.contains(certificate)));
    }
    let store = CertificateStore::new(&served, default.as_ref().or(input.fallback_certificate));
    Loaded {
        store,
        pairs,
        shown,
    }
}

fn read(from: &(FileOrContent, FileOrContent), known: Option<&Read>) -> Result<Read, String> {
    let bytes = |file: &FileOrContent| {
        file.read_pem()
            .map_err(|error| format!("{file:?}: {error}"))
    };
    let (certificate, key) = (bytes(&from.0)?, bytes(&from.1)?);
    if let Some(known) = known.filter(|known| known.certificate == certificate && known.key == key)
    {
        return Ok(known.clone());
    }
    let pair = load_pair(&certificate, &key).map_err(|error| error.to_string())?;
    Ok(Read {
        certificate,
        key,
        pair,
    })
}
