//! The stream test page in Debian's Chromium, through the gateway: what a person sees who opens it.
//!
//! `tests/browser/page.mjs` drives the browser; `npm ci --prefix tests/browser` installs what it needs, `tests/run.sh`
//! does all of it.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use sluice_tests::binaries::root;
use sluice_tests::dev::Dev;
use sluice_tests::process::{self, Process};
use sluice_tests::stack::{Backend, Gateway};
use sluice_tests::tls::Authority;
use sluice_tests::whole::routes;
use sluice_tests::{poll, ports};

/// A browser starts slowly on a busy machine of two cores.
const PATIENCE: Duration = Duration::from_secs(120);
/// Where a picture of the page is left, if this is set.
const PICTURE: &str = "SLUICE_PAGE_PICTURE";

fn browser(scenario: &str, url: &str) -> Result<std::process::Command> {
    let folder = root().join("tests/browser");
    ensure!(
        folder.join("node_modules/playwright-core").is_dir(),
        "the browser's driver is missing; run: npm ci --prefix tests/browser"
    );
    let mut command = process::command("node", &folder);
    command.args(["page.mjs", scenario, url]);
    Ok(command)
}

/// Runs to its end and has to say `ok`.
async fn succeeds(mut process: Process) -> Result<()> {
    let status = process.exit(PATIENCE).await?;
    if !status.success() {
        bail!("the browser's scenario failed: {status}");
    }
    Ok(())
}

async fn says(process: &mut Process, line: &str) -> Result<()> {
    poll::until_true(
        &format!("the browser saying {line}"),
        PATIENCE,
        async || {
            let said = process.log().lines().any(|said| said == line);
            if !said {
                process.still_runs().context("before it said so")?;
            }
            Ok(said)
        },
    )
    .await
}

#[tokio::test]
async fn page_of_the_local_stack_connects_and_starts_the_stream() -> Result<()> {
    let dev = Dev::start().await?;
    let url = format!("https://localhost:{}/test", dev.https);
    let mut command = browser("start", &url)?;
    if let Some(picture) = std::env::var_os(PICTURE) {
        command.arg(root().join(picture));
    }
    succeeds(Process::start("browser", command)?).await
}

#[tokio::test]
async fn two_people_see_layers_preview_and_chat_on_the_page() -> Result<()> {
    let dev = Dev::start().await?;
    let url = format!("https://localhost:{}/test", dev.https);
    succeeds(Process::start("browser", browser("channels", &url)?)?).await
}

/// A stream manager, and a gateway with TLS for `localhost` in front of it, whose WebSocket goes to `ws`, or to its own.
async fn behind_tls(environment: &[(&str, &str)], ws: Option<u16>) -> Result<Stack> {
    let data = tempfile::tempdir()?;
    let backend = Backend::start(data.path(), environment).await?;
    let folder = tempfile::tempdir()?;
    let authority = Authority::new(folder.path())?;
    authority.sign("localhost")?;
    let dynamic = with_certificate(&routes(backend.api, ws.unwrap_or(backend.ws)));
    let gateway = Gateway::start_in(folder, &dynamic, "").await?;
    let url = format!("https://localhost:{}/test", gateway.websecure);
    Ok(Stack {
        _data: data,
        backend,
        gateway,
        url,
    })
}

struct Stack {
    _data: tempfile::TempDir,
    backend: Backend,
    gateway: Gateway,
    url: String,
}

fn with_certificate(routes: &str) -> String {
    format!(
        "{routes}tls:\n  certificates:\n    - {{certFile: localhost.crt, keyFile: localhost.key}}\n"
    )
}

#[tokio::test]
async fn two_people_chat_on_the_page_and_a_moderator_moderates() -> Result<()> {
    let tokens = "ada:viewer:secret-of-ada,bob:viewer:secret-of-bob,mod:moderator:secret-of-mod";
    let stack = behind_tls(
        &[("AUTH_MODE", "token"), ("STREAM_API_TOKENS", tokens)],
        None,
    )
    .await?;
    succeeds(Process::start(
        "browser",
        browser("moderation", &stack.url)?,
    )?)
    .await
}

#[tokio::test]
async fn page_polls_while_there_is_no_websocket() -> Result<()> {
    // Nobody listens there.
    let stack = behind_tls(&[], Some(ports::free()?)).await?;
    let mut process = Process::start_listening("browser", browser("polling", &stack.url)?)?;
    says(&mut process, "polling").await?;
    let routes = routes(stack.backend.api, stack.backend.ws);
    stack.gateway.reconfigure(&with_certificate(&routes))?;
    process.tell("go")?;
    succeeds(process).await
}

#[tokio::test]
async fn page_connects_again_by_itself_after_the_stream_manager_died() -> Result<()> {
    let mut stack = behind_tls(&[], None).await?;
    let mut process = Process::start_listening("browser", browser("reconnect", &stack.url)?)?;
    says(&mut process, "connected").await?;
    stack.backend.process.kill().await?;
    process.tell("gone")?;
    says(&mut process, "lost").await?;
    stack.backend.restart().await?;
    process.tell("back")?;
    says(&mut process, "reconnected").await?;
    succeeds(process).await
}
