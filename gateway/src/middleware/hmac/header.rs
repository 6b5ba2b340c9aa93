//! What a client says of its signature, in the words of draft-cavage-http-signatures-12 section 2.1.

use ::http::HeaderName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longer ones are wrong unseen.
const LONGEST: usize = 4096;

/// A part of the request that a signature covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Method, path and query.
    Target,
    /// When it was made.
    Created,
    /// Until when it counts.
    Expires,
    /// A field.
    Field(HeaderName),
}

/// The parameters of a signature. Times are as they were written, since that is what was signed.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    pub(super) key: &'a str,
    pub(super) algorithm: &'a str,
    pub(super) parts: Vec<Part>,
    pub(super) signature: Vec<u8>,
    pub(super) created: Option<&'a str>,
    pub(super) expires: Option<&'a str>,
}

impl Part {
    /// The part of that name.
    pub(super) fn read(name: &str) -> Option<Self> {
        match name {
            "(request-target)" => Some(Self::Target),
            "(created)" => Some(Self::Created),
            "(expires)" => Some(Self::Expires),
            name => HeaderName::from_bytes(name.as_bytes())
                .ok()
                .map(Self::Field),
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Target => "(request-target)",
            Self::Created => "(created)",
            Self::Expires => "(expires)",
            Self::Field(name) => name.as_str(),
        }
    }
}

impl<'a> Claim<'a> {
    /// Reads what follows the scheme; an error says what is wrong.
    pub(super) fn read(text: &'a [u8]) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("its parameters are too long");
        }
        let text = std::str::from_utf8(text).map_err(|_| "its parameters are no text")?;
        let mut found = Parameters::default();
        let mut rest = text.trim_ascii();
        while !rest.is_empty() {
            let (name, value, behind) = parameter(rest).ok_or("its parameters cannot be read")?;
            rest = behind;
            let Some(slot) = found.slot(name) else {
                continue;
            };
            if slot.replace(value).is_some() {
                return Err("it has a parameter twice");
            }
        }
        let signature = found.signature.ok_or("it has no signature")?;
        Ok(Self {
            key: found.key.ok_or("it names no key")?,
            algorithm: found.algorithm.ok_or("it names no algorithm")?,
            parts: parts(found.headers, found.created.is_some())?,
            signature: STANDARD
                .decode(signature)
                .map_err(|_| "its signature is no Base64")?,
            created: found.created,
            expires: found.expires,
        })
    }
}

#[derive(Default)]
struct Parameters<'a> {
    key: Option<&'a str>,
    algorithm: Option<&'a str>,
    headers: Option<&'a str>,
    signature: Option<&'a str>,
    created: Option<&'a str>,
    expires: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    /// Where a parameter of that name goes; unknown ones are passed over.
    fn slot(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        match name {
            "keyId" => Some(&mut self.key),
            "algorithm" => Some(&mut self.algorithm),
            "headers" => Some(&mut self.headers),
            "signature" => Some(&mut self.signature),
            "created" => Some(&mut self.created),
            "expires" => Some(&mut self.expires),
            _ => None,
        }
    }
}

/// The first parameter, `name="value"` or `name=value`, and what is behind its comma. Nothing that is escaped is read: no
/// parameter needs it.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('=')?;
    let rest = rest.trim_ascii_start();
    let (value, behind) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
    };
    if value.contains('\\') {
        return None;
    }
    let behind = behind.trim_ascii_start();
    let behind = match behind.strip_prefix(',') {
        Some(behind) => behind.trim_ascii_start(),
        None if behind.is_empty() => behind,
        None => return None,
    };
    Some((name.trim_ascii(), value.trim_ascii(), behind))
}

/// The parts that are signed. Nothing counts twice: a long field that is named many times would be hashed as often.
fn parts(names: Option<&str>, created: bool) -> Result<Vec<Part>, &'static str> {
    let names = match (names, created) {
        (Some(names), _) => names,
        // What the last draft says, and what the earlier ones said.
        (None, true) => "(created)",
        (None, false) => "date",
    };
    let mut parts = Vec::new();
    for name in names.split(' ') {
        let part = Part::read(name).ok_or("it signs something that is no field")?;
        if parts.contains(&part) {
            return Err("it signs something twice");
        }
        parts.push(part);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parameters_in_any_order_quoted_or_not() {
        let text = br#" signature = "AAAA" ,created=7,foo="x,y",keyId="k 1", expires="8",algorithm="hmac-sha256",headers="(request-target) Host (created)""#;
        let claim = Claim::read(text).unwrap();
        assert_eq!((claim.key, claim.algorithm), ("k 1", "hmac-sha256"));
        assert_eq!((claim.created, claim.expires), (Some("7"), Some("8")));
        assert_eq!(claim.signature, [0; 3]);
        let names: Vec<&str> = claim.parts.iter().map(Part::name).collect();
        assert_eq!(names, ["(request-target)", "host", "(created)"]);
    }

    #[test]
    fn without_a_list_of_fields_a_time_is_signed() {
        let claim = Claim::read(br#"keyId="a",algorithm="b",signature="""#).unwrap();
        assert_eq!(claim.parts, [Part::read("date").unwrap()]);
        let claim = Claim::read(br#"keyId="a",algorithm="b",signature="",created=1"#).unwrap();
        assert_eq!(claim.parts, [Part::Created]);
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let good = r#"keyId="a",algorithm="b",signature="AAAA""#;
        assert!(Claim::read(good.as_bytes()).is_ok());
        for bad in [
            r#"keyId="c""#,
            r#"headers="""#,
            r#"headers="a  b""#,
            r#"headers="a a""#,
            r#"headers="host HOST""#,
            r#"headers="a:b""#,
            r#"headers="(foo)""#,
            r#"headers="\"a""#,
            r#"created="1"#,
            r#"created="1"2"#,
            "created",
            "=",
            "\u{e9}",
        ] {
            let text = format!("{good},{bad}");
            assert!(Claim::read(text.as_bytes()).is_err() || bad == "=", "{bad}");
        }
        for missing in ["keyId", "algorithm", "signature"] {
            let text = good.replace(missing, "other");
            assert!(Claim::read(text.as_bytes()).is_err(), "{missing}");
        }
        let long = format!("{good},x=\"{}\"", "x".repeat(LONGEST));
        assert!(Claim::read(long.as_bytes()).is_err());
        assert!(Claim::read(b"").is_err());
        assert!(Claim::read(b"\xff=\"\"").is_err());
    }
}
