//! What may follow the bytes of a tunnel and end it in its own words: the seam for protocols that limits know.

use std::fmt;

use bytes::Bytes;

use super::EndReason;

/// One end of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who asked for it.
    Client,
    /// Who granted it.
    Server,
}

impl Side {
    /// Who gets what comes from here.
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What becomes of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// So many go on. The rest, a few bytes that cannot be judged yet, comes again in front of what comes next.
    pub pass: usize,
    /// These are the last of their direction: a farewell may follow them, and what is left over is dropped.
    pub last: bool,
}

/// Follows what a tunnel carries, without I/O: bytes in, decisions out.
pub trait Watch: fmt::Debug {
    /// Looks at what came from `side`. No bytes ask whether this is a place for a farewell.
    fn look(&mut self, side: Side, bytes: &[u8]) -> Look;

    /// Whether the tunnel is to end, because of what was seen or because of [`Self::time_is_up`].
    fn is_ending(&self) -> bool;

    /// Ends the tunnel because of the time.
    fn time_is_up(&mut self, reason: EndReason);

    /// What `to` hears last; empty where there is nothing to be said.
    fn farewell(&mut self, to: Side) -> Bytes;
}
