//! How far a session has come, from open to gone.

use std::time::Instant;

/// A connection that ended without a close frame (RFC 6455, section 7.4.1).
pub(super) const ABNORMAL: u16 = 1006;

/// See the head of this file. `code` is what the session is said to have ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// Our close frame is out or on its way; the client's answer is awaited.
    Closing {
        since: Instant,
        code: u16,
    },
    /// The client closed; our answer is on its way.
    Answering {
        since: Instant,
        code: u16,
    },
    /// The client broke the protocol; our close frame is on its way.
    Failing {
        since: Instant,
        code: u16,
    },
    /// It has been told, and nothing more will be written. What it sends is thrown away until it ends: a socket dropped
    /// with something unread is reset, and the client may never see the close frame.
    Draining {
        since: Instant,
        code: u16,
    },
    /// The socket is to be dropped.
    Gone {
        code: u16,
    },
}

impl Phase {
    /// What it is said to have ended with if the connection ends now.
    pub(super) fn code(self) -> u16 {
        match self {
            Self::Open => ABNORMAL,
            Self::Closing { code, .. }
            | Self::Answering { code, .. }
            | Self::Failing { code, .. }
            | Self::Draining { code, .. }
            | Self::Gone { code } => code,
        }
    }

    /// Since when the end is awaited.
    pub(super) fn ending_since(self) -> Option<Instant> {
        match self {
            Self::Closing { since, .. }
            | Self::Answering { since, .. }
            | Self::Failing { since, .. }
            | Self::Draining { since, .. } => Some(since),
            Self::Open | Self::Gone { .. } => None,
        }
    }

    /// Whether what the client sends still means something.
    pub(super) fn listens(self) -> bool {
        !matches!(self, Self::Failing { .. } | Self::Draining { .. })
    }
}
