//! The README says only what is so: its commands, files and links exist.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use sluice_tests::binaries::root;

const DOCUMENTS: [&str; 4] = [
    "README.md",
    "docs/ARCHITECTURE.md",
    "docs/check-and-explain.md",
    "certs/README.md",
];

fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| path.to_owned())
}

/// The lines of its fenced blocks that are marked as shell.
fn commands(text: &str) -> Vec<&str> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside && (line == "```sh");
        } else if inside && !line.trim().is_empty() && !line.starts_with('#') {
            found.push(line.trim());
        }
    }
    found
}

#[test]
fn the_first_two_commands_are_run_and_test() -> Result<()> {
    let text = read("README.md")?;
    let commands = commands(&text);
    assert_eq!(commands.first(), Some(&"cargo run --release -- dev"));
    assert_eq!(commands.get(1), Some(&"tests/run.sh"));
    Ok(())
}

#[test]
fn programs_that_are_called_exist() -> Result<()> {
    for document in DOCUMENTS {
        for line in commands(&read(document)?) {
            let words = line.split_whitespace();
            let mut words = words.skip_while(|word| word.contains('=') && !word.starts_with('-'));
            let program = words.next().unwrap_or_default();
            if program.starts_with("./") || program.contains('/') && !program.starts_with("target/")
            {
                assert!(root().join(program).is_file(), "{document}: {line}");
            }
        }
    }
    Ok(())
}

#[test]
fn subcommands_that_are_named_exist() -> Result<()> {
    let help = Command::new(sluice_tests::binaries::gateway()?)
        .arg("--help")
        .output()?;
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for line in commands(&read("README.md")?) {
        let arguments = line
            .strip_prefix("cargo run --release -- ")
            .or_else(|| line.strip_prefix("target/release/gateway "));
        let Some(word) = arguments.and_then(|text| text.split_whitespace().next()) else {
            continue;
        };
        let (word, _) = word.split_once('=').unwrap_or((word, ""));
        assert!(
            help.to_ascii_lowercase()
                .contains(&word.to_ascii_lowercase()),
            "{line}: {word} is not in the gateway's help"
        );
    }
    Ok(())
}

#[test]
fn links_and_pictures_lead_to_files() -> Result<()> {
    for document in DOCUMENTS {
        let folder = Path::new(document).parent().unwrap_or(Path::new(""));
        for part in read(document)?.split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                assert!(
                    root().join(folder).join(target).exists(),
                    "{document}: {target}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn rooms_of_the_code_map_exist() -> Result<()> {
    let text = read("docs/ARCHITECTURE.md")?;
    for package in ["gateway", "backend"] {
        let source = root().join(package).join("src");
        for entry in fs::read_dir(source)? {
            let path = entry?.path();
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !["lib", "main"].contains(&name.as_str()) {
                assert!(
                    text.contains(&format!("`{name}`")),
                    "{package}: {name} is not in the code map"
                );
            }
        }
    }
    Ok(())
}
