//! Tokens of `STREAM_API_TOKENS`.

use std::sync::Arc;

use http::HeaderMap;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};

use super::Role;
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

    /// Whose token the request carries. `None`: it carries none.
    pub(super) fn find(&self, headers: &HeaderMap) -> Option<Result<(Arc<str>, Role), ()>> {
        let given = given(headers)?;
        let mut found = Err(());
        // All are compared, so that the time says nothing about which one it was.
        for (name, role, secret) in &self.0 {
            if same(secret.expose().as_bytes(), given.as_bytes()) {
                found = Ok((Arc::clone(name), *role));
            }
        }
        Some(found)
    }
}

/// `Authorization: Bearer T`, `X-API-Key: T`, or the subprotocol `bearer.T`, which is all that a browser can send.
fn given(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let key = || headers.get("x-api-key")?.to_str().ok().map(str::trim);
    let subprotocol = || {
        let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .find_map(|name| name.trim().strip_prefix("bearer."))
    };
    bearer.or_else(key).or_else(subprotocol)
}

/// Comparison whose time depends on the length alone.
fn same(secret: &[u8], given: &[u8]) -> bool {
    let differences = secret
        .iter()
        .zip(given)
        .fold(0, |differences, (a, b)| differences | (a ^ b));
    std::hint::black_box(differences) == 0 && secret.len() == given.len() && !secret.is_empty()
}
