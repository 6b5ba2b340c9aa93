//! Somebody who may come in, and why somebody may not.

use std::sync::Arc;

use crate::config::Role;

/// Somebody who may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// For the log; never a secret.
    pub name: Arc<str>,
    pub role: Role,
    /// A peer of `AUTH_INTERNAL_CIDRS` calling directly.
    pub internal: bool,
}

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// 401: no proof of identity, or a wrong one.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// 403: known, or not asked, but not allowed.
    #[error("{0}")]
    Forbidden(&'static str),
}

impl Identity {
    /// Somebody who was not asked, and may do nothing.
    pub fn nobody() -> Self {
        Self {
            name: "nobody".into(),
            role: Role::Viewer,
            internal: false,
        }
    }

    /// Whether the role is enough.
    ///
    /// # Errors
    /// It is too low.
    pub fn at_least(&self, role: Role) -> Result<(), Denied> {
        if self.role >= role {
            return Ok(());
        }
        Err(Denied::Forbidden("Your role does not allow this"))
    }
}
