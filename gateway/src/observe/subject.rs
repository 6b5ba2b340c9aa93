//! The subject of a client's certificate, as Go writes a distinguished name (RFC 2253, last part first).

use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The subject; `None` where the certificate cannot be read.
pub(super) fn of(certificate: &[u8]) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let mut parts: Vec<String> = Vec::new();
    for relative in parsed.subject().iter() {
        let attributes: Vec<String> = relative
            .iter()
            .map(|attribute| {
                let key = name(&attribute.attr_type().to_id_string());
                format!("{key}={}", escaped(attribute.as_str().unwrap_or_default()))
            })
            .collect();
        parts.push(attributes.join("+"));
    }
    parts.reverse();
    Some(parts.join(","))
}

/// Go's short names; the number of any other attribute.
fn name(id: &str) -> String {
    let short = match id {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "SERIALNUMBER",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.17" => "POSTALCODE",
        other => other,
    };
    short.to_owned()
}

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (place, letter) in value.chars().enumerate() {
        let special = matches!(letter, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || (letter == '#' && place == 0)
            || (letter == ' ' && (place == 0 || place == last));
        if special {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_last_part_comes_first() {
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let name = &mut params.distinguished_name;
        name.push(rcgen::DnType::CountryName, "FR");
        name.push(rcgen::DnType::OrganizationName, "A, B");
        name.push(rcgen::DnType::CommonName, "client");
        let key = rcgen::KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        assert_eq!(of(made.der()).unwrap(), "CN=client,O=A\\, B,C=FR");
        assert_eq!(of(b"no certificate"), None);
    }
}
