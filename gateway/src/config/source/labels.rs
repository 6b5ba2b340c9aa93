//! Container labels: `traefik.http.routers.x.rule=…`.

use super::flat::Builder;
use crate::config::error::ConfigErrors;
use crate::config::tree::{Node, Position};

/// Labels of the routing configuration; others (`traefik.enable`, `traefik.docker.network`, foreign ones) are left out.
/// `origin` is what errors call the container.
pub fn parse<'a>(
    origin: &str,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Node, ConfigErrors> {
    let mut labels: Vec<_> = labels.into_iter().collect();
    // Labels come in no order; a fixed one gives the same result and the same messages each time.
    labels.sort_unstable();
    let mut builder = Builder::new(origin);
    for (name, value) in labels {
        let Some(path) = strip_root(name).filter(|path| is_routing(path)) else {
            continue;
        };
        let at = Position::named(format!("{origin}: label {name}"));
        builder.add(path, '.', &at, value);
    }
    builder.finish()
}

fn strip_root(name: &str) -> Option<&str> {
    let (root, path) = name.split_once('.')?;
    root.eq_ignore_ascii_case("traefik").then_some(path)
}

fn is_routing(path: &str) -> bool {
    let section = path.split_once('.').map_or(path, |(section, _)| section);
    ["http", "tcp", "udp", "tls"]
        .iter()
        .any(|known| section.eq_ignore_ascii_case(known))
}
