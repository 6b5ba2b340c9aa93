//! Services chosen by a balancer: Traefik's `weighted` and `highestRandomWeight`.

use std::sync::Arc;

use super::{Balancer, Health};
use crate::http::{Context, ErrorKind, Handler, HandlerFuture, ProxyError, Request, Side};

/// One of the services.
pub struct Child {
    /// It.
    pub handler: Arc<dyn Handler>,
    /// `None` gets its share whether or not it has a server that is up.
    pub health: Option<Health>,
}

/// See the module.
pub struct Weighted {
    children: Box<[Child]>,
    balancer: Balancer,
}

impl Weighted {
    /// `balancer` chooses among `children` by their place.
    pub fn new(children: Vec<Child>, balancer: Balancer) -> Self {
        Self {
            children: children.into(),
            balancer,
        }
    }
}

impl Handler for Weighted {
    fn handle<'a>(&'a self, cx: &'a mut Context, request: Request) -> HandlerFuture<'a> {
        let up = |index: usize| {
            let health = self.children.get(index).map(|child| &child.health);
            health.is_some_and(|health| health.as_ref().is_none_or(Health::is_up))
        };
        let pick = self.balancer.pick(cx, &request.headers, up);
        let chosen = pick.and_then(|pick| Some((self.children.get(pick.index)?, pick)));
        let Some((child, pick)) = chosen else {
            let nobody = ProxyError::new(ErrorKind::NoServer, Side::Gateway);
            return Box::pin(std::future::ready(Err(nobody)));
        };
        let answer = child.handler.handle(cx, request);
        if !pick.has_cookie() {
            return answer;
        }
        Box::pin(async move {
            let mut answer = answer.await;
            pick.mark(&mut answer);
            answer
        })
    }
}
