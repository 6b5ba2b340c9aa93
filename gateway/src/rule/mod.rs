//! Rules: the language in which routers say what they take.
//!
//! A rule goes through four steps, each in its own file: words (`lexer`), Go's expression grammar (`syntax`), matchers by
//! name (`ast`), and a tree that is tested against a request or a connection (`tree`, [`http`], [`tcp`]). The language
//! and the texts of its errors are those of Traefik v3 (`pkg/rules`, `pkg/muxer`), with `ruleSyntax: v2` beside v3.
//!
//! Knows nothing of routers, priorities between them, or where requests come from.

mod ast;
mod error;
mod host;
pub mod http;
mod ip;
mod keys;
mod lexer;
mod path;
mod query;
pub mod regexp;
mod secret;
mod syntax;
pub mod tcp;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tree;

pub use ast::{Call, Expr};
pub use error::{Position, RuleError};
pub use host::{HostPattern, canonical_host};
pub use ip::IpSet;
pub use keys::{HostKey, Keyed, PathKey, keys_of_host};
pub use path::{InvalidEncoding, routing_path};
pub use secret::is_secret;
pub use tree::{Explanation, Leaf, Test, Tree};

/// Which of the two languages a rule is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Syntax {
    V2,
    #[default]
    V3,
}

impl Syntax {
    /// The syntax that `ruleSyntax` or `core.defaultRuleSyntax` names; any other word means v3, as in Traefik.
    pub fn named(name: &str) -> Self {
        match name {
            "v2" => Self::V2,
            _ => Self::V3,
        }
    }
}
