//! Dates as logs write them, straight into a buffer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment in UTC, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utc {
    year: i64,
    month: usize,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    nanos: u32,
}

impl Utc {
    /// Takes a moment apart; one before 1970 counts as 1970.
    pub fn new(at: SystemTime) -> Self {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self::from_unix(since.as_secs(), since.subsec_nanos())
    }

    /// From seconds since 1970. The civil calendar by Howard Hinnant's `civil_from_days`.
    pub fn from_unix(seconds: u64, nanos: u32) -> Self {
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let of_era = shifted % 146_097;
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year =
            i64::try_from(year_of_era + era * 400).unwrap_or(i64::MAX) + i64::from(month <= 2);
        Self {
            year,
            month: usize::try_from(month).unwrap_or(1),
            day,
            hour: rest / 3_600,
            minute: rest / 60 % 60,
            second: rest % 60,
            nanos,
        }
    }

    /// `23/Nov/2026:13:33:25 +0000`, as the common log format has it.
    pub fn write_clf(&self, out: &mut Vec<u8>) {
        two(out, self.day);
        out.push(b'/');
        let month = MONTHS.get(self.month.wrapping_sub(1)).unwrap_or(&"Jan");
        out.extend_from_slice(month.as_bytes());
        out.push(b'/');
        number(out, self.year.unsigned_abs());
        for part in [self.hour, self.minute, self.second] {
            out.push(b':');
            two(out, part);
        }
        out.extend_from_slice(b" +0000");
    }

    /// `2026-11-23T13:33:25Z` (RFC 3339).
    pub fn write_rfc3339(&self, out: &mut Vec<u8>) {
        self.write_to_seconds(out);
        out.push(b'Z');
    }

    /// `2026-11-23T13:33:25.0123Z`: Go's RFC3339Nano, without zeros at the end.
    pub fn write_rfc3339_nano(&self, out: &mut Vec<u8>) {
        self.write_to_seconds(out);
        if self.nanos > 0 {
            out.push(b'.');
            let mut digits = 9;
            let mut nanos = self.nanos;
            while nanos.is_multiple_of(10) {
                nanos /= 10;
                digits -= 1;
            }
            let mut scale = 10_u32.pow(digits - 1);
            while scale > 0 {
                out.push(digit(u64::from(nanos / scale % 10)));
                scale /= 10;
            }
        }
        out.push(b'Z');
    }

    fn write_to_seconds(&self, out: &mut Vec<u8>) {
        number(out, self.year.unsigned_abs());
        out.push(b'-');
        two(out, self.month as u64);
        out.push(b'-');
        two(out, self.day);
        out.push(b'T');
        two(out, self.hour);
        out.push(b':');
        two(out, self.minute);
        out.push(b':');
        two(out, self.second);
    }
}

/// Writes a number in decimal.
pub fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = digit(value % 10);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn two(out: &mut Vec<u8>, value: u64) {
    out.push(digit(value / 10 % 10));
    out.push(digit(value % 10));
}

#[expect(clippy::cast_possible_truncation, reason = "always below ten")]
fn digit(value: u64) -> u8 {
    b'0' + value as u8
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shown(seconds: u64, nanos: u32, write: fn(&Utc, &mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&Utc::from_unix(seconds, nanos), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_795_440_805, "2026-11-23T13:33:25Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(shown(seconds, 0, Utc::write_rfc3339), date);
        }
        assert_eq!(
            shown(1_795_440_805, 0, Utc::write_clf),
            "23/Nov/2026:13:33:25 +0000"
        );
    }

    #[test]
    fn nanoseconds_end_without_zeros() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:01Z"),
            (1, "1970-01-01T00:00:01.000000001Z"),
            (120_000_000, "1970-01-01T00:00:01.12Z"),
            (5_000, "1970-01-01T00:00:01.000005Z"),
        ] {
            assert_eq!(shown(1, nanos, Utc::write_rfc3339_nano), text);
        }
    }

    #[test]
    fn numbers() {
        let mut out = Vec::new();
        for value in [0, 9, 10, u64::MAX] {
            number(&mut out, value);
            out.push(b' ');
        }
        assert_eq!(out, b"0 9 10 18446744073709551615 ");
    }
}
