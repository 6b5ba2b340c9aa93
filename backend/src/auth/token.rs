//! Tokens of `STREAM_API_TOKENS`.

use std::sync::Arc;

use super::{Identity, Role};
use crate::config::{ApiToken, Secret};

#[derive(Debug)]
pub(super) struct Tokens(Vec<(Arc<str>, Role, Secret)>);

impl Tokens {
    pub(super) fn new(tokens: &[ApiToken]) -> Self {
        let token = |token: &ApiToken| {
            (
                Arc::from(token.name.as_str()),
                token.role,
                token.secret.clone(),
            )
        };
        Self(tokens.iter().map(token).collect())
    }

    /// Whose token it is.
    pub(super) fn find(&self, given: &str) -> Option<Identity> {
        let mut found = None;
        // All are compared, so that the time says nothing about which one it was.
        for (name, role, secret) in &self.0 {
            if same(secret.expose().as_bytes(), given.as_bytes()) {
                found = Some((name, *role));
            }
        }
        found.map(|(name, role)| Identity::new(Arc::clone(name), role))
    }
}

/// Comparison whose time depends on the length alone.
fn same(secret: &[u8], given: &[u8]) -> bool {
    let differences = secret
        .iter()
        .zip(given)
        .fold(0, |differences, (a, b)| differences | (a ^ b));
    std::hint::black_box(differences) == 0 && secret.len() == given.len() && !secret.is_empty()
}
