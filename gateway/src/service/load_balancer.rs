//! A load balancer: servers of one kind, one of which answers each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::http::{HeaderMap, HeaderValue, Version, header};

use super::balancer::Pick;
use super::in_flight::InFlight;
use super::{Balancer, Passive, SlowStart};
use crate::http::{
    Body, Context, ErrorKind, Handler, HandlerFuture, ProxyError, Request, Response, Side,
    forwarded, hold, hop,
};
use crate::observe::{ObservedService, PerWorker};
use crate::upstream::{Target, forward};

/// One server and its share.
#[derive(Debug)]
pub struct Server {
    /// Where it is.
    pub target: Arc<Target>,
    /// Whether it takes requests. Shared with who finds that out, and with who shows it.
    pub up: Arc<AtomicBool>,
    /// Watches its answers.
    pub passive: Option<Arc<Passive>>,
}

/// See the module.
#[derive(Debug)]
pub struct LoadBalancer {
    servers: Box<[Server]>,
    balancer: Balancer,
    slow_start: Option<SlowStart>,
    /// Servers see the client's `Host`; else that of their URL.
    pass_host: bool,
    observed: PerWorker<ObservedService>,
}

impl LoadBalancer {
    /// `balancer` chooses among `servers` by their place; `slow_start` knows them by it, too.
    pub fn new(
        servers: Vec<Server>,
        balancer: Balancer,
        slow_start: Option<SlowStart>,
        pass_host: bool,
        observed: PerWorker<ObservedService>,
    ) -> Self {
        Self {
            servers: servers.into(),
            balancer,
            slow_start,
            pass_host,
            observed,
        }
    }

    fn is_up(&self, index: usize) -> bool {
        let server = self.servers.get(index);
        let up = server.is_some_and(|server| server.up.load(Ordering::Relaxed));
        if let Some(slow_start) = &self.slow_start {
            slow_start.seen(index, up);
        }
        up
    }

    fn pick(&self, cx: &Context, headers: &HeaderMap) -> Option<Pick<'_>> {
        let balancer = &self.balancer;
        let pick = balancer.pick(cx, headers, |index| self.is_up(index))?;
        let warming = |slow_start: &SlowStart| slow_start.passes_on(pick.index);
        if pick.asked_for || !self.slow_start.as_ref().is_some_and(warming) {
            return Some(pick);
        }
        let others = |index| index != pick.index && self.is_up(index);
        balancer.pick(cx, headers, others).or(Some(pick))
    }
}

impl Handler for LoadBalancer {
    fn handle<'a>(&'a self, cx: &'a mut Context, mut request: Request) -> HandlerFuture<'a> {
        let pick = self.pick(cx, &request.headers);
        let chosen = pick.and_then(|pick| Some((self.servers.get(pick.index)?, pick)));
        let Some((server, pick)) = chosen else {
            let nobody = ProxyError::new(ErrorKind::NoServer, Side::Gateway);
            return Box::pin(std::future::ready(Err(nobody)));
        };
        leave(cx, &mut request);
        if !self.pass_host
            && let Ok(host) = HeaderValue::try_from(server.target.authority())
        {
            request.headers.insert(header::HOST, host);
        }
        cx.record.attempt(self.observed.mine());
        let in_flight = self.balancer.strategy().begin(pick.index);
        Box::pin(async move {
            let mut answer = forward(&server.target, cx, request).await;
            let status = match &answer {
                Ok(response) => {
                    let status = response.status().as_u16();
                    cx.record.attempted(status, Some(response.headers()));
                    self.balancer
                        .strategy()
                        .answered(pick.index, cx.record.origin_duration);
                    status
                }
                Err(error) => {
                    let status = error.status().as_u16();
                    cx.record.attempted(status, None);
                    status
                }
            };
            if let Some(passive) = &server.passive {
                passive.answered(status);
            }
            pick.mark(&mut answer);
            if let (Some(in_flight), Ok(response)) = (in_flight, &mut answer) {
                keep(cx, response, in_flight);
            }
            answer
        })
    }
}

/// A request is in flight until the last byte of its answer was read, or its tunnel ended.
fn keep(cx: &mut Context, response: &mut Response, in_flight: InFlight) {
    if let Some(upgraded) = &cx.upgraded {
        upgraded.held.until_the_end(in_flight);
        return;
    }
    let body = std::mem::take(response.body_mut());
    *response.body_mut() = hold(body, in_flight);
}

/// What every request loses and gains when it leaves for a server.
fn leave(cx: &Context, request: &mut Request) {
    let body = !matches!(request.body, Body::Empty);
    hop::strip(
        &mut request.headers,
        request.version == Version::HTTP_11,
        body,
    );
    let connection = &cx.connection;
    forwarded::append_for(
        &mut request.headers,
        &connection.peer,
        connection.append_forwarded_for && !cx.hide_client,
    );
}
