//! Where the workspace's programs are; they are built once, on demand.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, anyhow};

/// A folder with ready-made `gateway` and `backend` binaries, so that nothing is built.
const FOLDER_VARIABLE: &str = "SLUICE_BIN_DIR";
/// Nearly as fast as `release`, and built in a fraction of the time.
const PROFILE: &str = "fast";

/// The workspace's root folder.
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// The gateway's program.
pub fn gateway() -> Result<PathBuf> {
    Ok(folder()?.join("gateway"))
}

/// The stream manager's program.
pub fn backend() -> Result<PathBuf> {
    Ok(folder()?.join("backend"))
}

fn folder() -> Result<&'static Path> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match FOLDER.get_or_init(find_or_build) {
        Ok(folder) => Ok(folder),
        Err(why) => Err(anyhow!("{why}")),
    }
}

fn find_or_build() -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE) {
        let folder = root().join(folder);
        return if folder.join("gateway").is_file() && folder.join("backend").is_file() {
            Ok(folder)
        } else {
            let folder = folder.display();
            Err(format!(
                "{FOLDER_VARIABLE}: no gateway and backend in {folder}"
            ))
        };
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--locked", "--profile", PROFILE])
        .args(["--package", "gateway", "--package", "backend", "--bins"])
        .current_dir(root())
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !status.success() {
        return Err(format!("cargo build --profile {PROFILE}: {status}"));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    Ok(root().join(target).join(PROFILE))
}
