//! `passTLSClientCert`: tells the service about the certificate that a client showed.

use std::fmt::Write as _;
use std::net::IpAddr;

use ::http::{HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use x509_parser::oid_registry::{
    OID_DOMAIN_COMPONENT, OID_X509_COMMON_NAME, OID_X509_COUNTRY_NAME, OID_X509_LOCALITY_NAME,
    OID_X509_ORGANIZATION_NAME, OID_X509_ORGANIZATIONAL_UNIT, OID_X509_SERIALNUMBER,
    OID_X509_STATE_OR_PROVINCE_NAME, Oid,
};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate, X509Name};

use super::filter::{Act, Step};
use crate::config::dynamic::{
    PassTlsClientCert as Config, TlsClientCertificateDn, TlsClientCertificateInfo,
};
use crate::http::{Context, Request, path};

const CERTIFICATE: HeaderName = HeaderName::from_static("x-forwarded-tls-client-cert");
const INFO: HeaderName = HeaderName::from_static("x-forwarded-tls-client-cert-info");

/// See the module.
#[derive(Debug)]
pub struct PassTlsClientCert {
    pem: bool,
    info: Option<Info>,
}

/// What is told of each certificate.
#[derive(Debug)]
struct Info {
    subject: Parts,
    issuer: Parts,
    serial_number: bool,
    not_before: bool,
    not_after: bool,
    sans: bool,
}

/// Parts of a name, in the order in which they are told, and whether all of a kind are, or the last one.
type Parts = Box<[(Oid<'static>, &'static str, bool)]>;

fn parts(config: Option<&TlsClientCertificateDn>, is_subject: bool) -> Parts {
    let Some(config) = config else {
        return Box::default();
    };
    let unit = config.organizational_unit && is_subject;
    let all = [
        (config.domain_component, OID_DOMAIN_COMPONENT, "DC", true),
        (config.country, OID_X509_COUNTRY_NAME, "C", true),
        (config.province, OID_X509_STATE_OR_PROVINCE_NAME, "ST", true),
        (config.locality, OID_X509_LOCALITY_NAME, "L", true),
        (config.organization, OID_X509_ORGANIZATION_NAME, "O", true),
        (unit, OID_X509_ORGANIZATIONAL_UNIT, "OU", true),
        (config.serial_number, OID_X509_SERIALNUMBER, "SN", false),
        (config.common_name, OID_X509_COMMON_NAME, "CN", false),
    ];
    all.into_iter()
        .filter(|(wanted, ..)| *wanted)
        .map(|(_, oid, name, all)| (oid, name, all))
        .collect()
}

impl Info {
    fn new(config: &TlsClientCertificateInfo) -> Self {
        Self {
            subject: parts(config.subject.as_ref(), true),
            issuer: parts(config.issuer.as_ref(), false),
            serial_number: config.serial_number,
            not_before: config.not_before,
            not_after: config.not_after,
            sans: config.sans,
        }
    }

    /// `Subject="…";Issuer="…";…` of one certificate.
    fn tell(&self, certificate: &X509Certificate<'_>) -> String {
        let mut fields = Vec::new();
        let mut field = |name: &str, value: &str| {
            if !value.is_empty() {
                fields.push([name, "=\"", value, "\""].concat());
            }
        };
        field("Subject", &name(&self.subject, certificate.subject()));
        field("Issuer", &name(&self.issuer, certificate.issuer()));
        if self.serial_number {
            field("SerialNumber", &certificate.serial.to_string());
        }
        let validity = certificate.validity();
        if self.not_before {
            field("NB", &validity.not_before.timestamp().to_string());
        }
        if self.not_after {
            field("NA", &validity.not_after.timestamp().to_string());
        }
        if self.sans {
            field("SAN", &alternative_names(certificate).join(","));
        }
        fields.join(";")
    }
}

/// `C=FR,O=Acme,CN=client`
fn name(parts: &Parts, name: &X509Name<'_>) -> String {
    let mut out = String::new();
    for (oid, short, all) in parts {
        let values = name.iter_by_oid(oid).filter_map(|part| part.as_str().ok());
        let values: Vec<&str> = values.filter(|value| !value.is_empty()).collect();
        let first = if *all {
            0
        } else {
            values.len().saturating_sub(1)
        };
        for value in values.get(first..).unwrap_or_default() {
            let comma = if out.is_empty() { "" } else { "," };
            let _ = write!(out, "{comma}{short}={value}");
        }
    }
    out
}

