//! Why a request is not let in, and what its client is told of that.

use ::http::StatusCode;

use super::super::credential;
use super::super::filter::Outcome;

/// Why a request is not let in.
#[derive(Clone, Copy)]
pub(super) enum No {
    /// It has no token.
    Nothing,
    /// Its token does not count.
    Wrong(&'static str),
    /// Its token counts, but not for this.
    Forbidden,
    /// There are no keys, so nobody knows.
    Unknown,
}

/// The answer tells no more than RFC 6750 section 3.1 asks for; why is in the log.
pub(super) fn refuse(no: No) -> Outcome<()> {
    let (challenge, status, why) = match no {
        No::Nothing => ("Bearer", StatusCode::UNAUTHORIZED, "there is none"),
        No::Wrong(why) => (
            "Bearer error=\"invalid_token\"",
            StatusCode::UNAUTHORIZED,
            why,
        ),
        No::Forbidden => (
            "Bearer error=\"insufficient_scope\"",
            StatusCode::FORBIDDEN,
            "its claims do not fit",
        ),
        No::Unknown => ("", StatusCode::SERVICE_UNAVAILABLE, "there are no keys"),
    };
    tracing::debug!(why, "a token is refused");
    Outcome::Answer(Box::new(credential::refusal(status, challenge)))
}
