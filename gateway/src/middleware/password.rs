//! Password hashes of `htpasswd`, for middlewares that check secrets: bcrypt, MD5-crypt (`$apr1$`, `$1$`) and SHA-1.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

/// Whether `password` is what `hash` was made of. Takes as long as the kind of hash does, whatever the outcome.
pub(super) fn verify(password: &[u8], hash: &str) -> bool {
    if let Some(encoded) = hash.strip_prefix("{SHA}") {
        let ours = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, password));
        return equal(ours.as_bytes(), encoded.as_bytes());
    }
    if ["$2a$", "$2b$", "$2x$", "$2y$"]
        .iter()
        .any(|prefix| hash.starts_with(prefix))
    {
        return bcrypt::verify(password, hash).unwrap_or(false);
    }
    let mut parts = hash.splitn(4, '$');
    let (Some(_), Some(kind), Some(salt), Some(encoded)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let magic = ["$", kind, "$"].concat();
    let ours = md5_crypt(password, salt.as_bytes(), magic.as_bytes());
    equal(&ours, encoded.as_bytes())
}

/// Whether the hash is so cheap that nothing is gained by computing it elsewhere.
pub(super) fn is_cheap(hash: &str) -> bool {
    hash.starts_with("{SHA}")
}

fn equal(a: &[u8], b: &[u8]) -> bool {
    verify_slices_are_equal(a, b).is_ok()
}

/// Poul-Henning Kamp's MD5-crypt, without the magic and the salt before it.
fn md5_crypt(password: &[u8], salt: &[u8], magic: &[u8]) -> Vec<u8> {
    let mut inner = Md5::new();
    inner.update(password);
    inner.update(salt);
    inner.update(password);
    let inner = inner.finalize();

    let mut outer = Md5::new();
    outer.update(password);
    outer.update(magic);
    outer.update(salt);
    let mut left = password.len();
    while left > 0 {
        outer.update(&inner[..left.min(16)]);
        left = left.saturating_sub(16);
    }
    let mut bits = password.len();
    while bits > 0 {
        match bits & 1 {
            1 => outer.update([0]),
            _ => outer.update(password.get(..1).unwrap_or_default()),
        }
        bits >>= 1;
    }
    let mut sum = outer.finalize();
    for round in 0..1000 {
        let odd = round % 2 == 1;
        let mut next = Md5::new();
        next.update(if odd { password } else { &sum[..] });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if odd { &sum[..] } else { password });
        sum = next.finalize();
    }
    encode(sum.as_ref())
}

/// The digest's bytes in the order, and the alphabet, of `crypt`.
fn encode(sum: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    let byte = |at: usize| u32::from(sum.get(at).copied().unwrap_or_default());
    let mut out = Vec::with_capacity(22);
    let mut push = |mut value: u32, count: usize| {
        for _ in 0..count {
            out.push(ALPHABET[(value & 63) as usize]);
            value >>= 6;
        }
    };
    for [high, middle, low] in ORDER {
        push(byte(high) << 16 | byte(middle) << 8 | byte(low), 4);
    }
    push(byte(11), 2);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_htpasswd() {
        assert!(verify(b"test", "$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/"));
        assert!(verify(b"password", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="));
        for broken in ["", "plain", "$apr1$x", "$2y$05$short", "{SHA}"] {
            assert!(
                !verify(b"", broken) && !verify(b"plain", broken),
                "{broken}"
            );
        }
    }
}
