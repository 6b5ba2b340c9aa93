//! Every option that Traefik has: it is read in each spelling, or refused by name. None is silently ignored.

use super::*;
use crate::config::Problem;
use crate::config::decode::{Decoder, fill_section};
use crate::config::install::Install;

/// A value other than the option's default, in the form that it takes.
fn other_value(option: &OptionLine) -> &'static str {
    match option.kind {
        Kind::Switch if option.default == "true" => "false",
        Kind::Switch | Kind::Section => "true",
        _ if option.default == "7" => "8",
        _ => "7",
    }
}

/// One option with one value, as pairs of path and value.
fn pair(option: &OptionLine) -> Vec<(String, String)> {
    vec![(path_of(option), other_value(option).to_owned())]
}

/// Whether the option, or a section around it, is known and does nothing yet.
fn is_idle(options: &[OptionLine], name: &str) -> bool {
    let around = |outer: &str| {
        name.to_lowercase()
            .strip_prefix(&outer.to_lowercase())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    options
        .iter()
        .any(|option| option.idle && around(&option.name))
}

/// Whether the option is one of those that make up a list of sections (`domains` of `domains[0].main`).
fn is_list_of_sections(options: &[OptionLine], option: &OptionLine) -> bool {
    let below = format!("{}[n]", option.name);
    options.iter().any(|other| other.name.starts_with(&below))
}

fn decode(tree: &Node, dialect: Dialect) -> (Install, Vec<Problem>, Vec<Problem>) {
    let mut decoder = Decoder::new(dialect);
    let mut config = Install::default();
    fill_section(&mut config, tree, &mut decoder);
    (config, decoder.errors, decoder.warnings)
}

/// An install option in its three spellings, each as a tree.
fn spellings(pairs: &[(String, String)], options: &[OptionLine]) -> Vec<(String, Node, Dialect)> {
    let sections: Vec<&str> = Install::FIELDS.iter().map(|field| field.key).collect();
    let mut all = Vec::new();
    for (format, text) in files(pairs, options) {
        let tree = format.parse("file", &text).unwrap();
        all.push((text, tree, Dialect::File));
    }
    for (path, value) in pairs {
        // Names without case, and both `--` and `-`.
        for (dashes, path) in [("--", path.to_uppercase()), ("-", path.to_lowercase())] {
            let flag = format!("{dashes}{path}={value}");
            let parsed = flags::parse(std::slice::from_ref(&flag), options).unwrap();
            all.push((flag, parsed.tree, Dialect::Flat));
        }
        let name = path.replace("[0]", "_0").replace('.', "_").to_uppercase();
        let variable = (format!("TRAEFIK_{name}"), value.clone());
        let parsed = env::parse([variable], &sections).unwrap();
        all.push((name, parsed.expect("an option"), Dialect::Flat));
    }
    all
}

#[test]
fn every_install_option_is_read_or_refused_by_name() {
    let Some(list) = reference("static-options.tsv") else {
        return;
    };
    let options = install::options();
    let mut walked = 0;
    for line in list.lines().skip(1) {
        let [name, default, scope]: [&str; 3] =
            line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let name = name.replace("_name_", "<name>").replace("[0]", "[n]");
        let entry = name.strip_suffix(".<name>").unwrap_or(&name);
        walked += 1;
        let Some(option) = find(&options, &name).or_else(|| find(&options, entry)) else {
            assert_eq!(scope, "later", "{name} is unknown");
            refused(&name, &options);
            continue;
        };
        // Traefik's list shows a default of `true` for a switch that is off.
        let odd = name.ends_with(".tailscale");
        if scope == "core" && option.kind != Kind::Map && !odd {
            assert_eq!(option.default, default, "default of {name}");
        }
        if is_list_of_sections(&options, option) {
            // The options below it are in the list, too.
            continue;
        }
        if scope == "later" {
            refused(&name, &options);
        } else {
            read(&name, option, &options);
        }
    }
    assert!(walked > 500, "{walked} options");
}

/// It changes something in every spelling, and says so where nothing uses it yet.
fn read(name: &str, option: &OptionLine, options: &[OptionLine]) {
    let standalone = option.kind == Kind::Section && !option.empty;
    for (written, tree, dialect) in spellings(&pair(option), options) {
        let (config, errors, warnings) = decode(&tree, dialect);
        assert_eq!(errors.is_empty(), !standalone, "{written}: {errors:?}");
        if standalone {
            assert!(
                errors[0].message.contains("standalone"),
                "{written}: {errors:?}"
            );
            continue;
        }
        assert!(
            config != Install::default(),
            "{name}: {written} changed nothing"
        );
        let said = warnings
            .iter()
            .filter(|w| w.message.contains("not supported yet"));
        let expected = usize::from(is_idle(options, name));
        assert_eq!(said.count(), expected, "{written}: {warnings:?}");
        assert_eq!(warnings.len(), expected, "{written}: {warnings:?}");
    }
}

/// One warning that names it and says why, and nothing else happens.
fn refused(name: &str, options: &[OptionLine]) {
    let path = name.replace("<name>", "x").replace("[n]", "[0]");
    for (written, tree, dialect) in spellings(&[(path, "7".to_owned())], options) {
        let (mut config, errors, warnings) = decode(&tree, dialect);
        assert!(errors.is_empty(), "{written}: {errors:?}");
        // The section around it may be there, with nothing in it.
        config.experimental = config
            .experimental
            .filter(|section| *section != Default::default());
        assert_eq!(warnings.len(), 1, "{written}: {warnings:?}");
        let message = warnings[0].to_string();
        assert!(
            message.contains("not supported, and ignored: "),
            "{message}"
        );
        // The section that is left out, in whatever case it was written.
        let mut later = options.iter().filter(|option| option.later);
        let section = later.find(|option| name.starts_with(&option.name.to_lowercase()));
        let section = section
            .expect("an option that is left out")
            .name
            .to_lowercase();
        assert!(
            message.to_lowercase().contains(&section),
            "{section}: {message}"
        );
        assert_eq!(config, Install::default(), "{written}");
    }
}

#[test]
fn every_routing_option_is_read() {
    let Some(list) = reference("dynamic-options.txt") else {
        return;
    };
    let options = dynamic_options();
    let mut walked = 0;
    for line in list.lines() {
        walked += 1;
        // `servers[].url` is an option below a list; a list of single values is named without its end.
        let name = line.strip_suffix("[]").unwrap_or(line).replace("[]", "[n]");
        let name = name
            .strip_suffix(".plugin.<name>.<name>")
            .map_or(name.clone(), |rest| format!("{rest}.plugin.<name>"));
        // Maps of single values end with the name of an entry.
        let map = name.strip_suffix(".<name>").unwrap_or(&name);
        let option = find(&options, &name).or_else(|| find(&options, map));
        let option = option.unwrap_or_else(|| panic!("{line} is unknown"));
        let section_alone = option.kind == Kind::Section && !option.empty;
        let mut spelled = vec![(
            line.to_owned(),
            dynamic::from_tree(&tree(&pair(option)), Dialect::Flat),
        )];
        if !is_list_of_sections(&options, option) {
            for (format, text) in files(&pair(option), &options) {
                let parsed = dynamic::parse_text("file", &text, format);
                spelled.push((text, parsed));
            }
        }
        for (written, parsed) in spelled {
            match parsed {
                Ok(parsed) => {
                    assert!(
                        parsed.config != Dynamic::default(),
                        "{written} changed nothing"
                    );
                    let idle = is_idle(&options, &option.name);
                    let said = |problem: &Problem| problem.message.contains("not supported yet");
                    assert_eq!(parsed.warnings.iter().any(said), idle, "{written}");
                }
                Err(error) => assert!(section_alone, "{written}: {error}"),
            }
        }
    }
    assert!(walked > 250, "{walked} options");
}
