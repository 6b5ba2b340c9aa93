//! From configured middlewares to a chain.

use std::sync::Arc;

use super::chain::Chain;
use super::{Caches, Filter, Wrapper, build_filter, build_wrapper};
use crate::config::dynamic::{Middleware, Type};
use crate::http::Handler;

/// The service of a name as its provider writes it; else why there is none.
pub type FindService<'a> = dyn FnMut(&str) -> Result<Arc<dyn Handler>, String> + 'a;

/// Where a middleware is built.
pub struct Site<'a> {
    /// The middleware's name, with its provider.
    pub name: &'a str,
    /// The caches of the process.
    pub caches: &'a Caches,
    /// Finds services, for middlewares that ask one.
    pub service: &'a mut FindService<'a>,
}

/// A middleware, ready to be put into chains.
#[derive(Clone)]
pub enum Built {
    /// One that looks at what passes.
    Filter(Filter),
    /// One that owns what follows.
    Wrapper(Wrapper),
}

impl Built {
    /// Whether it must outlive a reload which does not change it: it counts requests, for example.
    pub fn keeps_state(&self) -> bool {
        match self {
            Self::Filter(filter) => filter.keeps_state(),
            Self::Wrapper(_) => false,
        }
    }
}

/// Builds the middleware that `config` describes; an error is the reason why it cannot be, in Traefik's words where it
/// has some. `chain` is no middleware of its own: whoever knows the names unrolls it.
pub fn build(name: &str, config: &Middleware, site: &mut Site<'_>) -> Result<Built, String> {
    let kind = match config.type_of() {
        Type::None => {
            return Err(format!(
                "invalid middleware \"{name}\" configuration: invalid middleware type or middleware does not exist"
            ));
        }
        Type::Several => {
            return Err("cannot create middleware: multi-types middleware not supported, consider declaring two different pieces of middleware instead".to_owned());
        }
        Type::One(kind) => kind,
    };
    if let Some(filter) = build_filter(name, config) {
        return filter.map(Built::Filter);
    }
    if let Some(wrapper) = build_wrapper(config, site) {
        return wrapper.map(Built::Wrapper);
    }
    Err(match kind {
        "plugin" => "plugins are not supported: use a built-in middleware, or put a service in front that does it".to_owned(),
        kind => format!("middleware type {kind} is not supported yet"),
    })
}

/// Puts `middlewares`, the first outermost, in front of `tail`.
pub fn assemble(middlewares: Vec<Built>, tail: Arc<dyn Handler>) -> Arc<dyn Handler> {
    if middlewares.is_empty() {
        return tail;
    }
    let mut chain = Chain::new(tail);
    let mut filters = Vec::new();
    for built in middlewares.into_iter().rev() {
        match built {
            Built::Filter(filter) => filters.push(filter),
            Built::Wrapper(wrapper) => {
                filters.reverse();
                chain = chain.after(std::mem::take(&mut filters)).inside(wrapper);
            }
        }
    }
    filters.reverse();
    Arc::new(chain.after(filters))
}
