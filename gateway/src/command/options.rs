//! Options that subcommands have beside those of the gateway.

use std::io::Write as _;

use super::run::own_options;

/// Prints a result. Nobody who listens any more (`| head`) is no failure.
pub(super) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // There is nobody to tell.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Takes `--format` out, and the options that only the running gateway needs.
pub(super) fn split_format(args: Vec<String>) -> Result<(Format, Vec<String>), String> {
    let mut format = Format::Text;
    let mut rest = Vec::with_capacity(args.len());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match value_of("--format", &arg, &mut args) {
            None => rest.push(arg),
            Some(value) => {
                format = match value.as_str() {
                    "text" => Format::Text,
                    "json" => Format::Json,
                    other => return Err(format!("--format={other}: write text or json")),
                };
            }
        }
    }
    let (_, rest) = own_options(rest)?;
    Ok((format, rest))
}

/// The value of the option `name`, if `arg` is that: behind `=`, or the argument that follows.
pub(super) fn value_of(
    name: &str,
    arg: &str,
    args: &mut impl Iterator<Item = String>,
) -> Option<String> {
    let rest = arg.strip_prefix(name)?;
    match rest.strip_prefix('=') {
        Some(value) => Some(value.to_owned()),
        None if rest.is_empty() => Some(args.next().unwrap_or_default()),
        None => None,
    }
}
