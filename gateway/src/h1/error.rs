//! Why a head is refused, and what a server says then.

use std::fmt;

use ::http::StatusCode;

/// A head that is not HTTP/1 as we take it. The connection is of no use afterwards: nobody knows where
/// the next message would start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadError {
    /// The first line is not `METHOD SP target SP HTTP/x.y`, or not a status line.
    StartLine,
    /// A line ends in LF without CR, or has a CR inside.
    LineEnd,
    /// A field line starts with a blank: a folded field (RFC 9112 section 5.2).
    Folded,
    /// A field line has no colon, or its name is empty or holds a byte that names may not hold.
    FieldName,
    /// A field's value holds a control character.
    FieldValue,
    /// Over [`super::Limits`].
    TooLarge,
    /// A version whose major number is not 1.
    Version,
    /// HTTP/1.1 without `Host`.
    MissingHost,
    /// `Host` with a byte that no authority holds.
    MalformedHost,
    /// More than one `Host`.
    RepeatedHost,
    /// A `Content-Length` that is not one decimal number, or several that differ.
    ContentLength,
    /// `Content-Length` and `Transfer-Encoding` together, or the latter on HTTP/1.0.
    AmbiguousLength,
    /// A `Transfer-Encoding` other than exactly `chunked`.
    TransferEncoding,
    /// `Trailer` announces a field that cannot be one.
    Trailer,
}

impl HeadError {
    /// The status that answers it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TransferEncoding => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Status code and reason as Go's server writes them in the status line.
    fn status_text(self) -> &'static str {
        match self {
            Self::TooLarge => "431 Request Header Fields Too Large",
            Self::TransferEncoding => "501 Not Implemented",
            Self::Version => "505 HTTP Version Not Supported: unsupported protocol version",
            Self::MissingHost => "400 Bad Request: missing required Host header",
            Self::MalformedHost => "400 Bad Request: malformed Host header",
            _ => "400 Bad Request",
        }
    }

    /// The body that answers it: what Go's server sends, so that nothing of the request is echoed.
    pub fn text(self) -> &'static str {
        match self {
            Self::TransferEncoding => "Unsupported transfer encoding",
            other => other.status_text(),
        }
    }

    /// Appends the whole answer. The connection must be closed after it.
    pub fn write_answer(self, out: &mut Vec<u8>) {
        for part in [
            "HTTP/1.1 ",
            self.status_text(),
            "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n",
            self.text(),
        ] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartLine => "malformed first line",
            Self::LineEnd => "line does not end in CR LF",
            Self::Folded => "folded field",
            Self::FieldName => "malformed field name",
            Self::FieldValue => "control character in a field",
            Self::TooLarge => "head too large",
            Self::Version => "unsupported protocol version",
            Self::MissingHost => "missing required Host header",
            Self::MalformedHost => "malformed Host header",
            Self::RepeatedHost => "too many Host headers",
            Self::ContentLength => "bad Content-Length",
            Self::AmbiguousLength => "Transfer-Encoding where it makes the length ambiguous",
            Self::TransferEncoding => "unsupported transfer encoding",
            Self::Trailer => "bad trailer key",
        })
    }
}

impl std::error::Error for HeadError {}
