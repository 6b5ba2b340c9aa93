//! The command line in Traefik's spelling: `--a.b=c`, `-a.b c`, a bare boolean, names without case.

use super::flat::Builder;
use crate::config::decode::Kind;
use crate::config::describe::OptionLine;
use crate::config::error::{ConfigErrors, Problem};
use crate::config::tree::{Node, Position};

/// What problems call the place of what is no flag.
pub const COMMAND_LINE: &str = "command line";

/// A command line, taken apart.
#[derive(Debug)]
pub struct Flags {
    /// The options, without those below.
    pub tree: Node,
    /// `--configFile`
    pub config_file: Option<String>,
    /// `--help` or `-h`
    pub help: bool,
    pub warnings: Vec<Problem>,
}

/// Takes the arguments apart. The options' types say which flags need no value.
pub fn parse(args: &[String], options: &[OptionLine]) -> Result<Flags, ConfigErrors> {
    let mut values: Vec<(String, String)> = Vec::new();
    let mut warnings = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let name = match arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')) {
            Some("") | None => {
                if arg != "--" {
                    let message = format!("{arg:?} is no flag; it and what follows it is ignored");
                    warnings.push(problem(COMMAND_LINE, message));
                }
                break;
            }
            Some(name) if name.starts_with(['-', '=']) => {
                return Err(ConfigErrors(vec![problem(
                    COMMAND_LINE,
                    format!("bad flag syntax: {arg}"),
                )]));
            }
            Some(name) => name,
        };
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None if needs_value(name, options) => (name, args.next().cloned()),
            None => (name, Some("true".to_owned())),
        };
        let Some(value) = value else {
            let message = "the flag needs a value; write --name=value";
            return Err(ConfigErrors(vec![problem(
                &format!("flag --{name}"),
                message,
            )]));
        };
        put(&mut values, name, value, options);
    }
    collect(values, warnings)
}

fn problem(source: &str, message: impl Into<String>) -> Problem {
    Problem {
        at: Position::named(source),
        path: String::new(),
        message: message.into(),
        hint: None,
    }
}

/// A list that is given twice is one longer list; of other options the last value counts.
fn put(values: &mut Vec<(String, String)>, name: &str, value: String, options: &[OptionLine]) {
    match values
        .iter_mut()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
    {
        Some((_, old)) if kind(name, options) == Some(Kind::List) => {
            old.push(',');
            old.push_str(&value);
        }
        Some((_, old)) => *old = value,
        None => values.push((name.to_owned(), value)),
    }
}

fn collect(values: Vec<(String, String)>, warnings: Vec<Problem>) -> Result<Flags, ConfigErrors> {
    let mut builder = Builder::new(COMMAND_LINE);
    let (mut config_file, mut help) = (None, false);
    for (name, value) in values {
        match name.to_ascii_lowercase().as_str() {
            "configfile" => config_file = Some(value),
            "help" | "h" => help = true,
            _ => builder.add(
                &name,
                '.',
                &Position::named(format!("flag --{name}")),
                &value,
            ),
        }
    }
    Ok(Flags {
        tree: builder.finish()?,
        config_file,
        help,
        warnings,
    })
}

fn needs_value(name: &str, options: &[OptionLine]) -> bool {
    if name.eq_ignore_ascii_case("help") || name.eq_ignore_ascii_case("h") {
        return false;
    }
    !matches!(
        kind(name, options),
        Some(Kind::Switch | Kind::Section | Kind::Anything)
    )
}

/// What sort of value an option takes; `None` for an unknown option.
fn kind(name: &str, options: &[OptionLine]) -> Option<Kind> {
    options
        .iter()
        .find(|option| is_named(&option.name, name))
        .map(|option| option.kind)
}

/// Whether a name as given fits an option's name with its `<name>` and `[n]`.
pub fn is_named(option: &str, given: &str) -> bool {
    let mut given = given.split('.');
    let fits = option.split('.').all(|pattern| {
        given
            .next()
            .is_some_and(|part| match pattern.strip_suffix("[n]") {
                _ if pattern == "<name>" => true,
                Some(list) => part
                    .split_once('[')
                    .is_some_and(|(part, _)| part.eq_ignore_ascii_case(list)),
                None => part.eq_ignore_ascii_case(pattern),
            })
    });
    fits && given.next().is_none()
}
