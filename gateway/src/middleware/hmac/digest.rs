//! Digests of bodies: `Digest` (RFC 3230) and `Content-Digest` (RFC 9530), as far as a signature covers them.

use ::http::{HeaderMap, HeaderName};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Algorithm, SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::header::Part;

const DIGEST: HeaderName = HeaderName::from_static("digest");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// What a body must be.
#[derive(Debug, Default)]
pub(super) struct Digests(Vec<(&'static Algorithm, Vec<u8>)>);

impl Digests {
    /// Those of the fields that are signed: of the others anybody may have written the digest, too.
    pub(super) fn read(headers: &HeaderMap, signed: &[Part]) -> Result<Self, &'static str> {
        let mut found = Vec::new();
        for part in signed {
            let Part::Field(name) = part else {
                continue;
            };
            if *name != DIGEST && *name != CONTENT_DIGEST {
                continue;
            }
            for line in headers.get_all(name) {
                let line = line.to_str().map_err(|_| "its digest cannot be read")?;
                for entry in line.split(',') {
                    let (kind, value) = entry.split_once('=').ok_or("its digest cannot be read")?;
                    let value = match *name == CONTENT_DIGEST {
                        true => colons(value.trim_ascii()),
                        false => Some(value.trim_ascii()),
                    };
                    let Some(algorithm) = algorithm(kind.trim_ascii()) else {
                        continue;
                    };
                    let sum = value.and_then(|value| STANDARD.decode(value).ok());
                    found.push((algorithm, sum.ok_or("its digest cannot be read")?));
                }
            }
        }
        Ok(Self(found))
    }

    /// Whether this is the body. Without a digest only nothing is: what nobody signed could be anybody's.
    pub(super) fn check(&self, body: &[u8]) -> Result<(), &'static str> {
        if self.0.is_empty() && !body.is_empty() {
            return Err("no digest of its body is signed");
        }
        let fits = |(algorithm, sum): &(&'static Algorithm, Vec<u8>)| {
            verify_slices_are_equal(digest(algorithm, body).as_ref(), sum).is_ok()
        };
        match self.0.iter().all(fits) {
            true => Ok(()),
            false => Err("its body is not what was signed"),
        }
    }
}

/// A byte sequence of a structured field (RFC 9651 section 3.3.5).
fn colons(value: &str) -> Option<&str> {
    value.strip_prefix(':')?.strip_suffix(':')
}

fn algorithm(name: &str) -> Option<&'static Algorithm> {
    match name {
        name if name.eq_ignore_ascii_case("sha-256") => Some(&SHA256),
        name if name.eq_ignore_ascii_case("sha-512") => Some(&SHA512),
        _ => None,
    }
}
