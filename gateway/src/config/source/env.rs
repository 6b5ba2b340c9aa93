//! Environment variables: `TRAEFIK_ENTRYPOINTS_WEB_ADDRESS=:80`.

use super::flat::Builder;
use crate::config::error::ConfigErrors;
use crate::config::tree::{Node, Position};

const PREFIX: &str = "TRAEFIK_";

/// The variables whose first word after the prefix is one of `sections`; `None` if there are none. Other variables with
/// the prefix (a container's `TRAEFIK_PORT=tcp://…`) are no options.
pub fn parse(
    variables: impl IntoIterator<Item = (String, String)>,
    sections: &[&str],
) -> Result<Option<Node>, ConfigErrors> {
    let mut found: Vec<_> = variables
        .into_iter()
        .filter(|(name, _)| is_option(name, sections))
        .collect();
    found.sort_unstable();
    if found.is_empty() {
        return Ok(None);
    }
    let mut builder = Builder::new("environment");
    for (name, value) in found {
        let path = name.get(PREFIX.len()..).unwrap_or_default().to_lowercase();
        if path != "configfile" {
            builder.add(
                &path,
                '_',
                &Position::named(format!("variable {name}")),
                &value,
            );
        }
    }
    builder.finish().map(Some)
}

fn is_option(name: &str, sections: &[&str]) -> bool {
    let Some((prefix, rest)) = name.split_at_checked(PREFIX.len()) else {
        return false;
    };
    let section = rest.split_once('_').map_or(rest, |(section, _)| section);
    prefix.eq_ignore_ascii_case(PREFIX)
        && (section.eq_ignore_ascii_case("configfile")
            || sections
                .iter()
                .any(|known| known.eq_ignore_ascii_case(section)))
}
