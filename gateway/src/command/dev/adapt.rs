//! What the local stack changes in the files it reads: ports, and where the folders are. The files stay as they are.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::options::Options;
use crate::config::dynamic::{Dynamic, Tls};
use crate::config::install::Install;
use crate::types::{Duration, FileOrContent};

/// Entry points that have an option, and which.
pub(super) const ENTRY_POINTS: [(&str, &str); 3] = [
    ("web", "--http-port"),
    ("websecure", "--https-port"),
    ("traefik", "--api-port"),
];
/// Who presses Ctrl-C waits no longer than this for connections that stay open.
const GRACE: Duration = Duration::from_secs(3);

/// Puts the options into the install configuration.
pub(super) fn install(config: &mut Install, options: &Options) -> anyhow::Result<()> {
    let ports = [options.http_port, options.https_port, options.api_port];
    for ((name, option), port) in ENTRY_POINTS.into_iter().zip(ports) {
        let Some(port) = port else { continue };
        let entry = config.entry_points.get_mut(name).with_context(|| {
            format!("{option}: the configuration has no entry point `{name}` to listen there")
        })?;
        let host = entry
            .address
            .rsplit_once(':')
            .map_or("", |(host, _)| host)
            .to_owned();
        entry.address = format!("{host}:{port}");
    }
    for entry in config.entry_points.values_mut() {
        let grace = &mut entry.transport.life_cycle.grace_time_out;
        *grace = (*grace).min(GRACE);
    }
    if let Some(file) = &mut config.providers.file {
        for path in [&mut file.directory, &mut file.filename] {
            if let Some(moved) = rebased(path, "traefik", &options.config) {
                *path = moved;
            }
        }
    }
    Ok(())
}

/// Where things are that the routing files name by their usual places.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) certs: PathBuf,
    /// The stream manager's REST port.
    pub(super) api: SocketAddr,
    /// Its WebSocket port.
    pub(super) ws: SocketAddr,
}

impl Places {
    /// Puts them into a routing configuration.
    pub(super) fn put_into(&self, config: &mut Dynamic) {
        let services = config
            .http
            .iter_mut()
            .flat_map(|http| http.services.values_mut());
        for balancer in services.filter_map(|service| service.load_balancer.as_mut()) {
            for server in &mut balancer.servers {
                if let Some(moved) = self.server(&server.url) {
                    server.url = moved;
                }
            }
        }
        if let Some(tls) = &mut config.tls {
            self.certificates(tls);
        }
    }

    fn server(&self, url: &str) -> Option<String> {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = authority.rsplit_once(':')?;
        if host != "127.0.0.1" && host != "localhost" {
            return None;
        }
        let place = match port {
            "4200" => self.api,
            "4201" => self.ws,
            _ => return None,
        };
        let port = place.port();
        Some(format!("{scheme}://{host}:{port}{path}"))
    }

    fn certificates(&self, tls: &mut Tls) {
        let pairs = tls
            .certificates
            .iter_mut()
            .map(|pair| [&mut pair.cert_file, &mut pair.key_file]);
        let defaults = tls
            .stores
            .values_mut()
            .filter_map(|store| store.default_certificate.as_mut())
            .map(|pair| [&mut pair.cert_file, &mut pair.key_file]);
        for file in pairs.chain(defaults).flatten() {
            if let Some(moved) = rebased(file.as_str(), "certs", &self.certs) {
                *file = FileOrContent::new(moved);
            }
        }
    }
}

/// A relative path below `usual`, below `actual` instead; `None` where it is another path, or stays what it is.
fn rebased(path: &str, usual: &str, actual: &Path) -> Option<String> {
    let rest = Path::new(path).strip_prefix(usual).ok()?;
    if actual == Path::new(usual) {
        return None;
    }
    Some(actual.join(rest).to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::dynamic::parse_text;
    use crate::config::source::Format;

    fn places() -> Places {
        Places {
            certs: PathBuf::from("/elsewhere"),
            api: SocketAddr::from(([127, 0, 0, 1], 5200)),
            ws: SocketAddr::from(([127, 0, 0, 1], 5201)),
        }
    }

    #[test]
    fn only_the_usual_places_move() {
        let text = r#"
http:
  services:
    a: { loadBalancer: { servers: [ { url: "http://127.0.0.1:4200" }, { url: "http://localhost:4201/x" } ] } }
    b: { loadBalancer: { servers: [ { url: "http://10.0.0.1:4200" }, { url: "http://127.0.0.1:9" } ] } }
tls:
  certificates: [ { certFile: certs/localhost.crt, keyFile: certs/localhost.key }, { certFile: /own.crt, keyFile: x } ]
  stores: { default: { defaultCertificate: { certFile: certs/localhost.crt, keyFile: certs/localhost.key } } }
"#;
        let mut config = parse_text("d.yml", text, Format::Yaml).unwrap().config;
        places().put_into(&mut config);
        let (http, tls) = (config.http.unwrap(), config.tls.unwrap());
        let urls = |name: &str| {
            let balancer = http.services[name].load_balancer.as_ref().unwrap();
            let urls = balancer.servers.iter().map(|server| server.url.clone());
            urls.collect::<Vec<_>>()
        };
        assert_eq!(
            urls("a"),
            ["http://127.0.0.1:5200", "http://localhost:5201/x"]
        );
        assert_eq!(urls("b"), ["http://10.0.0.1:4200", "http://127.0.0.1:9"]);
        assert_eq!(
            tls.certificates[0].key_file.as_str(),
            "/elsewhere/localhost.key"
        );
        assert_eq!(tls.certificates[1].cert_file.as_str(), "/own.crt");
        let default = tls.stores["default"].default_certificate.as_ref().unwrap();
        assert_eq!(default.cert_file.as_str(), "/elsewhere/localhost.crt");
    }

    #[test]
    fn ports_go_to_their_entry_points() {
        let mut config = Install::default();
        let options = Options {
            http_port: Some(81),
            ..Options::default()
        };
        let error = install(&mut config, &options).unwrap_err().to_string();
        assert!(
            error.contains("--http-port") && error.contains("`web`"),
            "{error}"
        );

        let entry = crate::config::install::EntryPoint {
            address: "127.0.0.1:80".to_owned(),
            ..Default::default()
        };
        config.entry_points.insert("web".to_owned(), entry);
        install(&mut config, &options).unwrap();
        assert_eq!(config.entry_points["web"].address, "127.0.0.1:81");
    }
}
