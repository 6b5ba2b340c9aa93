//! Own fields: set, or removed where the value is empty.

use ::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{name, value};
use crate::config::dynamic::Headers as Config;
use crate::http::Context;

/// Fields to set, and to remove where there is no value.
type Fields = Box<[(HeaderName, Option<HeaderValue>)]>;

#[derive(Debug)]
pub(super) struct Custom {
    request: Fields,
    response: Fields,
    /// `X-Forwarded-For` with an empty value: it is not written for the server either (Go's nil entry).
    hide_client: bool,
}

impl Custom {
    pub(super) fn new(config: &Config) -> Result<Self, String> {
        let mut request = fields(&config.custom_request_headers)?;
        // An empty host cannot be asked for: Go leaves it as it is.
        request.retain(|(name, value)| *name != header::HOST || value.is_some());
        let forwarded_for = config.custom_request_headers.get("X-Forwarded-For");
        Ok(Self {
            request: request.into(),
            response: fields(&config.custom_response_headers)?.into(),
            hide_client: forwarded_for.is_some_and(String::is_empty),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.request.is_empty() && self.response.is_empty() && !self.hide_client
    }

    pub(super) fn request(&self, cx: &mut Context, headers: &mut HeaderMap) {
        cx.hide_client |= self.hide_client;
        apply(&self.request, headers);
    }

    pub(super) fn response(&self, headers: &mut HeaderMap) {
        apply(&self.response, headers);
    }
}

fn fields<'a>(
    configured: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<Vec<(HeaderName, Option<HeaderValue>)>, String> {
    let field = |(field, text): (&String, &String)| {
        let value = if text.is_empty() {
            None
        } else {
            Some(value(text)?)
        };
        Ok((name(field)?, value))
    };
    configured.into_iter().map(field).collect()
}

fn apply(fields: &Fields, headers: &mut HeaderMap) {
    for (name, value) in fields {
        match value {
            Some(value) => {
                headers.insert(name, value.clone());
            }
            None => {
                headers.remove(name);
            }
        }
    }
}
