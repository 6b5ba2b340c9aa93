//! Whether the ports are free, asked before anything starts, so that one answer names all that are not.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs as _};
use std::path::Path;

use super::adapt::ENTRY_POINTS;
use crate::config::install::{Install, Protocol};

/// A port somebody is going to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) address: SocketAddr,
    pub(super) by: String,
    /// How to choose another one.
    pub(super) remedy: String,
}

/// Those of the entry points that are to have their port alone.
pub(super) fn of_entry_points(install: &Install, file: &Path) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for (name, entry) in &install.entry_points {
        let Ok(address) = entry.parse_address() else {
            continue;
        };
        if address.protocol == Protocol::Udp || entry.reuse_port {
            continue;
        }
        let host = if address.host.is_empty() {
            Ipv4Addr::UNSPECIFIED.to_string()
        } else {
            address.host
        };
        // A host that has no address is told of when the entry point opens.
        let found = (host.as_str(), address.port).to_socket_addrs();
        let Some(address) = found.ok().and_then(|mut found| found.next()) else {
            continue;
        };
        let option = ENTRY_POINTS.into_iter().find(|(entry, _)| entry == name);
        let remedy = option.map_or_else(
            || format!("change entryPoints.{name}.address in {}", file.display()),
            |(_, option)| format!("choose another with {option} N"),
        );
        wanted.push(Wanted {
            address,
            by: format!("entry point {name}"),
            remedy,
        });
    }
    wanted
}

/// What is wrong with the ports, for people; `None` where all can be had.
pub(super) fn problems(wanted: &[Wanted]) -> Option<String> {
    // Held until the end, so that a port that two of ours want is found too.
    let mut held = Vec::new();
    let mut text = String::new();
    for Wanted {
        address,
        by,
        remedy,
    } in wanted
    {
        match TcpListener::bind(address) {
            Ok(listener) => held.push(listener),
            Err(error) => {
                let why = match error.kind() {
                    ErrorKind::AddrInUse => "is taken".to_owned(),
                    ErrorKind::PermissionDenied => {
                        "needs more rights than this user has".to_owned()
                    }
                    _ => format!("cannot be had ({error})"),
                };
                text.push_str(&format!(
                    "  {address} {why}: {by} listens there; {remedy}\n"
                ));
            }
        }
    }
    (!text.is_empty()).then(|| format!("cannot listen on every port:\n{text}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wanted(address: SocketAddr, by: &str) -> Wanted {
        Wanted {
            address,
            by: by.to_owned(),
            remedy: format!("choose another with --{by} N"),
        }
    }

    #[test]
    fn every_taken_port_is_named_with_its_option() {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let second = TcpListener::bind("127.0.0.1:0").unwrap();
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let addresses = [first.local_addr().unwrap(), second.local_addr().unwrap()];
        assert_eq!(
            problems(&[wanted(free, "free"), wanted(free, "other")]),
            None
        );
        let list = [
            wanted(addresses[0], "a"),
            wanted(free, "b"),
            wanted(addresses[1], "c"),
        ];
        let text = problems(&list).unwrap();
        assert!(
            text.contains(&format!("{} is taken: a listens", addresses[0])),
            "{text}"
        );
        assert!(text.contains("--c N") && !text.contains("--b"), "{text}");
    }

    #[test]
    fn a_port_wanted_twice_is_found() {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let text = problems(&[wanted(port, "a"), wanted(port, "b")]).unwrap();
        assert!(
            text.contains("b listens there") && !text.contains("a listens"),
            "{text}"
        );
    }
}
