//! The workspace's own source files, parsed, for the tests that hold them to the house's rules.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, File, Item};

use crate::binaries::root;

/// One `.rs` file.
pub struct Source {
    /// Relative to the workspace, with `/`.
    pub path: String,
    pub text: String,
    /// Without what exists for tests only.
    pub code: File,
    /// Lines up to the tests at its end, all lines where there are none.
    pub lines: usize,
}

/// All sources below a folder of the workspace, by path. A folder that does not exist has none.
pub fn below(folder: &str) -> Result<Vec<Source>> {
    let mut paths = Vec::new();
    collect(&root().join(folder), &mut paths)?;
    paths.sort();
    paths.iter().map(|path| Source::read(path)).collect()
}

impl Source {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)?;
        let name = path
            .strip_prefix(root())?
            .to_string_lossy()
            .replace('\\', "/");
        let mut code = syn::parse_file(&text).with_context(|| name.clone())?;
        let lines = lines_before_tests(&code, &text);
        WithoutTests.visit_file_mut(&mut code);
        Ok(Self {
            path: name,
            text,
            code,
            lines,
        })
    }

    /// Whether the whole file is a test module.
    pub fn is_tests(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The modules it is, from the crate's root on: `src/http/body.rs` is `http`, `body`.
    pub fn module(&self) -> Vec<&str> {
        let (_, inside) = self.path.split_once("/src/").unwrap_or_default();
        let mut names: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
        if matches!(names.last(), Some(&("mod" | "lib" | "main"))) {
            names.pop();
        }
        names
    }

    /// Every path written from the crate's root, as the names after `crate`, groups taken apart; `super` is resolved.
    pub fn crate_paths(&self) -> Vec<Vec<String>> {
        let module = self.module();
        let mut found = Vec::new();
        walk(self.code.to_token_stream(), &module, &mut found);
        found
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    Ok(())
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        list.is_ok_and(|list| list.path.is_ident("cfg") && list.tokens.to_string() == "test")
    })
}

fn lines_before_tests(code: &File, text: &str) -> usize {
    let tests = code.items.iter().find_map(|item| match item {
        Item::Mod(module) if is_for_tests(&module.attrs) => Some(module.span().start().line - 1),
        _ => None,
    });
    tests.unwrap_or_else(|| text.lines().count())
}

struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut File) {
        file.items.retain(|item| !is_test_item(item));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_test_item(item));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }
}

fn is_test_item(item: &Item) -> bool {
    match item {
        Item::Mod(item) => is_for_tests(&item.attrs),
        Item::Fn(item) => is_for_tests(&item.attrs),
        Item::Use(item) => is_for_tests(&item.attrs),
        Item::Impl(item) => is_for_tests(&item.attrs),
        Item::Struct(item) => is_for_tests(&item.attrs),
        _ => false,
    }
}

/// Looks through tokens rather than the syntax tree, so that what is inside macros counts too.
fn walk(tokens: TokenStream, module: &[&str], found: &mut Vec<Vec<String>>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Group(group) => walk(group.stream(), module, found),
            TokenTree::Ident(ident) if !after_colons(&tokens, at) => {
                if let Some((prefix, next)) = start_of_path(&ident.to_string(), &tokens, at, module)
                {
                    rest_of_path(&tokens, next, prefix, found);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    let colon =
        |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    colon(at) && colon(at + 1)
}

fn after_colons(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && is_colons(tokens, at - 2)
}

/// `crate` or a chain of `super`: the absolute module it names, and where the path goes on.
fn start_of_path(
    first: &str,
    tokens: &[TokenTree],
    at: usize,
    module: &[&str],
) -> Option<(Vec<String>, usize)> {
    let (mut ups, mut next) = (0, at + 1);
    match first {
        "crate" => return Some((Vec::new(), next)),
        "super" => ups += 1,
        _ => return None,
    }
    while is_colons(tokens, next)
        && matches!(tokens.get(next + 2), Some(TokenTree::Ident(ident)) if ident == "super")
    {
        ups += 1;
        next += 3;
    }
    let kept = module.len().checked_sub(ups)?;
    let prefix = module
        .iter()
        .take(kept)
        .map(|name| (*name).to_owned())
        .collect();
    Some((prefix, next))
}

fn rest_of_path(
    tokens: &[TokenTree],
    mut at: usize,
    mut path: Vec<String>,
    found: &mut Vec<Vec<String>>,
) {
    while is_colons(tokens, at) {
        match tokens.get(at + 2) {
            Some(TokenTree::Ident(ident)) => path.push(ident.to_string()),
            Some(TokenTree::Group(group)) => {
                let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                let comma = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
                for part in tokens.split(comma) {
                    if let Some(TokenTree::Ident(ident)) = part.first() {
                        let mut path = path.clone();
                        path.push(ident.to_string());
                        rest_of_path(part, 1, path, found);
                    }
                }
                return;
            }
            _ => break,
        }
        at += 3;
    }
    if !path.is_empty() {
        found.push(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(module: &[&str], text: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let tokens = text.parse().map_err(|error| anyhow::anyhow!("{error}"))?;
        walk(tokens, module, &mut found);
        Ok(found.iter().map(|path| path.join("::")).collect())
    }

    #[test]
    fn finds_uses_groups_macros_and_supers() -> Result<()> {
        let text = "use crate::{net::Stream, http::{Body, body as b}}; fn f() { info!(crate::rule::x()); super::super::net::y(); super::z() }";
        assert_eq!(
            paths(&["http", "body"], text)?,
            [
                "net::Stream",
                "http::Body",
                "http::body",
                "rule::x",
                "net::y",
                "http::z"
            ]
        );
        // Other crates' modules of the same name are none of ours.
        assert!(paths(&["http"], "use other::crate_name::net; ::http::x()")?.is_empty());
        Ok(())
    }
}
