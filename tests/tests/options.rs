//! No option is silently ignored: what a declaration in `gateway/src/config` names is used somewhere, or says that it is not.
//!
//! An option that nothing reads is marked `later` or `idle` (both warn whoever sets it), or its description says that it is
//! accepted and without effect. Read from the sources, as the compiler does not know what a reader means.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use sluice_tests::source::{self, Source};

/// Options below ones that are refused by name where they are used.
const REFUSED_WHOLE: [&str; 1] = ["Spiffe"];

/// One field of a section.
#[derive(Debug)]
struct Field {
    /// As code calls it.
    name: String,
    /// Names of types in its type.
    types: Vec<String>,
    key: String,
    traits: String,
    description: String,
}

impl Field {
    fn warns(&self) -> bool {
        let has = |word: &str| self.traits.split_whitespace().any(|known| known == word);
        has("later") || has("idle")
    }

    fn is_said_to_do_nothing(&self) -> bool {
        let said = self.description.to_lowercase();
        said.contains("without effect") || said.contains("accepted:")
    }
}

/// The sections that `object!` declares, by type.
fn sections(sources: &[Source]) -> BTreeMap<String, Vec<Field>> {
    let mut sections: BTreeMap<String, Vec<Field>> = BTreeMap::new();
    for source in sources {
        let mut section = String::new();
        let mut description = String::new();
        let mut pending = String::new();
        for line in source.text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("pub struct ") {
                name.trim_end_matches([' ', '{']).clone_into(&mut section);
            } else if let Some(words) = line.strip_prefix("///") {
                description.push_str(words);
            } else if line.contains("=> \"") {
                // A long declaration goes on in a second line.
                let begun = if line.starts_with("=>") {
                    pending.as_str()
                } else {
                    ""
                };
                let whole = format!("{begun}{line}");
                if let Some(mut field) = field(&whole) {
                    field.description = std::mem::take(&mut description);
                    sections.entry(section.clone()).or_default().push(field);
                }
                pending.clear();
            } else {
                line.clone_into(&mut pending);
                if line.is_empty() || line.ends_with(['{', '}']) {
                    description.clear();
                }
            }
        }
    }
    sections
}

/// `name: Type => "key" [traits] = default,`
fn field(line: &str) -> Option<Field> {
    let (declared, rest) = line.split_once("=> \"")?;
    let (name, ty) = declared.split_once(':')?;
    let (key, rest) = rest.split_once('"')?;
    let traits = rest.trim_start().strip_prefix('[');
    let traits = traits.and_then(|rest| rest.split(']').next());
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    Some(Field {
        name: name.trim().to_owned(),
        types: ty
            .split(|c| !is_word(c))
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
        key: key.to_owned(),
        traits: traits.unwrap_or_default().to_owned(),
        description: String::new(),
    })
}

/// The words of sources.
fn words(sources: &[&Source]) -> BTreeSet<String> {
    let texts = sources.iter().flat_map(|source| source.text.lines());
    let code = texts.filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_option_is_used_or_says_that_it_is_not() -> Result<()> {
    let all = source::below("gateway/src")?;
    let (config, others): (Vec<&Source>, Vec<&Source>) = all
        .iter()
        .filter(|source| !source.is_tests())
        .partition(|source| source.path.contains("/src/config/"));
    let declared = source::below("gateway/src/config")?;
    let sections = sections(&declared);
    let used = words(&others);
    let read_in_config = |field: &Field| {
        let member = format!(".{}", field.name);
        config.iter().any(|source| source.text.contains(&member))
    };
    let mut reached = BTreeSet::new();
    let mut open = vec!["Install".to_owned(), "Dynamic".to_owned()];
    let mut silent = Vec::new();
    while let Some(name) = open.pop() {
        let Some(fields) = sections.get(&name) else {
            continue;
        };
        if !reached.insert(name.clone()) || REFUSED_WHOLE.contains(&name.as_str()) {
            continue;
        }
        for field in fields.iter().filter(|field| !field.warns()) {
            let known = used.contains(&field.name) || read_in_config(field);
            if !known && !field.is_said_to_do_nothing() {
                silent.push(format!("{name}: {}", field.key));
            }
            open.extend(field.types.iter().cloned());
        }
    }
    ensure!(
        reached.len() > 60,
        "only {} sections were found",
        reached.len()
    );
    ensure!(
        silent.is_empty(),
        "read and never used; mark them `idle`, so that whoever sets them is told: {silent:#?}"
    );
    Ok(())
}
