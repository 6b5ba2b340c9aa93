//! `inFlightReq`: limits how many requests of one client are answered at once.

use ::http::StatusCode;
use bytes::Bytes;

use super::filter::{Act, Step};
use super::places::{Place, Places};
use super::source::Source;
use crate::config::dynamic::InFlightReq as Config;
use crate::http::{Body, Context, Request, Response, hold};

/// See the module.
#[derive(Debug)]
pub struct InFlightReq {
    source: Source,
    refusal: Bytes,
    /// Of the requests that are being answered.
    places: Places,
}

impl InFlightReq {
    /// Clients are told apart by the host they ask for, unless the configuration says otherwise.
    pub fn new(config: &Config) -> Result<Self, String> {
        let source = Source::new(config.source_criterion.as_ref(), Source::Host)
            .map_err(|error| format!("error creating requests limiter: {error}"))?;
        Ok(Self {
            source,
            refusal: format!("max connections reached: {}", config.amount).into(),
            places: Places::new(u64::try_from(config.amount).unwrap_or_default()),
        })
    }
}

impl Act for InFlightReq {
    type Memo = Place;
    const KEEPS_STATE: bool = true;

    fn request<'a>(&'a self, cx: &'a mut Context, request: &'a mut Request) -> Step<'a, Place> {
        match self
            .source
            .with(cx, request, |client| self.places.take(client))
        {
            Some(place) => Step::keep(place),
            None => {
                let mut response = Response::new(Body::Full(self.refusal.clone()));
                *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                Step::answer(response)
            }
        }
    }

    /// A request is in flight until its last byte was read, so a streaming body keeps its place, and so does a tunnel.
    fn response(&self, cx: &Context, memo: Option<Place>, response: &mut Response) {
        let Some(place) = memo else {
            return;
        };
        if let Some(upgraded) = &cx.upgraded {
            upgraded.held.until_the_end(place);
        } else {
            let body = std::mem::take(response.body_mut());
            *response.body_mut() = hold(body, place);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::Upgraded;
    use crate::middleware::filter::Outcome;
    use crate::middleware::testing::{answered, context, decide, request};
    use crate::net::Stream;

    #[test]
    fn a_place_is_free_again_when_the_answer_ended() {
        let limit = InFlightReq::new(&Config {
            amount: 1,
            ..Config::default()
        })
        .unwrap();
        let cx = &mut context();
        let Outcome::Keep(permit) = decide(&limit, cx, &mut request("/")) else {
            panic!("the first is let in");
        };
        assert_eq!(answered(&limit, request("/")).status(), 429);
        let mut streaming = Response::new(hold(Body::stream(Body::from("x")), ()));
        limit.response(cx, Some(permit), &mut streaming);
        assert_eq!(answered(&limit, request("/")).status(), 429);
        drop(streaming);
        assert!(matches!(
            decide(&limit, cx, &mut request("/")),
            Outcome::Keep(_)
        ));
        assert_eq!(limit.places.clients(), 0);
    }

    #[tokio::test]
    async fn a_tunnel_keeps_its_place() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let limit = InFlightReq::new(&Config {
            amount: 1,
            ..Config::default()
        })
        .unwrap();
        let mut cx = context();
        let Outcome::Keep(permit) = decide(&limit, &mut cx, &mut request("/")) else {
            panic!("the first is let in");
        };
        cx.upgraded = Some(Upgraded {
            stream: Stream::Tcp(stream),
            leftover: Bytes::new(),
            held: crate::http::Held::default(),
            limits: std::cell::RefCell::default(),
        });
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        limit.response(&cx, Some(permit), &mut response);
        drop(response);
        assert_eq!(answered(&limit, request("/")).status(), 429);
        cx.upgraded = None;
        assert_eq!(limit.places.clients(), 0);
    }
}
