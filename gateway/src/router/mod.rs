//! One entry point's table of routes: which router takes a request.
//!
//! Routers are tried by priority, and of those that match the first one wins. The table keeps that order exactly, but only
//! looks at routers whose host and path can fit, so that the cost of a request does not grow with the number of routers.
//!
//! The same table serves HTTP requests and TCP connections. It knows nothing of what a route leads to.

pub mod http;
mod index;
mod prefix;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use index::HostIndex;

use crate::rule::http::HttpLeaf;
use crate::rule::{Explanation, Keyed, Tree};

/// A router as it is put into a table.
#[derive(Debug, Clone)]
pub struct RouteSpec<T, L = HttpLeaf> {
    /// The router's name, `name@provider`. It decides between routers of equal priority and provider.
    pub name: String,
    pub matcher: Arc<Tree<L>>,
    /// The router's own priority, or the default of its rule; the highest is tried first.
    pub priority: i64,
    /// The place of the router's provider in `providers.precedence`, counted from the end: of two routers of equal priority
    /// the one with the higher rank is tried first.
    pub provider_rank: i64,
    pub payload: T,
}

/// A router in a table.
pub type Route<T, L = HttpLeaf> = RouteSpec<T, L>;

/// The routes of one entry point, or the children of one parent router.
#[derive(Debug, Clone)]
pub struct Table<T, L = HttpLeaf> {
    /// In the order tried.
    routes: Box<[Route<T, L>]>,
    index: HostIndex,
}

impl<T, L: Keyed> Table<T, L> {
    /// Sorts and files `specs`.
    ///
    /// Order: priority, then the provider's rank, both descending, then the name. Traefik leaves the last to chance.
    pub fn build(mut specs: Vec<RouteSpec<T, L>>) -> Self {
        specs.sort_by(|a, b| {
            (b.priority, b.provider_rank)
                .cmp(&(a.priority, a.provider_rank))
                .then_with(|| a.name.cmp(&b.name))
        });
        let index = HostIndex::build(specs.iter().map(|spec| &*spec.matcher));
        Self {
            routes: specs.into(),
            index,
        }
    }

    /// The route that takes the request.
    pub fn find(&self, view: &L::View<'_>) -> Option<&Route<T, L>> {
        let mut best = usize::MAX;
        self.index.visit::<L>(view, |list| {
            for &position in list {
                let position = position as usize;
                if position >= best {
                    break;
                }
                if self
                    .routes
                    .get(position)
                    .is_some_and(|route| route.matcher.matches(view))
                {
                    best = position;
                    break;
                }
            }
        });
        self.routes.get(best)
    }

    /// Every route in the order tried, with what its rule says of the request.
    pub fn explain<'t>(
        &'t self,
        view: &L::View<'_>,
    ) -> impl Iterator<Item = (&'t Route<T, L>, Explanation)> {
        self.routes
            .iter()
            .map(|route| (route, route.matcher.explain(view)))
    }

    /// The routes that the index lets through for the request, in the order tried; whether each matches is not checked.
    pub fn candidates(&self, view: &L::View<'_>) -> impl Iterator<Item = &Route<T, L>> {
        let mut positions = Vec::new();
        self.index
            .visit::<L>(view, |list| positions.extend_from_slice(list));
        positions.sort_unstable();
        positions.dedup();
        positions
            .into_iter()
            .filter_map(|position| self.routes.get(position as usize))
    }

    /// All routes, in the order tried.
    pub fn routes(&self) -> &[Route<T, L>] {
        &self.routes
    }

    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    pub fn len(&self) -> usize {
        self.routes.len()
    }
}

impl<T, L: Keyed> Default for Table<T, L> {
    fn default() -> Self {
        Self::build(Vec::new())
    }
}
