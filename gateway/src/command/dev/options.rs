//! The options of `gateway dev`.

use std::path::PathBuf;

/// What the command line asks for. A port that is not given is the configuration's own; 0 is any free one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) http_port: Option<u16>,
    pub(super) https_port: Option<u16>,
    pub(super) api_port: Option<u16>,
    pub(super) backend_port: Option<u16>,
    pub(super) backend_ws_port: Option<u16>,
    pub(super) backend_metrics_port: Option<u16>,
    pub(super) backend_health_port: Option<u16>,
    /// Where the local certificate authority keeps its files.
    pub(super) certs: PathBuf,
    /// Where `traefik.yml` is.
    pub(super) config: PathBuf,
    /// Worker threads; unset means one a core.
    pub(super) workers: Option<usize>,
    pub(super) help: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            http_port: None,
            https_port: None,
            api_port: None,
            backend_port: None,
            backend_ws_port: None,
            backend_metrics_port: None,
            backend_health_port: None,
            certs: PathBuf::from("certs"),
            config: PathBuf::from("traefik"),
            workers: None,
            help: false,
        }
    }
}

/// The text of `gateway dev --help`.
pub(super) const HELP: &str = "\
The whole stack on this machine: TLS on localhost, gateway, and stream manager in one process

Usage: gateway dev [--name=value | --name value ...]

  --http-port N             entry point `web`, plain HTTP (default: as traefik.yml says, 8000)
  --https-port N            entry point `websecure`, TLS (8443)
  --api-port N              entry point `traefik`: API, dashboard, ping, metrics (8080)
  --backend-port N          stream manager, REST (PORT from the environment, or 4200)
  --backend-ws-port N       stream manager, WebSocket (WS_PORT, or 4201)
  --backend-metrics-port N  stream manager, Prometheus metrics (METRICS_PORT, or 4290)
  --backend-health-port N   stream manager, health (HEALTH_PORT, or 4291)
                            0 is any free port
  --certs DIR               where the local certificate authority and its certificates are (certs)
  --config DIR              where traefik.yml and the routing files are (traefik)
  --workers N               worker threads (one a core)
  --help                    this text

Paths below `traefik/` and `certs/` in the files follow --config and --certs, servers at 127.0.0.1:4200 and
127.0.0.1:4201 follow the stream manager's ports. Everything else of the stream manager is set by its environment
variables, for example STORE_PATH (data/stream-manager.json), REDIS_URL and LOG_LEVEL.
";

/// Reads the arguments after `dev`.
pub(super) fn parse(args: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--help" || arg == "-h" || arg == "help" {
            options.help = true;
            return Ok(options);
        }
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (arg.as_str(), None),
        };
        let Some(set) = setter(name) else {
            return Err(unknown(name));
        };
        let value = match inline {
            Some(value) => value,
            None => args
                .next()
                .ok_or_else(|| format!("{name} needs a value; see gateway dev --help"))?,
        };
        set(&mut options, value).map_err(|why| format!("{name}={value}: {why}"))?;
    }
    Ok(options)
}

type Set = fn(&mut Options, &str) -> Result<(), String>;

fn setter(name: &str) -> Option<Set> {
    Some(match name {
        "--http-port" => |options, value| port(&mut options.http_port, value),
        "--https-port" => |options, value| port(&mut options.https_port, value),
        "--api-port" => |options, value| port(&mut options.api_port, value),
        "--backend-port" => |options, value| port(&mut options.backend_port, value),
        "--backend-ws-port" => |options, value| port(&mut options.backend_ws_port, value),
        "--backend-metrics-port" => |options, value| port(&mut options.backend_metrics_port, value),
        "--backend-health-port" => |options, value| port(&mut options.backend_health_port, value),
        "--certs" => |options, value| folder(&mut options.certs, value),
        "--config" => |options, value| folder(&mut options.config, value),
        "--workers" => |options, value| workers(&mut options.workers, value),
        _ => return None,
    })
}

fn port(place: &mut Option<u16>, value: &str) -> Result<(), String> {
    let number = value
        .parse()
        .map_err(|_| "write a port from 0 to 65535".to_owned())?;
    *place = Some(number);
    Ok(())
}

fn folder(place: &mut PathBuf, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err("write the path of a folder".to_owned());
    }
    *place = PathBuf::from(value);
    Ok(())
}

fn workers(place: &mut Option<usize>, value: &str) -> Result<(), String> {
    let count = value
        .parse()
        .ok()
        .filter(|count| (1..=1024).contains(count));
    *place = Some(count.ok_or("write a number from 1 to 1024")?);
    Ok(())
}

fn unknown(name: &str) -> String {
    let names = HELP
        .split_whitespace()
        .filter(|word| word.starts_with("--"));
    let hint = crate::config::error::nearest(name, names)
        .map_or(String::new(), |near| format!("; did you mean {near}?"));
    format!("gateway dev has no option {name}{hint} (gateway dev --help lists them)")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(args: &[&str]) -> Result<Options, String> {
        parse(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn both_spellings_and_defaults() {
        let options = read(&["--http-port=1", "--https-port", "0", "--certs", "/c"]).unwrap();
        assert_eq!((options.http_port, options.https_port), (Some(1), Some(0)));
        assert_eq!(options.certs, PathBuf::from("/c"));
        assert_eq!(options.config, PathBuf::from("traefik"));
        assert_eq!(options.api_port, None);
        assert!(read(&["--help"]).unwrap().help);
    }

    #[test]
    fn every_option_of_the_help_is_read() {
        for word in HELP.split_whitespace() {
            if let Some(name) = word.strip_prefix("--").filter(|name| *name != "help") {
                let name = name.trim_end_matches([',', '.']);
                if !name.starts_with("name") {
                    assert!(setter(&format!("--{name}")).is_some(), "--{name}");
                }
            }
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = read(&["--htpp-port=1"]).unwrap_err();
        assert!(
            error.contains("--htpp-port") && error.contains("--http-port"),
            "{error}"
        );
        assert!(read(&["--api-port"]).unwrap_err().contains("--api-port"));
        assert!(read(&["--api-port=70000"]).unwrap_err().contains("70000"));
        assert!(read(&["--workers=0"]).unwrap_err().contains("1024"));
    }
}
