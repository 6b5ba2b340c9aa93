//! The tree of routers that `parentRefs` make: what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::Objects;
use crate::aggregate::{Merged, qualify};
use crate::config::dynamic::Router;

/// Children of each router.
pub(super) fn children(merged: &Merged) -> BTreeMap<&str, Vec<&str>> {
    let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, router) in &merged.routers {
        for parent in &router.parent_refs {
            let parent = qualify(parent, provider(name));
            if let Some((parent, _)) = merged.routers.get_key_value(&parent) {
                children.entry(parent).or_default().push(name);
            }
        }
    }
    children
}

/// The provider that the names within an object are of: what stands between its first `@` and the next. Of a file's object
/// called `a@b` that is `b`, as in Traefik.
pub(super) fn provider(name: &str) -> &str {
    name.split('@').nth(1).unwrap_or_default()
}

/// Marks every router whose place in the tree is wrong, in Traefik's words.
pub(super) fn check(merged: &Merged, objects: &mut Objects) {
    let children = children(merged);
    for (name, router) in &merged.routers {
        for parent in &router.parent_refs {
            check_parent(merged, objects, name, &qualify(parent, provider(name)));
        }
        if router.parent_refs.is_empty() {
            continue;
        }
        for (said, what) in [
            (router.tls.is_some(), "TLS"),
            (router.observability.is_some(), "Observability"),
            (!router.entry_points.is_empty(), "Entrypoints"),
        ] {
            if said {
                let reason = format!("non-root router cannot have {what} configuration");
                objects.disable_router(name, reason);
            }
        }
    }
    let mut reached = BTreeSet::new();
    for (name, router) in &merged.routers {
        if router.parent_refs.is_empty() {
            visit(merged, &children, name, router, &mut reached, objects);
        }
    }
    for (name, router) in &merged.routers {
        if !router.parent_refs.is_empty() && !reached.contains(name.as_str()) {
            objects.disable_router(name, "router is not reachable");
        }
    }
}

fn check_parent(merged: &Merged, objects: &mut Objects, name: &str, parent: &str) {
    match merged.routers.get(parent) {
        None => objects.disable_router(name, format!("parent router \"{parent}\" does not exist")),
        Some(found) if !found.service.is_empty() => objects.disable_router(
            parent,
            "router has both a service and is referenced as a parent by other routers",
        ),
        Some(_) => {}
    }
}

fn visit<'m>(
    merged: &'m Merged,
    children: &BTreeMap<&'m str, Vec<&'m str>>,
    name: &'m str,
    router: &'m Router,
    reached: &mut BTreeSet<&'m str>,
    objects: &mut Objects,
) {
    // Only routers with parents can be come to twice.
    if !router.parent_refs.is_empty() && !reached.insert(name) {
        return;
    }
    let below = children.get(name).map(Vec::as_slice).unwrap_or_default();
    if router.service.is_empty() && below.is_empty() {
        objects.disable_router(name, "router has no service and no child routers");
        objects.disable_router(name, "router must have either a service or child routers");
    }
    for child in below {
        if let Some(router) = merged.routers.get(*child) {
            visit(merged, children, child, router, reached, objects);
        }
    }
}
