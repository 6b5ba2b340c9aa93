//! `/api/certificates`: what is served, and how long still.

use ::http::StatusCode;
use serde::Serialize;

use super::json;
use super::list::page;
use super::query::{Criterion, Query};
use crate::http::Response;
use crate::observe::time::Utc;
use crate::runtime::Certificate;

/// Less than this is left: a warning.
const SOON: i64 = 30 * 24 * 60 * 60;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    name: &'a str,
    sans: Vec<&'a str>,
    not_after: String,
    not_before: String,
    serial_number: &'a str,
    common_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    issuer_org: &'a str,
    #[serde(rename = "issuerCN", skip_serializing_if = "str::is_empty")]
    issuer_cn: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    issuer_country: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    organization: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    country: &'a str,
    version: String,
    key_type: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    key_size: usize,
    signature_algorithm: &'a str,
    cert_fingerprint: &'a str,
    public_key_fingerprint: &'a str,
    status: &'static str,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// `enabled`, `warning` (it ends soon) or `expired`.
pub(super) fn status(certificate: &Certificate, now: i64) -> &'static str {
    match certificate.not_after - now {
        ..0 => "expired",
        0..SOON => "warning",
        _ => "enabled",
    }
}

fn shown(certificate: &Certificate, now: i64) -> Shown<'_> {
    let names = certificate.dns_names.iter().chain(&certificate.addresses);
    let mut sans: Vec<&str> = names.map(String::as_str).collect();
    sans.sort_unstable();
    Shown {
        name: &certificate.fingerprint,
        sans,
        not_after: date(certificate.not_after),
        not_before: date(certificate.not_before),
        serial_number: &certificate.serial,
        common_name: &certificate.common_name,
        issuer_org: &certificate.issuer_organization,
        issuer_cn: &certificate.issuer_common_name,
        issuer_country: &certificate.issuer_country,
        organization: &certificate.organization,
        country: &certificate.country,
        version: format!("v{}", certificate.version),
        key_type: certificate.key_type,
        key_size: certificate.key_size,
        signature_algorithm: &certificate.signature_algorithm,
        cert_fingerprint: &certificate.fingerprint,
        public_key_fingerprint: &certificate.key_fingerprint,
        status: status(certificate, now),
    }
}

fn date(at: i64) -> String {
    let mut out = Vec::new();
    Utc::from_unix(u64::try_from(at).unwrap_or(0), 0).write_rfc3339(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The certificates that `query` asks for, in its order.
pub(super) fn list(certificates: &[Certificate], query: &Query, now: i64) -> Response {
    let criterion = Criterion::of(query);
    let mut found: Vec<&Certificate> = certificates
        .iter()
        .filter(|certificate| {
            let texts = [
                &certificate.common_name,
                &certificate.issuer_organization,
                &certificate.issuer_common_name,
            ];
            let names = certificate.dns_names.iter().chain(&certificate.addresses);
            criterion.has_status(status(certificate, now))
                && criterion.finds(texts.into_iter().chain(names).map(String::as_str))
        })
        .collect();
    let issuer = |certificate: &Certificate| match certificate.issuer_organization.is_empty() {
        true => certificate.issuer_common_name.clone(),
        false => certificate.issuer_organization.clone(),
    };
    match query.get("sortBy") {
        "status" => found.sort_by_key(|one| (status(one, now), one.common_name.clone())),
        "issuer" => found.sort_by_key(|one| (issuer(one), one.common_name.clone())),
        "validUntil" => found.sort_by_key(|one| (one.not_after, one.common_name.clone())),
        _ => found.sort_by_key(|one| one.common_name.clone()),
    }
    if !matches!(query.get("direction"), "" | "asc") {
        found.reverse();
    }
    let items: Vec<_> = found.into_iter().map(|one| shown(one, now)).collect();
    page(&items, query)
}

/// One certificate by its fingerprint.
pub(super) fn one(certificates: &[Certificate], name: &str, now: i64) -> Response {
    let found = certificates.iter().find(|one| one.fingerprint == name);
    match found {
        Some(certificate) => json::document(&shown(certificate, now)),
        None => {
            let message = format!("certificate not found: {name}");
            json::refusal(StatusCode::NOT_FOUND, &message)
        }
    }
}
