//! Sizes and habits that a machine can check: files, functions, doors, first lines, and lints switched off.
//!
//! What is over a limit for a reason stands in `tidy-exceptions.txt`, which may only shrink: an entry that nothing needs
//! any more fails the test as well.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};
use sluice_tests::binaries::root;
use sluice_tests::source::{self, Source};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

const FOLDERS: [&str; 5] = ["gateway", "backend", "tests", "fuzz", "examples"];
/// Lines of a file before its tests.
const FILE: usize = 600;
/// Lines of a `mod.rs`: it is the door of a room, not the room.
const DOOR: usize = 150;
/// Lines of a function from its signature to its last brace.
const FUNCTION: usize = 60;

#[test]
fn sources_are_tidy() -> Result<()> {
    let mut found = BTreeSet::new();
    for folder in FOLDERS {
        for source in source::below(folder)? {
            // Built, not written.
            if !source.path.contains("/target/") {
                check(&source, &mut found);
            }
        }
    }
    let exceptions = exceptions()?;
    let new: Vec<_> = found.difference(&exceptions).collect();
    let needless: Vec<_> = exceptions.difference(&found).collect();
    assert!(new.is_empty(), "untidy: {new:#?}");
    assert!(
        needless.is_empty(),
        "remove from tests/tidy-exceptions.txt what no longer needs an exception: {needless:#?}"
    );
    Ok(())
}

fn check(source: &Source, found: &mut BTreeSet<String>) {
    let path = &source.path;
    if !source.text.starts_with("//! ") {
        found.insert(format!("{path}: first line says what the file is for"));
    }
    let door = path.ends_with("/mod.rs");
    let limit = if door { DOOR } else { FILE };
    if !source.is_tests() && source.lines > limit {
        found.insert(format!("{path}: over {limit} lines"));
    }
    let mut visitor = Functions { path, found };
    visitor.visit_file(&source.code);
    // Whole files of tests may do what test modules may.
    if !source.is_tests() && !path.starts_with("tests/") {
        let mut visitor = Switches { path, found };
        visitor.visit_file(&source.code);
    }
}

fn exceptions() -> Result<BTreeSet<String>> {
    let path = root().join("tests/tidy-exceptions.txt");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let lines = text.lines().map(str::trim);
    Ok(lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect())
}

struct Functions<'a> {
    path: &'a str,
    found: &'a mut BTreeSet<String>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let lines = block.span().end().line + 1 - signature.span().start().line;
        if lines > FUNCTION {
            let name = &signature.ident;
            self.found
                .insert(format!("{}: fn {name} over {FUNCTION} lines", self.path));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

/// Panicking shortcuts are denied by clippy; nobody may quietly allow them again.
struct Switches<'a> {
    path: &'a str,
    found: &'a mut BTreeSet<String>,
}

impl<'ast> Visit<'ast> for Switches<'_> {
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let Ok(list) = attribute.meta.require_list() else {
            return;
        };
        let text = list.tokens.to_string();
        let switch = list.path.is_ident("allow") || list.path.is_ident("expect");
        for lint in [
            "unwrap_used",
            "expect_used",
            "unsafe_code",
            "await_holding_lock",
        ] {
            if switch && text.contains(lint) {
                self.found
                    .insert(format!("{}: switches off {lint}", self.path));
            }
        }
    }
}
