//! An explanation as text.

use std::fmt::Write as _;

use crate::runtime::explanation::{
    Chosen, Disabled, Explained, Failed, MiddlewareUsed, Priority, PriorityFrom, ServiceUsed, Tried,
};

/// Of more routers than this those whose host does not match are counted and not listed.
const MANY: usize = 12;

/// For people; ends with a line end.
pub(super) fn text(explained: &Explained) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(explained, &mut out);
    out
}

fn write(explained: &Explained, out: &mut String) -> std::fmt::Result {
    let seen = &explained.request;
    let connection = if seen.tls { "TLS" } else { "plain" };
    writeln!(out, "{} {}", seen.method, seen.url)?;
    writeln!(
        out,
        "  entry point {} ({}), {connection}, client {}",
        seen.entry_point, seen.entry_point_because, seen.client_ip
    )?;
    let host = if seen.host.is_empty() {
        "none"
    } else {
        &seen.host
    };
    writeln!(out, "  rules see host {host}, path {}", seen.path)?;
    if let Some(refused) = &explained.refused {
        writeln!(out, "  refused: {refused}")?;
    }
    writeln!(out, "\nRouters in the order tried:")?;
    if explained.routers.is_empty() {
        writeln!(out, "  none")?;
    }
    tried(&explained.routers, "  ", out)?;
    write_disabled(&explained.disabled, out)?;
    writeln!(out)?;
    if explained.chosen.is_empty() {
        writeln!(out, "No router takes it: 404")?;
    }
    for chosen in &explained.chosen {
        write_chosen(chosen, out)?;
    }
    if let Some(tls) = &explained.tls {
        match &tls.options {
            Some(options) => writeln!(out, "TLS options {options}")?,
            None => writeln!(
                out,
                "TLS refused: the options of {} cannot be used",
                tls.server_name
            )?,
        }
    }
    for note in &explained.notes {
        writeln!(out, "Note: {note}")?;
    }
    Ok(())
}

/// Those whose rule does not match are counted.
fn write_disabled(disabled: &[Disabled], out: &mut String) -> std::fmt::Result {
    let mut others = 0;
    for disabled in disabled {
        let Some(what) = (match disabled.matches {
            Some(true) => Some("would match, but is not in force"),
            None => Some("not in force"),
            Some(false) => None,
        }) else {
            others += 1;
            continue;
        };
        let why = disabled.errors.join("; ");
        writeln!(out, "  {}  {what}: {why}", disabled.name)?;
    }
    match others {
        0 => Ok(()),
        _ => writeln!(out, "  {others} not in force, whose rules do not match"),
    }
}

fn tried(routers: &[Tried], indent: &str, out: &mut String) -> std::fmt::Result {
    let behind = routers.iter().filter(|router| !router.reached).count();
    let mut elsewhere = 0;
    for router in routers.iter().filter(|router| router.reached) {
        if routers.len() > MANY && is_for_another_host(router) {
            elsewhere += 1;
            continue;
        }
        let verdict = if router.matched { "takes it" } else { "no" };
        writeln!(
            out,
            "{indent}{}  {verdict}, priority {}",
            router.name,
            priority(router.priority)
        )?;
        writeln!(out, "{indent}    {}", router.rule)?;
        for failed in &router.failed {
            writeln!(
                out,
                "{indent}    {} does not match {}",
                failed.matcher, failed.saw
            )?;
        }
        tried(&router.children, &format!("{indent}    "), out)?;
    }
    if elsewhere > 0 {
        writeln!(
            out,
            "{indent}{elsewhere} whose host does not match; --format json lists them"
        )?;
    }
    if behind > 0 {
        let also = routers
            .iter()
            .filter(|router| !router.reached && router.matched);
        let also: Vec<&str> = also.map(|router| router.name.as_str()).collect();
        write!(out, "{indent}{behind} more, not looked at")?;
        match also.as_slice() {
            [] => writeln!(out)?,
            names => writeln!(out, "; of these would match: {}", names.join(", "))?,
        }
    }
    Ok(())
}

/// Whether the host is among what keeps it from matching.
fn is_for_another_host(router: &Tried) -> bool {
    let by_host = |failed: &Failed| failed.matcher.trim_start_matches('!').starts_with("Host");
    !router.matched && router.failed.iter().any(by_host)
}

fn priority(priority: Priority) -> String {
    match priority.from {
        PriorityFrom::Set => format!("{} (set)", priority.value),
        PriorityFrom::RuleLength => format!("{} (length of the rule)", priority.value),
    }
}

fn write_chosen(chosen: &Chosen, out: &mut String) -> std::fmt::Result {
    writeln!(out, "Router {}", chosen.router)?;
    for used in &chosen.middlewares {
        middleware(used, "  ", out)?;
    }
    match &chosen.service {
        Some(used) => service(used, "", "  ", out),
        None => Ok(()),
    }
}

fn middleware(used: &MiddlewareUsed, indent: &str, out: &mut String) -> std::fmt::Result {
    let kind = if used.kind.is_empty() {
        "not there"
    } else {
        &used.kind
    };
    writeln!(out, "{indent}middleware {} ({kind})", used.name)?;
    for member in &used.members {
        middleware(member, &format!("{indent}  "), out)?;
    }
    Ok(())
}

fn service(used: &ServiceUsed, role: &str, indent: &str, out: &mut String) -> std::fmt::Result {
    write!(out, "{indent}service {} ({}", used.name, used.kind)?;
    if !used.strategy.is_empty() {
        write!(out, ", {}", used.strategy)?;
    }
    match role {
        "" => writeln!(out, ")")?,
        role => writeln!(out, "), {role}")?,
    }
    for server in &used.servers {
        write!(out, "{indent}  server {}", server.url)?;
        if server.weight != 1 {
            write!(out, ", weight {}", server.weight)?;
        }
        match server.status {
            Some(status) => writeln!(out, ", {status}")?,
            None => writeln!(out)?,
        }
    }
    for part in &used.services {
        service(&part.service, &part.role, &format!("{indent}  "), out)?;
    }
    Ok(())
}
