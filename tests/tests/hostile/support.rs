//! A gateway with one strict upstream behind it, and what hostile clients do to it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sluice_tests::http1::Client;
use sluice_tests::poll;
use sluice_tests::recorder::Recorder;
use sluice_tests::stack::Gateway;
use sluice_tests::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What must never arrive: it is put behind messages whose end is in doubt.
pub(crate) const EVIL: &str = "GET /evil HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// The two of them.
pub(crate) struct Site {
    pub(crate) gateway: Gateway,
    pub(crate) upstream: Recorder,
}

/// Routes of `a.test` to that port.
pub(crate) fn routes(port: u16) -> String {
    format!(
        "\
http:
  routers:
    app: {{rule: 'Host(`a.test`)', service: app}}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
"
    )
}

impl Site {
    /// `a.test` leads to the upstream, which answers `fine`.
    pub(crate) async fn start() -> Result<Self> {
        Self::with(Recorder::fine().await?, routes, "", &[]).await
    }

    /// With routes, more of the install configuration, and options of the command line.
    pub(crate) async fn with(
        upstream: Recorder,
        dynamic: impl FnOnce(u16) -> String,
        install: &str,
        args: &[&str],
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let dynamic = dynamic(upstream.port);
        let gateway = Gateway::start_with(folder, &dynamic, install, args).await?;
        Ok(Self { gateway, upstream })
    }

    /// A connection to the plain entry point.
    pub(crate) async fn client(&self) -> Result<Client> {
        Client::connect(self.gateway.web).await
    }

    /// Sends the bytes and reads until the gateway closes.
    pub(crate) async fn until_closed(&self, bytes: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        until_closed(self.gateway.web, bytes.as_ref()).await
    }

    /// `bytes` are answered with one of `statuses` (0 is no answer at all) and the connection is closed; what stands behind
    /// them goes nowhere.
    pub(crate) async fn refuses(&self, bytes: impl AsRef<[u8]>, allowed: &[u16]) -> Result<()> {
        let bytes = bytes.as_ref();
        let shown = bytes.get(..bytes.len().min(200)).unwrap_or_default();
        let shown = shown.escape_ascii().to_string();
        let mut whole = bytes.to_vec();
        whole.extend_from_slice(EVIL.as_bytes());
        let answer = self.until_closed(&whole).await.context(shown.clone())?;
        let got = statuses(&answer);
        let fits = match got.as_slice() {
            [] => allowed.contains(&0),
            [only] => allowed.contains(only),
            _ => false,
        };
        ensure!(fits, "{shown}: answered {got:?}");
        self.no_evil().with_context(|| shown)
    }

    /// Nothing was smuggled, and nothing broken arrived.
    pub(crate) fn no_evil(&self) -> Result<()> {
        for seen in self.upstream.seen() {
            ensure!(!seen.line().contains("evil"), "smuggled: {seen:?}");
        }
        Ok(())
    }

    /// It still serves.
    pub(crate) async fn lives(&mut self) -> Result<()> {
        self.gateway.process.still_runs()?;
        let answer = self.gateway.get("a.test", "/lives").await?;
        ensure!(answer.status == 200, "no longer serves: {}", answer.status);
        self.no_evil()
    }
}

/// Sends the bytes and reads until the peer closes, a reset being a way to close.
pub(crate) async fn until_closed(port: u16, bytes: &[u8]) -> Result<Vec<u8>> {
    let stream = stream::plain(port).await?;
    let (mut read, mut write) = stream.into_split();
    let bytes = bytes.to_vec();
    // The answer may come, and the connection go, before all of it is sent.
    let sent = tokio::spawn(async move {
        let _ = write.write_all(&bytes).await;
        write
    });
    let answer = poll::soon("the end of the connection", async {
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        loop {
            match read.read(&mut piece).await {
                Ok(0) | Err(_) => return Ok(answer),
                Ok(count) => answer.extend_from_slice(&piece[..count]),
            }
        }
    })
    .await;
    sent.abort();
    answer
}

/// The status codes in a stream of answers.
pub(crate) fn statuses(answers: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answers);
    let codes = text.split("HTTP/1.1 ").skip(1);
    codes
        .filter_map(|answer| answer.get(..3)?.parse().ok())
        .collect()
}

/// Fails where it takes longer.
pub(crate) async fn within<T>(
    time: Duration,
    what: &str,
    future: impl Future<Output = Result<T>>,
) -> Result<T> {
    let result = tokio::time::timeout(time, future).await;
    result.with_context(|| format!("{what}: not within {time:?}"))?
}
