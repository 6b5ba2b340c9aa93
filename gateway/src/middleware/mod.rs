//! Middlewares: what stands between a router and its service. One file each.
//!
//! To add one, write its file and name it here: once as a module, once in `filters!` or `wrappers!`.
//! `docs/adding-a-middleware.md` shows how.

mod build;
mod chain;
mod filter;
mod wrapper;

mod add_prefix;
mod errors;
mod headers;
mod redirect_regex;
mod redirect_scheme;
mod replace_path;
mod replace_path_regex;
mod retry;
mod strip_prefix;
mod strip_prefix_regex;

#[cfg(test)]
mod testing;

pub use build::{Built, FindService, Site, assemble, build};
pub use chain::Chain;

filter::filters! {
    add_prefix: add_prefix::AddPrefix,
    headers: headers::Headers,
    redirect_regex: redirect_regex::RedirectRegex,
    redirect_scheme: redirect_scheme::RedirectScheme,
    replace_path: replace_path::ReplacePath,
    replace_path_regex: replace_path_regex::ReplacePathRegex,
    strip_prefix: strip_prefix::StripPrefix,
    strip_prefix_regex: strip_prefix_regex::StripPrefixRegex,
}

wrapper::wrappers! {
    errors: errors::Errors,
    retry: retry::Retry,
}
