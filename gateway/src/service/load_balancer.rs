//! A load balancer: servers of one kind, one of which answers each request.

use std::sync::Arc;

use ::http::{HeaderValue, Version, header};

use super::Wrr;
use crate::http::{
    Context, ErrorKind, Handler, HandlerFuture, ProxyError, Request, Side, forwarded, hop,
};
use crate::observe::{ObservedService, PerWorker};
use crate::upstream::{Target, forward};

/// One server and its share.
#[derive(Debug)]
pub struct Server {
    /// Where it is.
    pub target: Arc<Target>,
    /// Its share; 0 or less gets nothing.
    pub weight: i64,
}

/// See the module.
#[derive(Debug)]
pub struct LoadBalancer {
    servers: Box<[Server]>,
    /// `None` where there is nothing to choose.
    wrr: Option<Wrr>,
    /// Servers see the client's `Host`; else that of their URL.
    pass_host: bool,
    observed: PerWorker<ObservedService>,
}

impl LoadBalancer {
    /// A balancer over `servers` in their order.
    pub fn new(
        servers: Vec<Server>,
        pass_host: bool,
        observed: PerWorker<ObservedService>,
    ) -> Self {
        let trivial = servers.len() == 1 && servers.iter().all(|server| server.weight > 0);
        let wrr = (!trivial).then(|| Wrr::new(servers.iter().map(|server| server.weight)));
        Self {
            servers: servers.into(),
            wrr,
            pass_host,
            observed,
        }
    }

    fn choose(&self) -> Option<&Server> {
        match &self.wrr {
            None => self.servers.first(),
            Some(wrr) => self.servers.get(wrr.next(|_| true)?),
        }
    }
}

impl Handler for LoadBalancer {
    fn handle<'a>(&'a self, cx: &'a mut Context, mut request: Request) -> HandlerFuture<'a> {
        let Some(server) = self.choose() else {
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
        Box::pin(async move {
            let answer = forward(&server.target, cx, request).await;
            match &answer {
                Ok(response) => cx
                    .record
                    .attempted(response.status().as_u16(), Some(response.headers())),
                Err(error) => cx.record.attempted(error.status().as_u16(), None),
            }
            answer
        })
    }
}

/// What every request loses and gains when it leaves for a server.
fn leave(cx: &Context, request: &mut Request) {
    hop::strip(&mut request.headers, request.version == Version::HTTP_11);
    let connection = &cx.connection;
    forwarded::append_for(
        &mut request.headers,
        &connection.peer,
        connection.append_forwarded_for && !cx.hide_client,
    );
}
