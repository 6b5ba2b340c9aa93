//! Random numbers that spread requests; nothing secret may hang on them.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};

thread_local! {
    /// The operating system seeds it, by way of the standard library.
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0_u64) | 1);
}

/// Below `end`, which is not 0.
pub(super) fn below(end: usize) -> usize {
    usize::try_from(next()).unwrap_or_default() % end
}

/// From 0 to 1.
pub(super) fn fraction() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "31 bits")]
    let bits = next() as f64;
    bits / f64::from(1_u32 << 31)
}

/// 31 bits, by xorshift.
fn next() -> u64 {
    let mut bits = STATE.get();
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    STATE.set(bits);
    bits >> 33
}
