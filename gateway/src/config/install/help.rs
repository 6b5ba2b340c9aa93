//! The text of `--help`: every option with its default.

use std::fmt::Write as _;

use super::options;

/// Usage and the options in the order of their names.
pub fn help() -> String {
    let mut text = String::from(
        "An edge gateway for Traefik v3's configuration\n\n\
         Usage: gateway [command] [flags]\n\n\
         Commands:\n\
         \x20   (none)       Runs the gateway, as Traefik runs.\n\
         \x20   check        Says what is wrong with a configuration, without starting; see check --help.\n\
         \x20   dev          Runs the whole stack on this machine, TLS and stream manager included; see dev --help.\n\
         \x20   explain      Says which router takes a request, and why; see explain --help.\n\
         \x20   healthcheck  Asks the ping entry point of a running gateway; exit code 0 if it is well.\n\
         \x20   version      Prints the version.\n\n\
         Flags: --name=value, names without case; a boolean may stand alone.\n\n\
         \x20   --configfile  (Default: \"\")\n        \
         Configuration file to use. If specified all other flags are ignored.\n\n\
         \x20   --max-connections  (Default: \"0\")\n        \
         Connections that one entry point has open at most; more are closed at once; 0 is no limit. Not an option of Traefik's.\n\n\
         \x20   --max-connections-per-client  (Default: \"0\")\n        \
         The same for one client: an IPv4 address, or an IPv6 network of 64 bits. Not an option of Traefik's.\n\n\
         \x20   --tunnel-idle-timeout  (Default: \"0\")\n        \
         Ends WebSockets on which nothing came from either side for so long; 0 keeps them. Not an option of Traefik's.\n\n\
         \x20   --workers  (Default: one a core)\n        \
         Threads that serve. Not an option of Traefik's.\n\n",
    );
    let mut lines = options();
    lines.sort_by_cached_key(|line| line.name.to_ascii_lowercase());
    for line in lines {
        let support = match (line.later, line.idle) {
            (true, _) => " Not supported; accepted with a warning.",
            (_, true) => " Not supported yet; accepted with a warning.",
            _ => "",
        };
        let doc: String = line
            .doc
            .iter()
            .map(|doc| doc.trim())
            .collect::<Vec<_>>()
            .join(" ");
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "    --{}  (Default: \"{}\")\n        {doc}{support}\n\n",
            line.name.to_ascii_lowercase(),
            line.default
        );
    }
    text
}
