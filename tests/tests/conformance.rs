//! Black-box cases recorded from Traefik, where they are at hand: `$SLUICE_SHARED/conformance`, by default `../shared`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sluice_tests::binaries::{self, root};

/// The folder of the runner; without it there is nothing to check against.
fn folder() -> Option<PathBuf> {
    let shared =
        std::env::var_os("SLUICE_SHARED").map_or_else(|| "../shared".into(), PathBuf::from);
    // The runner knows cases by their whole path.
    let folder = root()
        .join(shared)
        .join("conformance")
        .canonicalize()
        .ok()?;
    folder.join("run.py").is_file().then_some(folder)
}

/// Said even where the test harness keeps the output of tests that pass.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Checks one folder of cases: at least `floor` in a hundred have to be as recorded.
fn check(cases: &str, floor: usize) -> Result<()> {
    let Some(folder) = folder() else {
        say(&format!(
            "conformance {cases}: SKIPPED, no conformance/run.py in $SLUICE_SHARED or ../shared"
        ));
        return Ok(());
    };
    let output = Command::new("python3")
        .arg(folder.join("run.py"))
        .args(["check", "-q", "--second-look", "--by-design"])
        .arg(root().join("tests/by-design.txt"))
        .arg("--gateway")
        .arg(binaries::gateway()?)
        .arg(folder.join("cases").join(cases))
        .output()
        .context("cannot start python3")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let closing = text.lines().rfind(|line| line.starts_with("conformance: "));
    let closing = closing.with_context(|| format!("no closing line: {text}{errors}"))?;
    say(&format!("{cases}: {closing}"));
    let (passed, failed) = counts(closing).with_context(|| closing.to_owned())?;
    ensure!(passed + failed > 0, "no case was found in {cases}");
    ensure!(
        passed * 100 >= (passed + failed) * floor,
        "{cases}: fewer than {floor} in a hundred are as recorded\n{text}"
    );
    Ok(())
}

/// Of `conformance: 3 passed, 1 failed`, with more or less behind it.
fn counts(closing: &str) -> Option<(usize, usize)> {
    let mut parts = closing.strip_prefix("conformance: ")?.split(", ");
    let passed = parts.next()?.strip_suffix(" passed")?.parse().ok()?;
    let failed = parts.next()?.strip_suffix(" failed")?.parse().ok()?;
    Some((passed, failed))
}

#[test]
fn http() -> Result<()> {
    check("http", 100)
}

#[test]
fn routing() -> Result<()> {
    check("routing", 100)
}

#[test]
fn forwarding() -> Result<()> {
    check("forwarding", 90)
}

#[test]
fn hostile() -> Result<()> {
    check("hostile", 100)
}

#[test]
fn entrypoints() -> Result<()> {
    check("entrypoints", 100)
}

#[test]
fn closing_lines_are_read() {
    assert_eq!(counts("conformance: 30 passed, 2 failed"), Some((30, 2)));
    assert_eq!(
        counts("conformance: 1 passed, 0 failed, 4 skipped"),
        Some((1, 0))
    );
    assert_eq!(counts("conformance: none"), None);
}
