//! Somebody who may come in, and why somebody may not.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Role;

/// Somebody who may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Tells one from another, as names need not: who is muted in chat stays so by whatever name.
    pub id: Arc<str>,
    /// For people and the log; never a secret.
    pub name: Arc<str>,
    pub role: Role,
    /// A peer of `AUTH_INTERNAL_CIDRS` calling directly.
    pub internal: bool,
    /// When what proves it ends, if ever.
    pub until: Option<Instant>,
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
    /// Somebody of that name, for as long as it likes.
    pub fn new(name: impl Into<Arc<str>>, role: Role) -> Self {
        let name = name.into();
        Self {
            id: Arc::clone(&name),
            name,
            role,
            internal: false,
            until: None,
        }
    }

    /// Somebody who was not asked, and may do nothing.
    pub fn nobody() -> Self {
        Self::new("nobody", Role::Viewer)
    }

    /// Whether what proves it has ended.
    pub fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now >= until)
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
