//! Seeded changes to messages: the same inputs on every machine.

/// xorshift64*.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// As `seed` says.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap_or_default() % end.max(1)
    }

    /// One of the messages, changed in a few places, with `pieces` put anywhere.
    pub fn mangled<M: AsRef<[u8]>>(&mut self, messages: &[M], pieces: &[&[u8]]) -> Vec<u8> {
        let mut bytes = messages[self.below(messages.len())].as_ref().to_vec();
        for _ in 0..self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(6) {
                0 => bytes.truncate(at),
                1 if at < bytes.len() => {
                    bytes.remove(at);
                }
                2 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                3 => {
                    let other = messages[self.below(messages.len())].as_ref();
                    let from = self.below(other.len());
                    bytes.splice(at..at, other[from..].iter().copied());
                }
                4 => {
                    let piece = pieces[self.below(pieces.len())];
                    let end = (at + piece.len()).min(bytes.len());
                    bytes.splice(at..end, piece.iter().copied());
                }
                _ => {
                    let piece = pieces[self.below(pieces.len())];
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
        }
        bytes
    }
}

/// Checks each message, then `cases` mangled ones. `CODEC_CASES` and `CODEC_SEED` change how many and which.
pub fn run<M: AsRef<[u8]>>(messages: &[M], pieces: &[&[u8]], cases: u64, check: fn(&[u8])) {
    for message in messages {
        check(message.as_ref());
    }
    let mut random = Random::new(number("CODEC_SEED", 1));
    for _ in 0..number("CODEC_CASES", cases) {
        check(&random.mangled(messages, pieces));
    }
}

fn number(name: &str, usual: u64) -> u64 {
    let said = std::env::var(name).ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(usual)
}
