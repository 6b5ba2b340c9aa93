//! `Accept-Encoding` (RFC 9110 section 12.5.3): which of our encodings a client likes best.

use ::http::{HeaderMap, header};

use super::encode::Encoding;

/// What a client likes best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Accepted {
    /// No encoding.
    Identity,
    /// Whichever.
    Any,
    /// This one.
    One(Encoding),
}

/// The client's best encoding; at equal weights the first of `ours`, `*` before and `identity` after all of them. `None`
/// where it takes none that is known.
pub(super) fn best(headers: &HeaderMap, ours: &[Encoding]) -> Option<Accepted> {
    let mut best: Option<(f64, usize, Accepted)> = None;
    for line in headers.get_all(header::ACCEPT_ENCODING) {
        for item in line.as_bytes().split(|&byte| byte == b',') {
            let Some((place, accepted, weight)) = read(item, ours) else {
                continue;
            };
            let better = best.is_none_or(|(known, before, _)| {
                weight > known || (weight >= known && place < before)
            });
            if better {
                best = Some((weight, place, accepted));
            }
        }
    }
    best.map(|(_, _, accepted)| accepted)
}

/// One item: its place in the order of preference, what it stands for, its weight. `None` where it is not known or not
/// wanted.
fn read(item: &[u8], ours: &[Encoding]) -> Option<(usize, Accepted, f64)> {
    let mut parts = item.splitn(2, |&byte| byte == b';');
    let name = parts.next()?.trim_ascii();
    let (place, accepted) = if name == b"*" {
        (0, Accepted::Any)
    } else if name.eq_ignore_ascii_case(b"identity") {
        (ours.len() + 1, Accepted::Identity)
    } else {
        let at = ours
            .iter()
            .position(|one| name.eq_ignore_ascii_case(one.name().as_bytes()))?;
        (at + 1, Accepted::One(*ours.get(at)?))
    };
    let weight = parts.next().map_or(Some(1.0), weight)?;
    (weight > 0.0).then_some((place, accepted, weight))
}

/// The weight of `q=…`; another parameter is none.
fn weight(parameter: &[u8]) -> Option<f64> {
    match parameter.trim_ascii().strip_prefix(b"q=") {
        Some(value) => str::from_utf8(value).ok()?.trim().parse().ok(),
        None => Some(1.0),
    }
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;

    #[test]
    fn weights_first_then_our_order() {
        let ours = [Encoding::Gzip, Encoding::Brotli, Encoding::Zstd];
        for (value, wanted) in [
            ("br, gzip", Some(Accepted::One(Encoding::Gzip))),
            (
                "br;q=0.9, gzip;q=0.8",
                Some(Accepted::One(Encoding::Brotli)),
            ),
            ("gzip;q=0.5, zstd", Some(Accepted::One(Encoding::Zstd))),
            ("gzip, *", Some(Accepted::Any)),
            ("identity, br", Some(Accepted::One(Encoding::Brotli))),
            ("identity;q=1, br;q=0.5", Some(Accepted::Identity)),
            ("gzip;q=0", None),
            ("gzip;q=x", None),
            ("gzip;q=0, br", Some(Accepted::One(Encoding::Brotli))),
            ("deflate", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(best(&headers, &ours), wanted, "{value}");
        }
    }
}
