//! `GET {p}/events`: server-sent events.

use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::request;

use super::answer::ApiError;
use super::api::{Api, Caller};
use super::{Body, Response};
use crate::ws::events::{self, Refused};

impl Api {
    pub(super) fn events(
        &self,
        caller: &Caller,
        parts: &request::Parts,
    ) -> Result<Response, ApiError> {
        let identity = caller.identity.clone();
        let opened = events::open(&self.sockets, parts, identity, caller.address);
        let events = opened.map_err(refused)?;
        let mut response = Response::new(Body::Right(events));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // nginx holds answers back otherwise.
        let buffering = HeaderName::from_static("x-accel-buffering");
        headers.insert(buffering, HeaderValue::from_static("no"));
        Ok(response)
    }
}

fn refused(refused: Refused) -> ApiError {
    match refused {
        Refused::Target(message) => ApiError::validation(message),
        Refused::Full => ApiError::unavailable("Too many connections").with(RETRY_AFTER, "5"),
        Refused::TooManyOfAddress => ApiError::rate_limited(std::time::Duration::from_secs(5)),
    }
}
