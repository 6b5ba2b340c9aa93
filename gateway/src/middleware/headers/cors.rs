//! CORS (Fetch standard, section 3.2): answers preflights, tells scripts what they may read.

use ::http::{HeaderMap, HeaderValue, Method, header};

use super::value;
use crate::config::dynamic::Headers as Config;
use crate::http::{Body, Request, Response};
use crate::rule::regexp::GoRegexp;

const TRUE: HeaderValue = HeaderValue::from_static("true");
const ORIGIN: HeaderValue = HeaderValue::from_static("Origin");

#[derive(Debug)]
pub(super) struct Cors {
    credentials: bool,
    allow_headers: List,
    allow_methods: List,
    origins: Vec<Origin>,
    regexes: Vec<GoRegexp>,
    expose: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
    vary: bool,
}

/// What a preflight is told of headers or methods.
#[derive(Debug)]
enum List {
    /// Nothing.
    Unset,
    /// Whatever it asked for: browsers take `*` literally where credentials are sent.
    Echo,
    Value(HeaderValue),
}

#[derive(Debug)]
enum Origin {
    Any,
    One(HeaderValue),
}

impl Cors {
    /// `None` where nothing of CORS is configured.
    pub(super) fn new(config: &Config) -> Result<Option<Self>, String> {
        let credentials = config.access_control_allow_credentials;
        let any = |list: &[String]| list.iter().any(|item| item == "*");
        let joined = |list: &[String]| match list.join(",") {
            text if text.is_empty() => Ok(None),
            text => value(&text).map(Some),
        };
        let list = |list: &[String]| match joined(list)? {
            Some(_) if credentials && any(list) => Ok(List::Echo),
            Some(value) => Ok(List::Value(value)),
            None => Ok::<_, String>(List::Unset),
        };
        let expose = &config.access_control_expose_headers;
        let origin = |origin: &String| match origin.as_str() {
            "*" => Ok(Origin::Any),
            one => value(one).map(Origin::One),
        };
        let origins = config.access_control_allow_origin_list.iter().map(origin);
        let regexes = config.access_control_allow_origin_list_regex.iter();
        let regexes = regexes.map(|source| {
            GoRegexp::new(source)
                .map_err(|error| format!("error occurred during origin parsing: {error}"))
        });
        let cors = Self {
            credentials,
            allow_headers: list(&config.access_control_allow_headers)?,
            allow_methods: list(&config.access_control_allow_methods)?,
            origins: origins.collect::<Result<_, _>>()?,
            regexes: regexes.collect::<Result<_, _>>()?,
            expose: joined(expose)?.filter(|_| !(credentials && any(expose))),
            max_age: config.access_control_max_age.map(HeaderValue::from),
            vary: config.add_vary_header,
        };
        Ok(cors.is_set(config).then_some(cors))
    }

    fn is_set(&self, config: &Config) -> bool {
        self.credentials
            || self.vary
            || self.max_age.is_some()
            || !config.access_control_allow_headers.is_empty()
            || !config.access_control_allow_methods.is_empty()
            || !config.access_control_expose_headers.is_empty()
            || !self.origins.is_empty()
            || !self.regexes.is_empty()
    }

    /// The answer to a preflight; `None` for other requests.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        if request.method != Method::OPTIONS {
            return None;
        }
        let given = |name| {
            let value: Option<&HeaderValue> = request.headers.get(name);
            value.filter(|value| !value.is_empty())
        };
        let method = given(header::ACCESS_CONTROL_REQUEST_METHOD)?;
        let origin = given(header::ORIGIN)?;
        let mut response = Response::new(Body::Full(bytes::Bytes::new()));
        let headers = response.headers_mut();
        let mut set = |name, value: Option<HeaderValue>| {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        };
        set(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            self.credentials.then_some(TRUE),
        );
        let asked = given(header::ACCESS_CONTROL_REQUEST_HEADERS);
        set(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            self.allow_headers.tell(asked),
        );
        set(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            self.allow_methods.tell(Some(method)),
        );
        set(
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            self.origin(Some(origin)),
        );
        set(header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        set(header::ACCESS_CONTROL_EXPOSE_HEADERS, self.expose.clone());
        Some(response)
    }

    /// What an answer to a request from `origin` allows; `None` where it is not let in.
    pub(super) fn origin(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        let none = HeaderValue::from_static("");
        let origin = origin.unwrap_or(&none);
        for item in &self.origins {
            match item {
                Origin::One(one) if one == origin => return Some(one.clone()),
                Origin::Any if self.credentials => return Some(origin.clone()),
                Origin::Any => return Some(HeaderValue::from_static("*")),
                Origin::One(_) => {}
            }
        }
        self.regexes
            .iter()
            .any(|regex| regex.is_match_bytes(origin.as_bytes()))
            .then(|| origin.clone())
    }

    pub(super) fn response(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        if let Some(expose) = &self.expose {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
        if self.vary {
            vary(headers);
        }
    }
}

impl List {
    fn tell(&self, asked: Option<&HeaderValue>) -> Option<HeaderValue> {
        match self {
            Self::Unset => None,
            Self::Echo => asked.cloned(),
            Self::Value(value) => Some(value.clone()),
        }
    }
}

/// Adds `Origin` to what the answer varies with, all in one field.
fn vary(headers: &mut HeaderMap) {
    let mut joined = Vec::new();
    for value in headers.get_all(header::VARY) {
        if value == ORIGIN {
            return;
        }
        joined.extend_from_slice(value.as_bytes());
        joined.push(b',');
    }
    let value = if joined.is_empty() {
        ORIGIN
    } else {
        joined.extend_from_slice(b"Origin");
        HeaderValue::from_bytes(&joined).unwrap_or(ORIGIN)
    };
    headers.insert(header::VARY, value);
}
