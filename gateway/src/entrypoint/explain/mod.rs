//! Why a request goes where it goes.
//!
//! The request is prepared by the function that prepares it for serving, and matched by the same compiled rules; only that
//! every router is looked at and tells what it saw.

mod entry;
mod objects;
mod request;
#[cfg(test)]
mod tests;

pub use entry::{Door, choose};

use super::EntryPoint;
use super::dispatch::{misdirected, prepare};
use crate::config::dynamic::Router;
use crate::http::{Context, Request, Tls};
use crate::router::Table;
use crate::router::http::{HttpRoute, find, view};
use crate::rule::Syntax;
use crate::rule::http::{RequestView, compile};
use crate::runtime::explanation::{
    Disabled, Explained, Failed, Priority, PriorityFrom, Question, TlsChoice, Tried,
};
use crate::runtime::{EntryTables, Report, Snapshot, Status};

use self::objects::Lookup;
use self::request::Asked;

/// Explains `question` for `entry`. `live`: whether the servers' states in the report are those of a gateway that runs.
///
/// The error says what of the question cannot be read.
pub fn explain(
    entry: &EntryPoint,
    snapshot: &Snapshot,
    report: &Report,
    question: &Question,
    live: bool,
) -> Result<Explained, String> {
    let Asked {
        mut cx,
        incoming,
        mut seen,
        refused,
    } = request::ask(entry, snapshot.entry_points.get(entry.index), question)?;
    let mut explained = Explained {
        tls: cx.connection.tls.as_ref().map(handshake),
        refused,
        routers: Vec::new(),
        disabled: Vec::new(),
        chosen: Vec::new(),
        notes: Vec::new(),
        request: seen.clone(),
    };
    let prepared = prepare(entry, &mut cx, incoming);
    seen.host.clone_from(&cx.host);
    if let Ok(request) = &prepared {
        seen.path = request.target.path().to_owned();
    }
    explained.request = seen;
    let request = match prepared {
        Ok(request) => request,
        Err(response) => {
            let status = response.status();
            explained
                .refused
                .get_or_insert_with(|| format!("{status} before routing"));
            return Ok(explained);
        }
    };
    explained.disabled = disabled(report, entry, &cx, &request);
    if let Some(tables) = snapshot.entry_points.get(entry.index) {
        route(&mut explained, tables, &cx, &request, report, live);
    }
    let path = request.target.path();
    let denied = entry
        .denied_escapes
        .iter()
        .find(|escape| path.contains(**escape));
    if let Some(escape) = denied.filter(|_| !explained.chosen.is_empty()) {
        explained.refused = Some(format!(
            "400 Bad Request: the path holds {escape}, which encodedCharacters does not allow"
        ));
    }
    Ok(explained)
}

fn route(
    explained: &mut Explained,
    tables: &EntryTables,
    cx: &Context,
    request: &Request,
    report: &Report,
    live: bool,
) {
    let (table, other, over) = match cx.connection.tls {
        Some(_) => (&tables.tls, &tables.plain, "a plain connection"),
        None => (&tables.plain, &tables.tls, "TLS"),
    };
    let lookup = Lookup { report, live };
    let mut path = Vec::new();
    let tried = view(cx, request, |view| {
        tried(table, view, report, &mut path, true)
    });
    explained.routers = tried.unwrap_or_default();
    explained.chosen = path.iter().map(|route| lookup.chosen(route)).collect();
    if path.first().is_some_and(|route| misdirected(cx, route)) {
        explained.refused = Some(
            "421 Misdirected Request: the connection was made for a host with other TLS options"
                .to_owned(),
        );
    }
    if explained.chosen.is_empty()
        && let Some(route) = find(other, cx, request)
    {
        let name = &route.name;
        explained
            .notes
            .push(format!("over {over} the router {name} would take it"));
    }
    if explained
        .routers
        .iter()
        .any(|tried| !tried.children.is_empty())
    {
        explained.notes.push(
            "children are shown the request as it came; the parent's middlewares may change it before".to_owned(),
        );
    }
}

/// Every route of a table, and in `path` those that take the request, the parent before its child.
fn tried<'t>(
    table: &'t Table<HttpRoute>,
    view: &RequestView<'_>,
    report: &Report,
    path: &mut Vec<&'t HttpRoute>,
    reached: bool,
) -> Vec<Tried> {
    let mut found = !reached;
    let mut all = Vec::new();
    for (route, why) in table.explain(view) {
        let takes = why.matched && !found;
        let mut children = Vec::new();
        if takes {
            path.push(&route.payload);
        }
        if let Some(below) = route.payload.children.as_ref().filter(|_| why.matched) {
            children = tried(&below.table, view, report, path, takes);
        }
        let failures = why.failures();
        let failed = failures.iter().map(|failure| Failed {
            matcher: failure.text.clone(),
            saw: failure.saw.clone().unwrap_or_default(),
        });
        let known = report.routers.get(&route.name);
        all.push(Tried {
            name: route.name.clone(),
            rule: known.map_or_else(String::new, |object| object.config.rule.clone()),
            priority: Priority {
                value: route.priority,
                from: match route.payload.priority_is_set {
                    true => PriorityFrom::Set,
                    false => PriorityFrom::RuleLength,
                },
            },
            matched: why.matched,
            reached: !found,
            failed: failed.collect(),
            children,
        });
        found |= takes;
    }
    all
}

/// What a handshake settled on.
fn handshake(tls: &Tls) -> TlsChoice {
    TlsChoice {
        server_name: tls.server_name.as_deref().unwrap_or_default().to_owned(),
        options: tls.options.as_deref().map(str::to_owned),
    }
}

/// Routers that are meant for the entry point and not in force, and whether they would have been meant.
fn disabled(report: &Report, entry: &EntryPoint, cx: &Context, request: &Request) -> Vec<Disabled> {
    let routers = report.routers.iter();
    let matches = |router: &Router| {
        let rule = compile(&router.rule, Syntax::named(&router.rule_syntax)).ok()?;
        view(cx, request, |view| rule.matches(view))
    };
    routers
        .filter(|(_, router)| {
            let here = |name: &String| **name == *entry.name;
            router.state.status == Status::Disabled && router.config.entry_points.iter().any(here)
        })
        .map(|(name, router)| Disabled {
            name: name.clone(),
            matches: matches(&router.config),
            errors: router.state.errors.clone(),
        })
        .collect()
}
