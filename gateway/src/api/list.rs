//! Lists of objects and single objects.

use std::cmp::Ordering;

use ::http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use super::json;
use super::listed::{Listed, Shown, provider};
use super::query::{Criterion, Page, Query, decoded};
use crate::http::Response;
use crate::runtime::{Object, Section};

const NEXT_PAGE: HeaderName = HeaderName::from_static("x-next-page");

/// The objects that `query` asks for, in its order.
pub(super) fn list<T: Listed>(section: &Section<T>, query: &Query) -> Response {
    let criterion = Criterion::of(query);
    let mut found: Vec<(&str, &Object<T>)> = section
        .iter()
        .map(|(name, object)| (name.as_str(), object))
        .filter(|(name, object)| keep(name, object, &criterion))
        .collect();
    let by = query.get("sortBy");
    found.sort_by(|a, b| order(by, *a, *b).then_with(|| a.0.cmp(b.0)));
    if !matches!(query.get("direction"), "" | "asc") {
        found.reverse();
    }
    let shown: Vec<_> = found
        .into_iter()
        .map(|(name, object)| Shown {
            name,
            object,
            in_list: true,
        })
        .collect();
    page(&shown, query)
}

/// The page of `items` that `query` asks for.
pub(super) fn page(items: &[impl Serialize], query: &Query) -> Response {
    let page = match Page::of(query, items.len()) {
        Ok(page) => page,
        Err(message) => return json::refusal(StatusCode::BAD_REQUEST, &message),
    };
    let mut response = json::document(&items.get(page.range).unwrap_or_default());
    response
        .headers_mut()
        .insert(NEXT_PAGE, HeaderValue::from(page.next));
    response
}

/// One object by its name, as the path has it.
pub(super) fn one<T: Listed>(section: &Section<T>, escaped: &str) -> Response {
    let Some(name) = decoded(escaped, false) else {
        let message = format!(
            "unable to decode {}ID {escaped:?}: invalid URL escape",
            T::NAME
        );
        return json::refusal(StatusCode::BAD_REQUEST, &message);
    };
    match section.get_key_value(&name) {
        Some((name, object)) => json::document(&Shown {
            name,
            object,
            in_list: true,
        }),
        None => {
            let message = format!("{} not found: {name}", T::NAME);
            json::refusal(StatusCode::NOT_FOUND, &message)
        }
    }
}

fn keep<T: Listed>(name: &str, object: &Object<T>, criterion: &Criterion<'_>) -> bool {
    let config = &object.config;
    let found = criterion.has_status(object.state.status.name())
        && criterion.finds(config.rule().into_iter().chain([name]));
    // Services and middlewares are not filtered by what they lead to.
    let is_router = config.rule().is_some();
    found
        && (!is_router
            || (criterion.leads_to(config.service()) && criterion.passes(config.middlewares())))
}

fn order<T: Listed>(by: &str, a: (&str, &Object<T>), b: (&str, &Object<T>)) -> Ordering {
    let (config_a, config_b) = (&a.1.config, &b.1.config);
    let is_router = config_a.rule().is_some();
    match by {
        "provider" => provider(a.0).cmp(provider(b.0)),
        "status" => {
            let status = |object: &Object<T>| object.state.status.name();
            status(a.1).cmp(status(b.1))
        }
        "priority" => config_a.priority().cmp(&config_b.priority()),
        "rule" => config_a.rule().cmp(&config_b.rule()),
        "service" => config_a.service().cmp(config_b.service()),
        "entryPoints" => config_a.entry_points().cmp(&config_b.entry_points()),
        "type" if !is_router => config_a.kind().cmp(&config_b.kind()),
        "servers" => config_a.servers().cmp(&config_b.servers()),
        _ => Ordering::Equal,
    }
}
