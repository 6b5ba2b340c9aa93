//! Numbers as JavaScript writes them: `30`, not `30.0`; always finite.

use serde::{Deserialize, Deserializer, Serializer};

/// The largest integer a JSON number keeps exactly everywhere, 2^53 − 1.
pub(super) const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// `number` if it is one, else 0: clients call number formatting on every numeric field.
pub(super) fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}

/// A count from any JSON number: rounded, and never below 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what a count can be"
)]
pub(super) fn count(number: f64) -> u64 {
    finite(number).round().clamp(0.0, MAX_SAFE) as u64
}

/// For `#[serde(with = "number")]` on floats.
pub(super) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let number = finite(*number);
    if number.fract() == 0.0 && number.abs() <= MAX_SAFE {
        #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
        serializer.serialize_i64(number as i64)
    } else {
        serializer.serialize_f64(number)
    }
}

/// Any JSON number.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    f64::deserialize(deserializer).map(finite)
}
