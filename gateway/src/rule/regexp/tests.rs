//! What Go's `regexp` says of the same expressions; the answers were taken from Go itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
