//! A length of time as Go writes it: `1m30s`, `100ms`, or a plain number of seconds.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

const MICRO: i64 = 1_000;
const MILLI: i64 = 1_000 * MICRO;
const SECOND: i64 = 1_000 * MILLI;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// A signed length of time in nanoseconds. Negative values have a meaning of their own in some options
/// (`flushInterval: -1` flushes at once), therefore this is not `std::time::Duration`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(i64);

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    #[error(
        "{0:?} is no duration; write a number of seconds or a value with units such as \"1m30s\" or \"500ms\""
    )]
    Malformed(String),
    #[error("{0:?} lacks a unit; write for example \"1.5s\"")]
    MissingUnit(String),
    #[error("unknown unit {1:?} in duration {0:?}; the units are h, m, s, ms, us and ns")]
    UnknownUnit(String, String),
    #[error("{0:?} is longer than a duration can be (292 years)")]
    TooLong(String),
}

impl Duration {
    pub const ZERO: Self = Self(0);

    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(MILLI))
    }

    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(SECOND))
    }

    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The standard library's duration; negative values become zero.
    pub const fn as_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(if self.0 < 0 { 0 } else { self.0.unsigned_abs() })
    }

    /// `None` where zero or less means "no limit", as in all of Traefik's timeouts.
    pub fn limit(self) -> Option<std::time::Duration> {
        (self.0 > 0).then(|| self.as_std())
    }
}

impl From<std::time::Duration> for Duration {
    fn from(value: std::time::Duration) -> Self {
        Self(i64::try_from(value.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(secs) = text.parse::<i64>() {
            let nanos = secs.checked_mul(SECOND);
            return nanos
                .map(Self)
                .ok_or_else(|| DurationError::TooLong(text.to_owned()));
        }
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest.is_empty() {
            return Err(DurationError::Malformed(text.to_owned()));
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let (nanos, after) = term(text, rest)?;
            total += nanos;
            rest = after;
        }
        let total = if negative { -total } else { total };
        i64::try_from(total)
            .map(Self)
            .map_err(|_| DurationError::TooLong(text.to_owned()))
    }
}

/// Reads one `number unit` pair from the front of `rest`: its nanoseconds and what follows.
fn term<'a>(text: &str, rest: &'a str) -> Result<(i128, &'a str), DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    let number_end = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(rest.len());
    let (number, after) = rest.split_at(number_end);
    let unit_end = after
        .find(|c: char| c.is_ascii_digit() || c == '.')
        .unwrap_or(after.len());
    let (unit, after) = after.split_at(unit_end);

    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return Err(malformed());
    }
    let scale = match unit {
        "" => return Err(DurationError::MissingUnit(text.to_owned())),
        "ns" => 1,
        "us" | "µs" | "μs" => MICRO,
        "ms" => MILLI,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        other => {
            return Err(DurationError::UnknownUnit(
                text.to_owned(),
                other.to_owned(),
            ));
        }
    };
    let whole: i128 = match whole {
        "" => 0,
        // More digits than any valid duration has: say so instead of overflowing.
        long if long.len() > 19 => return Err(DurationError::TooLong(text.to_owned())),
        digits => digits.parse().map_err(|_| malformed())?,
    };
    Ok((
        whole * i128::from(scale) + fraction_nanos(fraction, scale),
        after,
    ))
}

fn fraction_nanos(digits: &str, scale: i64) -> i128 {
    let mut unit = i128::from(scale) * 1_000_000_000;
    let mut nanos = 0;
    for digit in digits.bytes().take(18) {
        unit /= 10;
        nanos += i128::from(digit - b'0') * unit;
    }
    nanos / 1_000_000_000
}

impl fmt::Display for Duration {
    /// As Go prints a duration: `0s`, `100ms`, `1m30s`, `1h0m0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let nanos = self.0.unsigned_abs();
        let (second, minute, hour) = (
            SECOND.unsigned_abs(),
            MINUTE.unsigned_abs(),
            HOUR.unsigned_abs(),
        );
        if nanos == 0 {
            return f.write_str("0s");
        }
        if nanos < second {
            return match nanos {
                n if n < MICRO.unsigned_abs() => write!(f, "{n}ns"),
                n if n < MILLI.unsigned_abs() => {
                    write!(f, "{}µs", decimal(n, MICRO.unsigned_abs()))
                }
                n => write!(f, "{}ms", decimal(n, MILLI.unsigned_abs())),
            };
        }
        if nanos >= hour {
            write!(f, "{}h", nanos / hour)?;
        }
        if nanos >= minute {
            write!(f, "{}m", nanos % hour / minute)?;
        }
        write!(f, "{}s", decimal(nanos % minute, second))
    }
}

/// `value / unit` with exactly the decimals it needs.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, shown) in [
            ("0", "0s"),
            ("42", "42s"),
            ("-1", "-1s"),
            ("1m30s", "1m30s"),
            ("90s", "1m30s"),
            ("100ms", "100ms"),
            ("1.5s", "1.5s"),
            (".5h", "30m0s"),
            ("180", "3m0s"),
            ("1h", "1h0m0s"),
            ("1500us", "1.5ms"),
            ("1µs", "1µs"),
            ("7ns", "7ns"),
            ("-1.5h", "-1h30m0s"),
            ("+5s", "5s"),
        ] {
            assert_eq!(
                text.parse::<Duration>().unwrap().to_string(),
                shown,
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for text in [
            "", "soon", "-x", "1.5", "s", "1y", "1..5s", "-", "5 s", "1s1", "1d", ".s",
        ] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
        let far = "9999999999999999999999h";
        assert_eq!(
            far.parse::<Duration>(),
            Err(DurationError::TooLong(far.to_owned()))
        );
        assert!("9223372037".parse::<Duration>().is_err());
    }

    #[test]
    fn negative_is_no_limit() {
        assert_eq!(Duration::from_secs(-1).limit(), None);
        assert_eq!(Duration::ZERO.limit(), None);
        assert_eq!(
            Duration::from_secs(2).limit(),
            Some(std::time::Duration::from_secs(2))
        );
    }
}
