//! Which answers are compressed.

use ::http::{StatusCode, header};

use super::encode::Encoding;
use super::{Compress, NO_GZIP, media_type};
use crate::http::{Body, Response, sniff};

impl Compress {
    /// Whether this answer is to be compressed.
    pub(super) fn wants(&self, encoding: Encoding, response: &Response) -> bool {
        let headers = response.headers();
        let bodiless = matches!(
            response.status(),
            StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
        let encoded = headers
            .get(header::CONTENT_ENCODING)
            .is_some_and(|value| !value.is_empty());
        if bodiless
            || encoded
            || response.body().is_empty()
            // A part of something else: its bytes are counted in what it is a part of.
            || headers.contains_key(header::CONTENT_RANGE)
            || (encoding == Encoding::Gzip && headers.contains_key(NO_GZIP))
        {
            return false;
        }
        // One whose length nobody knows is not held back until it is long enough.
        let long = response
            .body()
            .length()
            .is_none_or(|length| length >= self.shortest);
        long && self.type_fits(encoding, response)
    }

    fn type_fits(&self, encoding: Encoding, response: &Response) -> bool {
        let named = response.headers().get(header::CONTENT_TYPE);
        let named = named.filter(|value| !value.is_empty());
        let named = match (named, response.body()) {
            (Some(value), _) => value.as_bytes(),
            // Traefik's gzip looks at the body where no type is named; its other encodings do not.
            (None, Body::Full(bytes)) if encoding == Encoding::Gzip => {
                sniff::media_type(bytes).as_bytes()
            }
            (None, _) => return encoding != Encoding::Gzip || self.included.is_none(),
        };
        // What cannot be read may be anything.
        let Some(found) = media_type::parse(named) else {
            return false;
        };
        match &self.included {
            Some(included) => included.contains(found),
            None => !self.excluded.contains(found),
        }
    }
}
