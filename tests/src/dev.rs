//! `gateway dev` in a folder of its own, on free ports.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::http1::{self, Client};
use crate::process::{self, Process};
use crate::tls;
use crate::{binaries, poll, ports};

/// Certificates are made and both programs started on a machine that may be busy.
const START: Duration = Duration::from_secs(60);

/// A running local stack.
pub struct Dev {
    pub process: Process,
    pub folder: TempDir,
    pub http: u16,
    pub https: u16,
    /// API, ping and metrics.
    pub admin: u16,
    /// The stream manager: REST, WebSocket, metrics, health.
    pub backend: [u16; 4],
}

impl Dev {
    /// Starts it with the workspace's `traefik/`, everything else in a new folder, and waits for the test page.
    pub async fn start() -> Result<Self> {
        Self::start_in(tempfile::tempdir()?).await
    }

    /// As [`Self::start`], in a folder that may hold what an earlier one left.
    pub async fn start_in(folder: TempDir) -> Result<Self> {
        let (http, https, admin) = (ports::free()?, ports::free()?, ports::free()?);
        let backend = [
            ports::free()?,
            ports::free()?,
            ports::free()?,
            ports::free()?,
        ];
        let mut command = command(&folder)?;
        let options = [
            ("--http-port", http),
            ("--https-port", https),
            ("--api-port", admin),
            ("--backend-port", backend[0]),
            ("--backend-ws-port", backend[1]),
            ("--backend-metrics-port", backend[2]),
            ("--backend-health-port", backend[3]),
        ];
        command.args(options.map(|(name, port)| format!("{name}={port}")));
        let process = Process::start("gateway dev", command)?;
        let mut dev = Self {
            process,
            folder,
            http,
            https,
            admin,
            backend,
        };
        dev.ready().await?;
        Ok(dev)
    }

    /// The local certificate authority.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("certs/dev-ca.crt")
    }

    /// A GET through TLS, verified against the local authority alone.
    pub async fn get(&self, path: &str) -> Result<http1::Response> {
        let tls = tls::Client::trusting(&self.ca())?;
        let mut client = Client::connect_tls(&tls, self.https, "localhost").await?;
        client.get("localhost", path).await
    }

    async fn ready(&mut self) -> Result<()> {
        let http = self.http;
        let process = &mut self.process;
        poll::until_true("the local stack serving its test page", START, async || {
            process.still_runs()?;
            Ok(http1::get(http, "localhost", "/test").await?.status == 200)
        })
        .await
    }
}

/// `gateway dev` with the workspace's routing files and certificates in `folder`, no ports chosen.
pub fn command(folder: &TempDir) -> Result<Command> {
    let mut command = process::command(binaries::gateway()?, folder.path());
    command.args(["dev", "--workers=2", "--certs=certs", "--config"]);
    command.arg(binaries::root().join("traefik"));
    Ok(command)
}
