//! The stream manager's process: environment in, exit code out.

use std::ffi::OsString;
use std::process::ExitCode;

use backend::app;
use backend::config::Config;
use backend::observe::log;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Measured with ten thousand clients that came at once: less stays resident than with the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let read = Config::from_vars(vars());
    // The log comes first: mistakes in the environment are told there too. Nobody else can have made one before.
    let _ = log::install(log::Settings::from_vars(vars()));
    let (config, warnings) = match read {
        Ok(read) => read,
        Err(errors) => {
            for problem in errors.problems() {
                tracing::error!(
                    component = "config",
                    fatal = true,
                    variable = problem.variable,
                    "{problem}"
                );
            }
            return ExitCode::from(2);
        }
    };
    for warning in warnings {
        tracing::warn!(
            component = "config",
            variable = warning.variable,
            "{warning}"
        );
    }
    raise_file_limit();
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime can't be started");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(config)) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!(%error, "the stream manager can't start");
            ExitCode::FAILURE
        }
    }
}

/// Every client is a file. Distributions allow a process 1024 until it asks for more.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files can't be raised");
    }
}

/// The environment. What is not UTF-8 in it is replaced, and refused where it matters.
fn vars() -> impl Iterator<Item = (String, String)> {
    let text = |value: OsString| value.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// Runs until a signal asks for the end.
async fn run(config: Config) -> Result<ExitCode, app::StartError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut running = app::start(config).await?;
    let at = running.addresses();
    tracing::info!(
        api = %at.api,
        ws = %at.ws,
        metrics = %at.metrics,
        health = %at.health,
        "listening"
    );
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
        () = running.ended() => {
            tracing::error!("the stream manager ended by itself");
            return Ok(ExitCode::FAILURE);
        }
    };
    tracing::info!(signal = name, "shutting down");
    running.shutdown().await;
    tracing::info!("ended");
    Ok(ExitCode::SUCCESS)
}
