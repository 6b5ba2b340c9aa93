//! Close codes (RFC 6455, section 7.4, and spec 3.5) with the reason sent beside them.

/// Why the server ends a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    /// At most 123 bytes.
    pub(super) reason: &'static str,
}

impl Close {
    pub(super) const PROTOCOL: Self = Self::new(1002, "protocol error");
    pub(super) const NOT_MASKED: Self = Self::new(1002, "frames from a client must be masked");
    pub(super) const BINARY: Self = Self::new(1003, "binary messages must be JSON");
    pub(super) const NOT_UTF8: Self = Self::new(1007, "text is not UTF-8");
    pub(super) const TOO_MANY_ERRORS: Self = Self::new(1008, "too many bad messages");
    pub(super) const TOO_FAST: Self = Self::new(1008, "too many messages");
    pub(super) const TOO_LARGE: Self = Self::new(1009, "message is too large");
    pub(super) const RESTART: Self = Self::new(1012, "server is restarting");
    pub(super) const SLOW: Self = Self::new(1013, "client is too slow");
    pub(super) const EXPIRED: Self = Self::new(4401, "token has expired");
    pub(super) const SILENT: Self = Self::new(4408, "no traffic from the client");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}
