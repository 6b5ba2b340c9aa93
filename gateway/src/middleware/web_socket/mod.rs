//! `webSocket`: who may open a WebSocket, how many, and what may be sent over it. Traefik does not have it.

mod origin;
#[cfg(test)]
mod tests;

use ::http::{HeaderValue, StatusCode, header};

use self::origin::{Allowed, allowed};
use super::filter::{Act, Step};
use super::places::{Place, Places};
use super::source::Source;
use crate::config::dynamic::WebSocket as Config;
use crate::http::websocket::{Limits, Rate};
use crate::http::{Context, Request, Response, hop, plain};
use crate::types::{Duration, IpStrategy};

/// Seconds until a client for which there was no room may try again: nobody knows when a connection ends.
const RETRY: HeaderValue = HeaderValue::from_static("5");

/// See the module.
#[derive(Debug)]
pub struct WebSocket {
    origins: Vec<Allowed>,
    missing: bool,
    source: Source,
    /// Of one client.
    each: Option<Places>,
    /// Of all together.
    all: Option<Places>,
    limits: Limits,
}

/// What an open connection holds.
#[derive(Debug)]
pub(crate) struct Open {
    _places: [Option<Place>; 2],
}

impl WebSocket {
    /// Clients are told apart by address, unless the configuration says otherwise.
    pub fn new(config: &Config) -> Result<Self, String> {
        let address = Source::Address(IpStrategy::default());
        let source = Source::new(config.source_criterion.as_ref(), address)
            .map_err(|error| format!("sourceCriterion: {error}"))?;
        let origins = config.allowed_origins.iter();
        let places = |name, value| Ok::<_, String>(above_zero(name, value)?.map(Places::new));
        let limits = Limits {
            message: above_zero("maxMessageSize", config.max_message_size)?,
            rates: rate(config)?.into_iter().collect(),
            idle: time("idleTimeout", config.idle_timeout)?,
            lifetime: time("maxLifetime", config.max_lifetime)?,
        };
        Ok(Self {
            origins: origins
                .map(|text| Allowed::new(text))
                .collect::<Result<_, _>>()?,
            missing: config.allow_missing_origin.unwrap_or(true),
            source,
            each: places("maxConnectionsPerClient", config.max_connections_per_client)?,
            all: places("maxConnections", config.max_connections)?,
            limits,
        })
    }

    /// Places for a connection; `None` where one of the limits is reached.
    fn open(&self, cx: &Context, request: &Request) -> Option<Open> {
        let each = match &self.each {
            Some(each) => Some(self.source.with(cx, request, |client| each.take(client))?),
            None => None,
        };
        let all = match &self.all {
            Some(all) => Some(all.take(&[])?),
            None => None,
        };
        Some(Open {
            _places: [each, all],
        })
    }
}

impl Act for WebSocket {
    type Memo = Open;
    const KEEPS_STATE: bool = true;

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, Open> {
        let protocol = hop::upgrade_type(&request.headers);
        if !protocol.is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"websocket")) {
            return Step::NEXT;
        }
        if !allowed(&self.origins, self.missing, &request.headers) {
            return Step::answer(plain(StatusCode::FORBIDDEN));
        }
        match self.open(cx, request) {
            Some(open) => Step::keep(open),
            None => {
                let mut response = plain(StatusCode::TOO_MANY_REQUESTS);
                response.headers_mut().insert(header::RETRY_AFTER, RETRY);
                Step::answer(response)
            }
        }
    }

    fn response(&self, cx: &Context, memo: Option<Open>, _: &mut Response) {
        // Without an upgrade the places are free again: what was answered is no connection.
        if let (Some(open), Some(upgraded)) = (memo, &cx.upgraded) {
            upgraded.held.until_the_end(open);
            upgraded.limits.borrow_mut().tighten(&self.limits);
        }
    }
}

/// A limit; `None` where it is zero, and there is none.
fn above_zero(name: &str, value: i64) -> Result<Option<u64>, String> {
    let value = u64::try_from(value).map_err(|_| format!("{name} cannot be negative: {value}"))?;
    Ok((value > 0).then_some(value))
}

fn time(name: &str, value: Duration) -> Result<Option<std::time::Duration>, String> {
    match value.is_negative() {
        true => Err(format!("{name} cannot be negative: {value}")),
        false => Ok(value.limit()),
    }
}

fn rate(config: &Config) -> Result<Option<Rate>, String> {
    let rate = above_zero("messagesPerSecond", config.messages_per_second)?;
    let burst = above_zero("burst", config.burst)?;
    let Some(per_second) = rate else {
        return match burst {
            Some(_) => Err("burst needs messagesPerSecond".to_owned()),
            None => Ok(None),
        };
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate of 2^53 messages is no limit"
    )]
    let number = |value: u64| value as f64;
    Ok(Some(Rate {
        per_second: number(per_second),
        burst: number(burst.unwrap_or(per_second)),
    }))
}
