//! REST (spec section 2), health and the text for Prometheus: one file a resource.
//!
//! A call goes through [`Api::answer`]: form (sizes), route, who may, rates, body, then the resource. Every answer is JSON,
//! and errors have one shape, made in `answer`. Adding a route is one row in `routes`, one [`routes::Action`], one handler.

mod answer;
mod api;
mod body;
mod chat;
mod config;
mod control;
mod events;
mod frame;
mod health;
mod layers;
mod page;
mod routes;
mod scrape;
mod status;

pub use api::{Api, Parts, Settings};
pub use health::{Health, Ports};
pub use scrape::Scrape;

/// What every answer of this room is.
pub type Response = http::Response<Body>;

/// All of an answer, or events that go on.
pub type Body =
    http_body_util::Either<http_body_util::Full<bytes::Bytes>, crate::ws::events::Events>;
