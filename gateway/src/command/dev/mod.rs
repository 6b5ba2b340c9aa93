//! `gateway dev`: the local stack on this machine, TLS included, the stream manager in the same process.
//!
//! It reads the same files as `gateway --configFile=traefik/traefik.yml` would, starts the stream manager that they
//! lead to, and puts its options into what it read; nothing is written but certificates and the stream's state.

mod adapt;
mod announce;
pub mod ca;
mod manager;
mod options;
mod ports;
pub mod trust;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use self::adapt::Places;
use self::manager::Manager;
use self::options::Options;
use crate::app;
use crate::config::install::{Loaded, Outcome, load};
use anyhow::{Context as _, bail};

/// Runs until Ctrl-C or SIGTERM.
pub(super) fn run(args: &[String]) -> ExitCode {
    let options = match options::parse(args) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if options.help {
        print!("{}", options::HELP);
        return ExitCode::SUCCESS;
    }
    match stack(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway dev: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn stack(options: &Options) -> anyhow::Result<()> {
    let file = install_file(&options.config)?;
    let mut loaded = install(&file)?;
    adapt::install(&mut loaded.config, options)?;
    let settings = manager::settings(options)?;
    let mut wanted = ports::of_entry_points(&loaded.config, &file);
    wanted.extend(manager::ports(&settings));
    if let Some(problems) = ports::problems(&wanted) {
        bail!("{problems}");
    }
    let certificates = ca::ensure(&options.certs)?;
    app::log::start(loaded.config.log.as_ref());

    let manager = Rc::new(Manager::start(settings)?);
    let places = Places {
        certs: options.certs.clone(),
        api: manager.addresses().api,
        ws: manager.addresses().ws,
    };
    let mut run = app::Options {
        adapt: Some(Rc::new(move |config| places.put_into(config))),
        ..app::Options::default()
    };
    run.workers = options.workers.unwrap_or(run.workers);
    let (install, addresses) = (loaded.config.clone(), manager.addresses());
    run.listening = Some(Rc::new(move |entries| {
        println!(
            "{}",
            announce::text(&install, entries, addresses, &certificates)
        );
    }));

    // The stream manager says goodbye to its viewers first; then no tunnel keeps the gateway waiting.
    let leaving = Rc::clone(&manager);
    let farewell: app::Farewell = Box::pin(async move {
        leaving.shutdown().await;
    });
    let result = app::run(loaded, &run, Some(farewell));
    manager.shutdown_blocking()?;
    result
}

/// `traefik.yml` or one of its other names, in that folder.
fn install_file(folder: &Path) -> anyhow::Result<PathBuf> {
    let names = ["traefik.yml", "traefik.yaml", "traefik.toml"];
    let found = names
        .map(|name| folder.join(name))
        .into_iter()
        .find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "no traefik.yml in {}; start in the folder that has it, or name the folder with --config DIR",
            std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).display()
        )
    })
}

fn install(file: &Path) -> anyhow::Result<Loaded> {
    let flag = format!("--configFile={}", file.display());
    match load(&[flag], [])? {
        Outcome::Run(loaded) => Ok(*loaded),
        Outcome::Help(_) => bail!("{}: no configuration", file.display()),
    }
}
