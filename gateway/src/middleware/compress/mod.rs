//! `compress`: sends answers with gzip, Brotli or Zstandard to clients that take them (RFC 9110 section 8.4).

mod accept;
mod answer;
mod encode;
mod media_type;
#[cfg(test)]
mod tests;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use self::accept::Accepted;
use self::encode::Encoding;
use self::media_type::MediaTypes;
use super::filter::{Act, Step};
use crate::config::dynamic::Compress as Config;
use crate::http::{Context, Request, Response};

/// Shorter answers fit into one packet either way (Traefik's default).
const SHORTEST: u64 = 1024;

/// A service's word that an answer is to stay as it is; understood, and removed, where gzip was chosen (Traefik's gzip
/// does so).
const NO_GZIP: HeaderName = HeaderName::from_static("no-gzip-compression");

/// See the module.
#[derive(Debug)]
pub struct Compress {
    /// Encodings in the order of preference; at least one.
    encodings: Box<[Encoding]>,
    /// For clients that name none.
    default: Option<Encoding>,
    shortest: u64,
    /// Requests of these types are passed over, with their answers.
    excluded: MediaTypes,
    /// The only types that are compressed; `None` means all but the excluded ones.
    included: Option<MediaTypes>,
}

impl Compress {
    /// At most one of the two lists of types may be set; encodings must be known.
    pub fn new(config: &Config) -> Result<Self, String> {
        let (excluded, included) = (
            &config.excluded_content_types,
            &config.included_content_types,
        );
        if !excluded.is_empty() && !included.is_empty() {
            return Err(
                "excludedContentTypes and includedContentTypes options are mutually exclusive"
                    .to_owned(),
            );
        }
        let mut passed_over = MediaTypes::new(excluded)
            .map_err(|error| format!("parsing excluded media type: {error}"))?;
        passed_over.add("application/grpc");
        let only = MediaTypes::new(included)
            .map_err(|error| format!("parsing included media type: {error}"))?;
        if config.encodings.is_empty() {
            return Err("at least one encoding must be specified".to_owned());
        }
        let find = |name: &String| {
            Encoding::named(name).ok_or_else(|| format!("unsupported encoding: {name}"))
        };
        let encodings: Vec<Encoding> = config
            .encodings
            .iter()
            .map(find)
            .collect::<Result<_, _>>()?;
        let default = match config.default_encoding.as_str() {
            "" => None,
            name => {
                let known = Encoding::named(name).filter(|found| encodings.contains(found));
                Some(known.ok_or_else(|| format!("unsupported default encoding: {name}"))?)
            }
        };
        Ok(Self {
            encodings: encodings.into(),
            default,
            shortest: match u64::try_from(config.min_response_body_bytes) {
                Ok(0) | Err(_) => SHORTEST,
                Ok(shortest) => shortest,
            },
            excluded: passed_over,
            included: (!included.is_empty()).then_some(only),
        })
    }

    /// The encoding for this client; `None` where the answer stays as it is.
    fn choose(&self, headers: &HeaderMap) -> Option<Encoding> {
        if !headers.contains_key(header::ACCEPT_ENCODING) {
            return self.default;
        }
        match accept::best(headers, &self.encodings)? {
            Accepted::Identity => None,
            Accepted::Any => self.default.or_else(|| self.encodings.first().copied()),
            Accepted::One(encoding) => Some(encoding),
        }
    }
}

impl Act for Compress {
    type Memo = Encoding;

    fn request<'a>(&'a self, _: &'a mut Context, request: &'a mut Request) -> Step<'a, Encoding> {
        if request.method == Method::HEAD {
            return Step::NEXT;
        }
        let named = request.headers.get(header::CONTENT_TYPE);
        if let Some(found) = named.and_then(|value| media_type::parse(value.as_bytes()))
            && self.excluded.contains(found)
        {
            return Step::NEXT;
        }
        match self.choose(&request.headers) {
            Some(encoding) => Step::keep(encoding),
            None => Step::NEXT,
        }
    }

    fn response(&self, _: &Context, memo: Option<Encoding>, response: &mut Response) {
        let Some(encoding) = memo else {
            return;
        };
        let wanted = self.wants(encoding, response);
        let headers = response.headers_mut();
        // Also where it stays as it is: another client would have got something else.
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if encoding == Encoding::Gzip {
            headers.remove(NO_GZIP);
        }
        if !wanted {
            return;
        }
        let body = std::mem::take(response.body_mut());
        match encode::body(encoding, body) {
            Ok(body) => *response.body_mut() = body,
            Err((error, body)) => {
                tracing::warn!(%error, encoding = encoding.name(), "an answer stays uncompressed");
                *response.body_mut() = body;
                return;
            }
        }
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_ENCODING,
            HeaderValue::from_static(encoding.name()),
        );
        headers.remove(header::CONTENT_LENGTH);
        if encoding == Encoding::Gzip {
            headers.remove(header::ACCEPT_RANGES);
        }
    }
}
