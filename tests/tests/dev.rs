//! `gateway dev`, the first command of the README, and the small commands beside it.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use sluice_tests::binaries;
use sluice_tests::dev::{self, Dev};
use sluice_tests::http1;
use sluice_tests::poll::PATIENCE;
use sluice_tests::process::{self, Process};
use sluice_tests::stack::Gateway;
use sluice_tests::tls;
use sluice_tests::websocket::Socket;

async fn socket(dev: &Dev) -> Result<Socket> {
    let tls = tls::Client::trusting(&dev.ca())?;
    let (stream, _) = tls.connect(dev.https, "localhost", &["http/1.1"]).await?;
    let url = format!("wss://localhost:{}/api/stream/ws?target=state", dev.https);
    Socket::over(stream, &url, &[]).await
}

#[tokio::test]
async fn one_command_is_a_working_edge_and_ctrl_c_ends_all_of_it() -> Result<()> {
    let mut dev = Dev::start().await?;
    for said in [
        format!("https://localhost:{}/test", dev.https),
        format!("http://localhost:{}/api/rawdata", dev.admin),
        format!("http://localhost:{}/dashboard/", dev.admin),
        format!("http://localhost:{}/metrics", dev.admin),
        dev.ca().display().to_string(),
    ] {
        dev.process.says(&said).await?;
    }
    assert_eq!(dev.get("/test").await?.status, 200);
    assert_eq!(
        http1::get(dev.admin, "localhost", "/ping").await?.text(),
        "OK"
    );
    let health = http1::get(dev.backend[3], "localhost", "/health").await?;
    assert_eq!(health.json()?["status"], "ok");

    let mut viewer = socket(&dev).await?;
    viewer.receive_type("welcome").await?;
    let answer = http1::post(dev.http, "localhost", "/api/stream/start", "").await?;
    assert_eq!(answer.json()?["data"]["isLive"], true);
    viewer
        .receive_where("the start", |message| {
            message["payload"]["stream"]["isLive"] == true
        })
        .await?;

    let key = dev.folder.path().join("certs/localhost.key");
    assert_eq!(std::fs::metadata(key)?.permissions().mode() & 0o777, 0o600);

    dev.process.signal(Signal::INT)?;
    let close = viewer.closed().await?.context("a close frame")?;
    assert_eq!(u16::from(close.code), 1012, "{}", close.reason);
    let status = dev.process.exit(Duration::from_secs(15)).await?;
    ensure!(status.success(), "{status}");

    // Again in the same place: the same authority, and the state of before.
    let ca = std::fs::read(dev.ca())?;
    let dev = Dev::start_in(dev.folder).await?;
    assert_eq!(std::fs::read(dev.ca())?, ca);
    let state = dev.get("/api/stream/state").await?.json()?;
    assert_eq!(state["isLive"], true, "{state}");
    Ok(())
}

#[tokio::test]
async fn ports_that_are_taken_are_named_with_the_option_that_changes_them() -> Result<()> {
    let taken = [
        TcpListener::bind(("127.0.0.1", 0))?,
        TcpListener::bind(("127.0.0.1", 0))?,
    ];
    let [https, ws] = [taken[0].local_addr()?, taken[1].local_addr()?];
    let folder = tempfile::tempdir()?;
    let mut command = dev::command(&folder)?;
    command.args(["--http-port=0", "--api-port=0", "--backend-port=0"]);
    command.args(["--backend-metrics-port=0", "--backend-health-port=0"]);
    command.arg(format!("--https-port={}", https.port()));
    command.arg(format!("--backend-ws-port={}", ws.port()));
    let mut process = Process::start("gateway dev", command)?;
    let status = process.exit(PATIENCE).await?;
    ensure!(!status.success(), "{status}");
    for (address, option) in [(https, "--https-port"), (ws, "--backend-ws-port")] {
        process.says(&address.to_string()).await?;
        let log = process.log();
        let line = log.lines().find(|line| line.contains(&address.to_string()));
        ensure!(line.is_some_and(|line| line.contains(option)), "{log}");
    }
    ensure!(!process.log().contains("--http-port"), "{}", process.log());
    Ok(())
}

#[test]
fn help_names_every_command_and_option() -> Result<()> {
    let gateway = binaries::gateway()?;
    let help = |arguments: &[&str]| -> Result<String> {
        let output = Command::new(&gateway).args(arguments).output()?;
        ensure!(output.status.success(), "{arguments:?}");
        Ok(String::from_utf8(output.stdout)?)
    };
    let text = help(&["--help"])?;
    for command in ["dev", "healthcheck", "version"] {
        ensure!(
            text.lines().any(|line| line.trim().starts_with(command)),
            "{command}"
        );
    }
    let text = help(&["dev", "--help"])?;
    for option in [
        "--http-port",
        "--https-port",
        "--api-port",
        "--backend-port",
        "--certs",
        "--config",
    ] {
        ensure!(text.contains(option), "{option}");
    }
    Ok(())
}

#[tokio::test]
async fn mistakes_on_the_command_line_are_explained() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (arguments, expected) in [
        (&["dev", "--htps-port=1"][..], "--https-port"),
        (&["dev", "--http-port=x"], "65535"),
        (&["dev", "--config=nowhere"], "nowhere"),
    ] {
        let mut command = process::command(binaries::gateway()?, folder.path());
        command.args(arguments);
        let mut process = Process::start("gateway dev", command)?;
        let status = process.exit(PATIENCE).await?;
        ensure!(!status.success(), "{arguments:?} is accepted");
        process.says(expected).await?;
    }
    Ok(())
}

#[tokio::test]
async fn healthcheck_tells_a_gateway_that_runs_from_one_that_does_not() -> Result<()> {
    let mut gateway = Gateway::start(&sluice_tests::whole::routes(1, 2)).await?;
    let ask = |folder: &std::path::Path| -> Result<bool> {
        let mut command = process::command(binaries::gateway()?, folder);
        let status = command
            .args(["healthcheck", "--configFile=traefik.yml"])
            .status()?;
        Ok(status.success())
    };
    ensure!(ask(gateway.path())?);
    gateway.process.kill().await?;
    ensure!(!ask(gateway.path())?);
    Ok(())
}