/// Names first, then mail addresses, addresses and URIs.
fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(found)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let mut names: Vec<(u8, String)> = Vec::new();
    for name in &found.value.general_names {
        names.extend(match name {
            GeneralName::DNSName(name) => Some((0, (*name).to_owned())),
            GeneralName::RFC822Name(name) => Some((1, (*name).to_owned())),
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| (2, address.to_string())),
            GeneralName::URI(uri) => Some((3, (*uri).to_owned())),
            _ => None,
        });
    }
    names.sort_by_key(|(kind, _)| *kind);
    names.into_iter().map(|(_, name)| name).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

impl PassTlsClientCert {
    /// Nothing of it can be wrong.
    pub fn new(config: &Config) -> Result<Self, String> {
        Ok(Self {
            pem: config.pem,
            info: config.info.as_ref().map(Info::new),
        })
    }
}

/// The certificates without the lines around them: what PEM is but for its line ends.
fn sanitized(chain: &[Bytes]) -> String {
    let encoded: Vec<String> = chain.iter().map(|der| STANDARD.encode(der)).collect();
    encoded.join(",")
}

impl Act for PassTlsClientCert {
    type Memo = ();

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, ()> {
        let Some(tls) = &cx.connection.tls else {
            return Step::NEXT;
        };
        let chain = &tls.client_certificates;
        if chain.is_empty() {
            return Step::NEXT;
        }
        // Where the value cannot be sent there is none: the client's own would be believed.
        let mut set = |name: HeaderName, value: String| match HeaderValue::try_from(value) {
            Ok(value) => drop(request.headers.insert(name, value)),
            Err(_) => drop(request.headers.remove(name)),
        };
        if self.pem {
            set(CERTIFICATE, sanitized(chain));
        }
        if let Some(info) = &self.info {
            let parsed = chain
                .iter()
                .filter_map(|der| X509Certificate::from_der(der).ok());
            let told: Vec<String> = parsed.map(|(_, parsed)| info.tell(&parsed)).collect();
            set(INFO, path::query_escape(told.join(",").as_bytes()));
        }
        Step::NEXT
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;
    use crate::http::Tls;
    use crate::middleware::testing::{context, decide, request_with, with_connection};

    fn certificate() -> Bytes {
        let mut params = CertificateParams::new(vec!["b.test".to_owned()]).unwrap();
        let uri = "spiffe://a/b".try_into().unwrap();
        params.subject_alt_names.insert(0, SanType::URI(uri));
        let address = SanType::IpAddress([127, 0, 0, 1].into());
        params.subject_alt_names.insert(0, address);
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in [
            (DnType::CommonName, "a client"),
            (DnType::OrganizationName, "Acme"),
            (DnType::CountryName, "FR"),
        ] {
            params.distinguished_name.push(kind, value);
        }
        params.serial_number = Some(513_u64.into());
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec().into()
    }

    #[test]
    fn what_is_told_of_a_certificate() {
        let all = TlsClientCertificateDn {
            country: true,
            organization: true,
            organizational_unit: true,
            common_name: true,
            ..Default::default()
        };
        let certificate = certificate();
        let middleware = PassTlsClientCert::new(&Config {
            pem: true,
            info: Some(TlsClientCertificateInfo {
                sans: true,
                serial_number: true,
                subject: Some(all),
                ..Default::default()
            }),
        });
        let mut cx = with_connection(Some(Tls {
            client_certificates: vec![certificate.clone()],
            ..Tls::default()
        }));
        let mut request = request_with("/", &[]);
        decide(&middleware.unwrap(), &mut cx, &mut request);
        assert_eq!(
            request.headers[INFO],
            "Subject%3D%22C%3DFR%2CO%3DAcme%2CCN%3Da+client%22%3BSerialNumber%3D%22513%22%3BSAN%3D%22b.test%2C127.0.0.1%2Cspiffe%3A%2F%2Fa%2Fb%22"
        );
        assert_eq!(request.headers[CERTIFICATE], STANDARD.encode(&certificate));
    }

    #[test]
    fn without_a_certificate_nothing_is_told() {
        let middleware = PassTlsClientCert::new(&Config {
            pem: true,
            info: Some(TlsClientCertificateInfo::default()),
        });
        let middleware = middleware.unwrap();
        for mut cx in [context(), with_connection(Some(Tls::default()))] {
            let mut request = request_with("/", &[]);
            decide(&middleware, &mut cx, &mut request);
            assert_eq!(request.headers.len(), 1);
        }
    }
}
