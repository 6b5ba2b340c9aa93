//! The stream manager behind the gateway, as it is deployed, for tests of what only both together do.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::http1;
use crate::stack::{Backend, Gateway};
use crate::websocket::Socket;

/// Both processes; the gateway's `web` is the door.
pub struct Whole {
    pub gateway: Gateway,
    pub backend: Backend,
}

impl Whole {
    /// Starts the stream manager with that environment, in that folder, and the gateway in front of it.
    pub async fn start(folder: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        let backend = Backend::start(folder, environment).await?;
        let gateway = Gateway::start(&routes(backend.api, backend.ws)).await?;
        Ok(Self { gateway, backend })
    }

    /// A WebSocket through the gateway.
    pub async fn socket(&self, target: &str) -> Result<Socket> {
        let path = format!("/api/stream/ws?target={target}");
        Socket::connect(self.gateway.web, &path).await
    }

    /// A GET through the gateway.
    pub async fn get(&self, path: &str) -> Result<http1::Response> {
        self.gateway.get("localhost", path).await
    }

    /// A control call through the gateway, whatever it answers.
    pub async fn post(&self, path: &str, body: &str) -> Result<http1::Response> {
        http1::post(self.gateway.web, "localhost", path, body).await
    }

    /// A control call that has to be acknowledged.
    pub async fn order(&self, path: &str, body: &str) -> Result<http1::Response> {
        let answer = self.post(path, body).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.text());
        Ok(answer)
    }

    /// `GET /api/stream/status`.
    pub async fn status(&self) -> Result<Value> {
        self.get("/api/stream/status").await?.json()
    }

    /// Fails when one of the two has ended.
    pub fn still_run(&mut self) -> Result<()> {
        self.gateway.process.still_runs()?;
        self.backend.process.still_runs()
    }
}

/// The routes of `traefik/dynamic/`, to these ports.
pub fn routes(api: u16, ws: u16) -> String {
    format!(
        "\
http:
  routers:
    socket: {{rule: 'Path(`/api/stream/ws`)', priority: 300, entryPoints: [web, websecure], service: ws}}
    api: {{rule: 'PathPrefix(`/api/stream/`)', priority: 250, entryPoints: [web, websecure], service: api}}
    page: {{rule: 'Path(`/test`) || PathPrefix(`/test/`)', priority: 100, entryPoints: [web, websecure], service: api}}
  services:
    api: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{api}'}}]}}}}
    ws: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{ws}'}}]}}}}
"
    )
}
