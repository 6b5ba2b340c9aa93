//! The gateway and the stream manager, started as a user would start them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::process::{self, Process};
use crate::{binaries, http1, poll, ports};

/// A running gateway with a folder of its own.
pub struct Gateway {
    pub process: Process,
    pub folder: TempDir,
    /// Entry point `web`, plain.
    pub web: u16,
    /// Entry point `websecure`, TLS.
    pub websecure: u16,
    /// Entry point `traefik`: API, ping and metrics.
    pub admin: u16,
}

impl Gateway {
    /// Starts it with three entry points and `dynamic.yml` as the file provider's file, and waits until it is in force.
    pub async fn start(dynamic: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        Self::start_in(folder, dynamic, "").await
    }

    /// As [`Self::start`], in a folder that holds more already; `install` is appended to the install configuration.
    pub async fn start_in(folder: TempDir, dynamic: &str, install: &str) -> Result<Self> {
        Self::start_with(folder, dynamic, install, &[]).await
    }

    /// As [`Self::start_in`], with more options of the command line. In `install`, `WEB` and `WEBSECURE` at the start of a
    /// line stand for more options of those entry points, and `THROTTLE` for a shortest time between reloads that is not
    /// Traefik's.
    pub async fn start_with(
        folder: TempDir,
        dynamic: &str,
        install: &str,
        args: &[&str],
    ) -> Result<Self> {
        let (web, websecure, admin) = (ports::free()?, ports::free()?, ports::free()?);
        let (mut more, mut more_secure, mut rest) = (String::new(), String::new(), String::new());
        let mut throttle = "2s";
        for line in install.lines() {
            match line.split_once(' ') {
                Some(("WEBSECURE", options)) => more_secure = format!(", {options}"),
                Some(("WEB", options)) => more = format!(", {options}"),
                Some(("THROTTLE", time)) => throttle = time,
                _ => rest.extend([line, "\n"]),
            }
        }
        let text = format!(
            "\
entryPoints:
  web: {{address: \"127.0.0.1:{web}\"{more}}}
  websecure: {{address: \"127.0.0.1:{websecure}\", http: {{tls: {{}}}}{more_secure}}}
  traefik: {{address: \"127.0.0.1:{admin}\"}}
api: {{insecure: true}}
ping: {{}}
metrics: {{prometheus: {{}}}}
log: {{level: DEBUG}}
providers: {{file: {{filename: dynamic.yml, watch: true}}, providersThrottleDuration: {throttle}}}
{rest}"
        );
        std::fs::write(folder.path().join("traefik.yml"), text)?;
        std::fs::write(folder.path().join("dynamic.yml"), dynamic)?;
        let mut command = process::command(binaries::gateway()?, folder.path());
        command.args(["--configFile=traefik.yml", "--workers=2"]);
        command.args(args);
        let process = Process::start("gateway", command)?;
        let mut gateway = Self {
            process,
            folder,
            web,
            websecure,
            admin,
        };
        gateway.ready().await?;
        Ok(gateway)
    }

    /// Where its files are.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces the routing configuration, as an editor does: a new file, renamed over the old one.
    pub fn reconfigure(&self, dynamic: &str) -> Result<()> {
        let new = self.path().join("new.tmp");
        std::fs::write(&new, dynamic)?;
        Ok(std::fs::rename(new, self.path().join("dynamic.yml"))?)
    }

    /// Asks the web entry point.
    pub async fn get(&self, host: &str, path: &str) -> Result<http1::Response> {
        http1::get(self.web, host, path).await
    }

    /// A figure of the metrics page by the start of its line.
    pub async fn metric(&self, line: &str) -> Result<f64> {
        let page = http1::get(self.admin, "localhost", "/metrics")
            .await?
            .text();
        let value = page
            .lines()
            .find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        value
            .with_context(|| format!("no {line} in {page}"))?
            .parse()
            .context("a number")
    }

    async fn ready(&mut self) -> Result<()> {
        let admin = self.admin;
        let process = &mut self.process;
        poll::until_true(
            "the gateway having its file in force",
            poll::PATIENCE,
            async || {
                process.still_runs()?;
                let routers = http1::get(admin, "localhost", "/api/http/routers")
                    .await?
                    .json()?;
                let routers = routers.as_array().context("a list of routers")?;
                Ok(routers.iter().any(|router| router["provider"] == "file"))
            },
        )
        .await
    }
}

/// A running stream manager.
pub struct Backend {
    pub process: Process,
    /// REST.
    pub api: u16,
    /// WebSocket.
    pub ws: u16,
    pub metrics: u16,
    pub health: u16,
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Backend {
    /// Starts it on four free ports. It keeps its files, if it has any, in `folder`.
    pub async fn start(folder: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let (api, ws) = (ports::free()?, ports::free()?);
        let (metrics, health) = (ports::free()?, ports::free()?);
        let environment = environment.iter().map(owned).collect::<Vec<_>>();
        let process = spawn(folder, [api, ws, metrics, health], &environment)?;
        let folder = folder.to_owned();
        let mut backend = Self {
            process,
            api,
            ws,
            metrics,
            health,
            folder,
            environment,
        };
        backend.ready().await?;
        Ok(backend)
    }

    /// Starts it again on the same ports, with the same files and environment.
    pub async fn restart(&mut self) -> Result<()> {
        let ports = [self.api, self.ws, self.metrics, self.health];
        self.process = spawn(&self.folder, ports, &self.environment)?;
        self.ready().await
    }

    /// Asks the REST API.
    pub async fn get(&self, path: &str) -> Result<http1::Response> {
        http1::get(self.api, "localhost", path).await
    }

    /// Sends a command to the REST API.
    pub async fn post(&self, path: &str, body: &str) -> Result<http1::Response> {
        http1::post(self.api, "localhost", path, body).await
    }

    async fn ready(&mut self) -> Result<()> {
        let health = self.health;
        let process = &mut self.process;
        poll::until_true("the backend being ready", poll::PATIENCE, async || {
            process.still_runs()?;
            let ready = http1::get(health, "localhost", "/health/ready").await?;
            Ok(ready.status == 200)
        })
        .await
    }
}

fn spawn(folder: &Path, ports: [u16; 4], environment: &[(String, String)]) -> Result<Process> {
    let mut command = process::command(binaries::backend()?, folder);
    let names = ["PORT", "WS_PORT", "METRICS_PORT", "HEALTH_PORT"];
    for (name, port) in names.into_iter().zip(ports) {
        command.env(name, port.to_string());
    }
    command.env("HOST", "127.0.0.1");
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    Process::start("backend", command)
}
